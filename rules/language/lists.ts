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

export function compileLists(definitions: ReadonlyMap<string, ListDefinition>, used: Set<string>): Lists {
  const all = joinLists(definitions, used);
  const names = all.map(({ name }) => name);
  return {
    all,
    byName: new Map(names.map((name, index) => [name, index])),
    odd: names.flatMap((name, index) => (delimiter.test(name) ? [index] : [])),
  };
}

/** Puts lists' items in place of their names inside other lists: one level, and only those known before. */
function joinLists(lists: ReadonlyMap<string, ListDefinition>, used: Set<string>): readonly CompiledList[] {
  return [...lists.values()].map((definition) => {
    const items = definition.items.flatMap((item) => {
      const other = lists.get(item.text);
      if (other === undefined || other.index >= definition.visibility) return [item];
      used.add(other.name);
      return other.items;
    });
    const { name } = definition;
    let written: Source | undefined;
    return {
      name,
      items,
      written: () => {
        written ??= joinItems(items, definition);
        return written;
      },
      definition,
    };
  });
}

/**
 * Replaces every occurrence of every list's name by its items. This is plain text replacement, inside quotes, too: rule
 * files depend on that. `undefined`: the text grew too long. `known`: the words of conditions, from one pass to the next.
 */
export function substituteLists(
  condition: Source,
  lists: Lists,
  used: Set<string>,
  known: Map<Source, ReadonlySet<string>>,
): Source | undefined {
  let result = condition;
  let words = known.get(condition) ?? wordsOf(condition.text);
  known.set(condition, words);
  for (let index = nextIn(words, lists, -1); ; index = nextIn(words, lists, index)) {
    const list = lists.all[index];
    if (list === undefined) break;
    const replaced = substituteList(result, list);
    if (replaced === undefined) return undefined;
    if (replaced === result) continue;
    used.add(list.name);
    result = replaced;
    words = new Set([...words, ...wordsOf(list.written().text)]);
  }
  if (result === condition || condition.owner === undefined) return result;
  return { ...result, owner: condition.owner };
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
