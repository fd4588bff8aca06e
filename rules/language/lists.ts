import type { ListDefinition } from './collect.ts';
import { embeddedText, inQuotes, insertedText, joinSources, type Source, sliceSource } from './source.ts';

/** Lists can multiply text; a condition that grows beyond this is refused. */
export const mostText = 262_144;

export type CompiledList = {
  readonly name: string;
  readonly items: readonly Source[];
  /** The items as they are put into a condition; put together when it is asked for first. */
  readonly written: () => Source;
  readonly definition: ListDefinition;
};

const delimiter = /[ \t\n\r(),=]/;
const blank = /[ \t\n\r]/;

/** Lists in the order of their definition, and where each name stands; `odd` are those whose name is no word. */
export type Lists = {
  readonly all: readonly CompiledList[];
  readonly byName: ReadonlyMap<string, number>;
  readonly odd: readonly number[];
};

/** `known`: those of the pass before; a list that did not change stays the same object. */
export function compileLists(
  definitions: ReadonlyMap<string, ListDefinition>,
  used: Set<string>,
  known: Map<string, CompiledList>,
): Lists {
  const all = joinLists(definitions, used, known);
  const names = all.map(({ name }) => name);
  return {
    all,
    byName: new Map(names.map((name, index) => [name, index])),
    odd: names.flatMap((name, index) => (delimiter.test(name) ? [index] : [])),
  };
}

/** Puts lists' items in place of their names inside other lists: one level, and only those known before. */
function joinLists(
  lists: ReadonlyMap<string, ListDefinition>,
  used: Set<string>,
  known: Map<string, CompiledList>,
): readonly CompiledList[] {
  return [...lists.values()].map((definition) => {
    const { name } = definition;
    const items = definition.items.flatMap((item) => {
      const other = lists.get(item.text);
      if (other === undefined || other.index >= definition.visibility) return [item];
      used.add(other.name);
      return other.items;
    });
    const before = known.get(name);
    if (
      before?.definition === definition &&
      before.items.length === items.length &&
      before.items.every((item, index) => item === items[index])
    )
      return before;
    let written: Source | undefined;
    const list: CompiledList = {
      name,
      items,
      written: () => {
        written ??= joinItems(items, definition);
        return written;
      },
      definition,
    };
    known.set(name, list);
    return list;
  });
}

/** A condition with its lists put in. */
export type Substituted = {
  readonly text: Source;
  /** The lists that were put in. */
  readonly used: readonly CompiledList[];
  /** What might be a list's name. */
  readonly words: ReadonlySet<string>;
  /** How many lists there were. */
  readonly listCount: number;
};

/**
 * Replaces every occurrence of every list's name by its items. This is plain text replacement, inside quotes, too: rule
 * files depend on that. `undefined`: the text grew too long.
 */
export function substituteLists(condition: Source, lists: Lists, used: Set<string>): Substituted | undefined {
  let result = condition;
  let words = wordsOf(condition.text);
  const putIn: CompiledList[] = [];
  for (let index = nextIn(words, lists, -1); ; index = nextIn(words, lists, index)) {
    const list = lists.all[index];
    if (list === undefined) break;
    const replaced = substituteList(result, list);
    if (replaced === undefined) return undefined;
    if (replaced === result) continue;
    used.add(list.name);
    putIn.push(list);
    result = replaced;
    words = new Set([...words, ...wordsOf(list.written().text)]);
  }
  const isOwned = result !== condition && condition.owner !== undefined;
  const text = isOwned ? { ...result, owner: condition.owner } : result;
  return { text, used: putIn, words, listCount: lists.all.length };
}

/** Whether lists, which came later, give the same text. They stay in order; new ones come behind the others. */
export function isUpToDate({ used, words, listCount }: Substituted, { all, byName, odd }: Lists): boolean {
  if (odd.length > 0) return false;
  for (const list of used) {
    const now = all[byName.get(list.name) ?? -1];
    if (now === undefined || !isSameList(now, list)) return false;
  }
  for (let index = listCount; index < all.length; index++) if (words.has(all[index]?.name ?? '')) return false;
  return true;
}

function isSameList(one: CompiledList, other: CompiledList): boolean {
  if (one === other) return true;
  return one.items.length === other.items.length && one.written().text === other.written().text;
}

/** The first list behind `after` that the words name, or might: a name that is no word is odd, but may be used. */
function nextIn(words: ReadonlySet<string>, { all, byName, odd }: Lists, after: number): number {
  let next = odd.find((index) => index > after) ?? all.length;
  for (const word of words) {
    const index = byName.get(word);
    if (index !== undefined && index > after && index < next) next = index;
  }
  return next;
}

function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.split(/[ \t\n\r(),=]+/));
}

function substituteList(condition: Source, list: CompiledList): Source | undefined {
  const { text } = condition;
  const parts: Source[] = [];
  let done = 0;
  let length = text.length;
  for (let found = text.indexOf(list.name); found !== -1; found = text.indexOf(list.name, found + 1)) {
    let start = found;
    let end = found + list.name.length;
    if (start < done || !isDelimited(text, start, end)) continue;
    while (start > done && blank.test(text[start - 1] ?? '')) start--;
    while (end < text.length && blank.test(text[end] ?? '')) end++;
    if (list.items.length === 0) {
      if (start > done && text[start - 1] === ',') start--;
      else if (text[end] === ',') end++;
    }
    const written = list.written();
    length += written.text.length;
    if (length > Math.max(mostText, text.length)) return undefined;
    parts.push(sliceSource(condition, done, start));
    if (start > 0) parts.push(insertedText(' ', condition, found));
    parts.push(embeddedText(written, condition, found), insertedText(' ', condition, found));
    done = end;
    found = end - 1;
  }
  const [first, ...others] = parts;
  if (first === undefined) return condition;
  return joinSources([first, ...others, sliceSource(condition, done)]);
}

function isDelimited(text: string, start: number, end: number): boolean {
  return (
    (start === 0 || delimiter.test(text[start - 1] ?? '')) && (end === text.length || delimiter.test(text[end] ?? ''))
  );
}

function joinItems(items: readonly Source[], { name, at }: ListDefinition): Source {
  const parts = items.flatMap((item, index) => {
    const { text } = item;
    const shown = /[ \t\n\r]/.test(text) && !/^["']/.test(text) ? inQuotes(item) : item;
    return index === 0 ? [shown] : [insertedText(', ', item, 0), shown];
  });
  const empty = insertedText('', at.source, at.span.start);
  return { ...joinSources([empty, ...parts]), owner: `list ${name}` };
}
