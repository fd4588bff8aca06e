import type { Diagnostic } from './diagnostic.ts';
import { locate } from './source.ts';
import { deprecatedFieldIn } from './warnings.ts';
import type { Entry, Value } from './yaml-reader.ts';

/**
 * Where a message belongs, as `falco --validate` says it in its JSON (specification §9): from the whole file down to the
 * item, the key, the entry, and the letter of a condition. Line, column and offset count from 0 in the file.
 */
export type FalcoContext = { readonly locations: readonly Location[]; readonly snippet: string };

export type Location = {
  readonly item_type: string;
  readonly item_name: string;
  readonly position: Position;
};

/** `name`: the file, or of a condition's letter the beginning of the condition in quotes. */
type Position = { readonly name: string; readonly line: number; readonly column: number; readonly offset: number };

/** A value of the file, with the word for what it is. */
type Level = { readonly type: string; readonly name: string; readonly value: Value };

/** What Falco says of a rule, macro or list as a whole, wherever in it the cause stands. */
const aboutTheItem: ReadonlySet<string> = new Set([
  'LOAD_NO_EVTTYPE',
  'LOAD_UNUSED_MACRO',
  'LOAD_UNUSED_LIST',
  'LOAD_UNKNOWN_SOURCE',
  'LOAD_UNKNOWN_ITEM',
  'LOAD_UNKNOWN_KEY',
  'LOAD_INVALID_MACRO_NAME',
  'LOAD_INVALID_LIST_NAME',
]);

/** Of a condition as a whole. */
const aboutTheCondition: ReadonlySet<string> = new Set(['LOAD_UNSAFE_NA_CHECK']);

/** `documents`: by path, what each file that was loaded holds. */
export function falcoContext(diagnostic: Diagnostic, documents: ReadonlyMap<string, readonly Value[]>): FalcoContext {
  const { code, source, span } = diagnostic;
  const place = locate(source, span.start);
  const { path, offset } = place;
  const file: Location = whole(path);
  if (code === 'LOAD_ERR_FILE_READ') return { locations: [file], snippet: '<No context available>\n' };
  const snippet = `${place.lineText}\n${' '.repeat(place.column - 1)}^\n`;
  if (code === 'LOAD_ERR_YAML_PARSE') {
    const position = { name: path, line: place.line - 1, column: place.column - 1, offset };
    return { locations: [file, { item_type: 'value for', item_name: '', position }], snippet };
  }
  const levels = levelsAt(documents.get(path) ?? [], offset);
  const shown = shownLevels(diagnostic, levels);
  const locations = [file, ...shown.map((level) => ofLevel(path, level))];
  const last = locations.at(-1) ?? file;
  if (!isInCondition(diagnostic, levels)) return { locations, snippet };
  const inside = insideCondition(diagnostic, last.position);
  return { locations: [...locations, inside.location], snippet: inside.snippet };
}

function whole(path: string): Location {
  return { item_type: 'rules content', item_name: '', position: { name: path, line: 0, column: 0, offset: 0 } };
}

function ofLevel(path: string, { type, name, value }: Level): Location {
  const { line, column, offset } = locate(value.at.source, value.at.span.start);
  return { item_type: type, item_name: name, position: { name: path, line: line - 1, column: column - 1, offset } };
}

function isInCondition({ code, source }: Diagnostic, levels: readonly Level[]): boolean {
  if (aboutTheItem.has(code) || aboutTheCondition.has(code) || code === 'LOAD_DEPRECATED_ITEM') return false;
  const isText = source.owner?.startsWith('rule ') === true || source.owner?.startsWith('macro ') === true;
  return isText && levels.some(({ type }) => type.endsWith(' condition'));
}

/** Falco stops at the item for what concerns all of it, and names no key on the way to an unknown macro. */
function shownLevels({ code, message }: Diagnostic, levels: readonly Level[]): readonly Level[] {
  if (aboutTheItem.has(code)) return levels.slice(0, 1);
  // A key is deprecated as part of its item; a field where it is used.
  if (code === 'LOAD_DEPRECATED_ITEM') return levels.slice(0, deprecatedFieldIn(message) === undefined ? 1 : 2);
  if (code === 'LOAD_ERR_VALIDATE' || code === 'LOAD_EXCEPTION_NAME_NOT_UNIQUE' || code === 'LOAD_APPEND_NO_VALUES') {
    // It names the exception right below its rule, and knows no place within.
    return levels
      .slice(0, 2)
      .filter(({ type }, index) => index === 0 || type === 'exception' || type.startsWith('required plugin'));
  }
  return levels;
}

/** From the item down to the value that `offset` stands in; empty between the items. */
function levelsAt(documents: readonly Value[], offset: number): readonly Level[] {
  const items = documents.flatMap((document) => (document.kind === 'list' ? document.items : []));
  const item = lastBefore(items, offset);
  if (item === undefined) return [];
  const top = describeItem(item);
  if (item.kind !== 'map') return [top];
  const entry = item.entries.findLast(({ keyAt }) => keyAt.span.start <= offset);
  return entry === undefined ? [top] : [top, ...levelsInEntry(top.type, entry, offset)];
}

function lastBefore(values: readonly Value[], offset: number): Value | undefined {
  return values.findLast(({ at }) => at.span.start <= offset);
}

function describeItem(item: Value): Level {
  const entries = item.kind === 'map' ? item.entries : [];
  for (const type of ['required_engine_version', 'required_plugin_versions', 'list', 'macro', 'rule']) {
    const entry = entries.find(({ key }) => key === type);
    if (entry === undefined) continue;
    if (type === 'required_plugin_versions') return { type: 'required plugin versions', name: '', value: entry.value };
    const name = type === 'required_engine_version' ? '' : textOf(entry.value);
    return { type, name, value: item };
  }
  return { type: 'rules content item', name: '', value: item };
}

function textOf(value: Value | undefined): string {
  return value?.kind === 'text' ? value.text : '';
}

function levelsInEntry(item: string, { key, keyAt, value }: Entry, offset: number): readonly Level[] {
  const inKey = offset < keyAt.span.end;
  switch (key) {
    case 'required_plugin_versions':
      return pluginAt(value, offset);
    // What is wrong with the name or with a key itself is said of the item.
    case item:
      return [];
    case 'condition':
      return [{ type: `${item} condition`, name: '', value }];
    case 'output':
      return [{ type: 'rule output', name: '', value }];
    case 'priority':
      return [{ type: 'rule priority', name: '', value }];
    case 'override':
      return [{ type: 'overrides', name: '', value }, ...overrideAt(value, offset)];
    case 'exceptions':
      return exceptionAt(value, offset);
    default: {
      const of: Level = { type: 'value for', name: key, value };
      const entry = value.kind === 'list' && !inKey ? lastBefore(value.items, offset) : undefined;
      return entry === undefined ? [of] : [of, { type: 'list item', name: '', value: entry }];
    }
  }
}

function overrideAt(value: Value, offset: number): readonly Level[] {
  const entry = value.kind === 'map' ? value.entries.findLast(({ keyAt }) => keyAt.span.start <= offset) : undefined;
  if (entry === undefined) return [];
  const at = { kind: 'null', at: entry.keyAt } as const;
  return offset < entry.keyAt.span.end
    ? [{ type: 'overrides', name: entry.key, value: at }]
    : [{ type: 'value for', name: entry.key, value: entry.value }];
}

/** Falco names an exception right below its rule, and the list of exceptions only where none of them is meant. */
function exceptionAt(value: Value, offset: number): readonly Level[] {
  const one = value.kind === 'list' ? lastBefore(value.items, offset) : undefined;
  if (one === undefined) return [{ type: 'exceptions', name: '', value }];
  const entries = one.kind === 'map' ? one.entries : [];
  const top: Level = { type: 'exception', name: textOf(entries.find(({ key }) => key === 'name')?.value), value: one };
  const entry = entries.findLast(({ keyAt }) => keyAt.span.start <= offset);
  if (entry === undefined || entry.key === 'name') return [top];
  if (entry.key !== 'values') return [top, { type: 'value for', name: entry.key, value: entry.value }];
  const values: Level = { type: 'exception values', name: '', value: entry.value };
  const line = entry.value.kind === 'list' ? lastBefore(entry.value.items, offset) : undefined;
  return line === undefined ? [top, values] : [top, values, { type: 'exception value', name: '', value: line }];
}

function pluginAt(value: Value, offset: number): readonly Level[] {
  const plugin = value.kind === 'list' ? lastBefore(value.items, offset) : undefined;
  if (plugin?.kind !== 'map') return [];
  const name = textOf(plugin.entries.find(({ key }) => key === 'name')?.value);
  const top: Level = { type: 'required plugin versions entry', name, value: plugin };
  const others = plugin.entries.find(({ key }) => key === 'alternatives')?.value;
  const other = others?.kind === 'list' ? lastBefore(others.items, offset) : undefined;
  if (other?.kind !== 'map') return [top];
  const alternative = textOf(other.entries.find(({ key }) => key === 'name')?.value);
  return [top, { type: 'required plugin versions alternative', name: alternative, value: other }];
}

/** The longest beginning of a condition that names a position, and how far a snippet goes to either side. */
const mostName = 20;
const snippetReach = 80;

function insideCondition({ source, span }: Diagnostic, parent: Position): { location: Location; snippet: string } {
  const { text } = source;
  const before = text.slice(0, span.start);
  const lineStart = before.lastIndexOf('\n') + 1;
  // The condition's own line and column count from 1, and are added to where it stands.
  const line = before.split('\n').length;
  const column = span.start - lineStart + 1;
  const name = text.length > mostName ? `"${text.slice(0, mostName - 3)}..."` : `"${text}"`;
  return {
    location: {
      item_type: 'condition expression',
      item_name: '',
      position: {
        name: name.replace(/[\r\n]/g, ' '),
        line: parent.line + line,
        column: parent.column + column,
        offset: parent.offset + span.start,
      },
    },
    snippet: snippetOf(text, span.start, lineStart),
  };
}

function snippetOf(text: string, at: number, lineStart: number): string {
  const found = text.indexOf('\n', at);
  const lineEnd = found === -1 ? text.length : found;
  const from = Math.max(lineStart, at - snippetReach);
  const to = Math.min(lineEnd, at + snippetReach);
  const head = from > lineStart ? '...' : '';
  const tail = to < lineEnd ? '...' : '';
  const shown = `${head}${text.slice(from + head.length, to - tail.length)}${tail}`;
  return `${shown}\n${' '.repeat(at - from)}^\n`;
}
