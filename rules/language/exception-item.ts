import type { At } from './ast.ts';
import { entry, type MapValue, type Report, readText, shape } from './item-value.ts';
import { nearest } from './nearest.ts';
import { insertedText, type Source } from './source.ts';
import type { Entry, Value } from './yaml-reader.ts';

export type ExceptionValue =
  | { readonly kind: 'one'; readonly source: Source }
  | { readonly kind: 'many'; readonly values: readonly ExceptionValue[]; readonly at: At };
/** One text or a list of them: the shape decides what the exception means. */
export type OneOrMany = { readonly many: boolean; readonly sources: readonly Source[]; readonly at: At };

export type ExceptionItem = {
  readonly name: string;
  readonly fields: OneOrMany | undefined;
  readonly comps: OneOrMany | undefined;
  readonly values: readonly ExceptionValue[] | undefined;
  readonly at: At;
};

/** What an item does with an earlier one of its name. */
export type Change = 'define' | 'append' | 'override' | 'toggle';
const mostRepeats = 10;

/** Reads a rule's `exceptions`. `undefined`: a fault was reported. */
export function readExceptions(map: MapValue, change: Change, report: Report): readonly ExceptionItem[] | undefined {
  const found = entry(map, 'exceptions');
  if (found === undefined || found.value.kind === 'null') return [];
  if (found.value.kind !== 'list') return report(shape, 'exceptions must be a list of maps', found.value.at);
  const appending = change === 'append' || (change === 'override' && overrideOf(map) === 'append');
  const named = new Map<string, number>();
  const items: ExceptionItem[] = [];
  for (const value of found.value.items) {
    const item = readException(value, appending, report);
    if (item === undefined) continue;
    // The original warns once for each earlier one.
    const earlier = named.get(item.name) ?? 0;
    for (let count = 0; count < Math.min(earlier, mostRepeats); count++)
      report('LOAD_EXCEPTION_NAME_NOT_UNIQUE', `two exceptions are called ${item.name}; both apply`, item.at);
    named.set(item.name, earlier + 1);
    if (appending && item.values === undefined)
      report('LOAD_APPEND_NO_VALUES', `the appended exception ${item.name} has no values`, item.at);
    items.push(item);
  }
  return items;
}

function overrideOf(map: MapValue): string | undefined {
  const value = entry(map, 'override')?.value;
  const operation = value?.kind === 'map' ? entry(value, 'exceptions')?.value : undefined;
  return operation?.kind === 'text' ? operation.text : undefined;
}

function readException(value: Value, appending: boolean, report: Report): ExceptionItem | undefined {
  if (value.kind !== 'map') return report(shape, 'an exception must be a map with name and fields', value.at);
  const name = readText(value, 'name', report);
  warnAboutKeys(value, report);
  if (name === undefined) return undefined;
  const fieldsEntry = entry(value, 'fields');
  if (fieldsEntry === undefined && !appending) return report(shape, `exception ${name.text} needs fields`, name.at);
  const fields = readOneOrMany(fieldsEntry, report);
  const comps = readOneOrMany(entry(value, 'comps'), report);
  const values = entry(value, 'values')?.value;
  if (values === undefined) return { name: name.text, fields, comps, values: undefined, at: name.at };
  if (values.kind !== 'list') return report(shape, 'values must be a list', values.at);
  const rows = values.items.map((item) => readExceptionValue(item, 2, report));
  const known = rows.filter((row) => row !== undefined);
  return known.length < rows.length ? undefined : { name: name.text, fields, comps, values: known, at: name.at };
}

const keys = ['name', 'fields', 'comps', 'values'];

/** Other keys are ignored, as in the original. */
function warnAboutKeys(map: MapValue, report: Report): void {
  for (const { key, keyAt } of map.entries) {
    const near = keys.includes(key) ? undefined : nearest(key, keys);
    if (near !== undefined) report('LIKELY_TYPO', `unknown key ${key} in this exception; did you mean ${near}?`, keyAt);
  }
}

/** As in the original null, a map and an empty list count as not given. */
function readOneOrMany(found: Entry | undefined, report: Report): OneOrMany | undefined {
  if (found === undefined) return undefined;
  const { key, value } = found;
  if (value.kind === 'text') {
    if (value.text === '') return report(shape, `${key} is empty`, value.at);
    return { many: false, sources: [value.toSource()], at: value.at };
  }
  if (value.kind !== 'list' || value.items.length === 0) return undefined;
  const empty = value.items.find((item) => item.kind === 'text' && item.text === '');
  if (empty !== undefined) return report(shape, `${key} has an empty text`, empty.at);
  const texts = value.items.filter((item) => item.kind === 'text');
  if (texts.length < value.items.length) return report('LOAD_ERR_VALIDATE', `${key} must be a list of texts`, value.at);
  return { many: true, sources: texts.map((text) => text.toSource()), at: value.at };
}

function nothingAt({ source, span }: At): Source {
  return insertedText('', source, span.start);
}

/** `depth`: so many lists may still be inside each other. */
function readExceptionValue(value: Value, depth: number, report: Report): ExceptionValue | undefined {
  if (value.kind === 'text' && value.text === '') return report(shape, 'an exception value is empty', value.at);
  if (value.kind === 'text') return { kind: 'one', source: value.toSource() };
  if (value.kind === 'null') return { kind: 'one', source: nothingAt(value.at) };
  if (value.kind !== 'list' || depth === 0)
    return report(shape, 'an exception value must be a text or a list of texts', value.at);
  const values = value.items.map((item) => readExceptionValue(item, depth - 1, report));
  const known = values.filter((item) => item !== undefined);
  return known.length < values.length ? undefined : { kind: 'many', values: known, at: value.at };
}
