import { type At, listOperators, modifiers, operators, symbolOperators, wordOperators } from './ast.ts';
import type { ExceptionValue, OneOrMany } from './exception-item.ts';
import type { Report } from './item-value.ts';
import { didYouMean } from './nearest.ts';
import { inQuotes, insertedText, joinSources, type Source } from './source.ts';

/** An exception whose fields and operators fit each other. */
export type Exception = {
  readonly name: string;
  readonly fields: OneOrMany;
  readonly comps: OneOrMany;
  readonly values: readonly ExceptionValue[];
  readonly at: At;
};

export function defaultComps(fields: OneOrMany): OneOrMany {
  const { at } = fields;
  const text = (word: string): Source => insertedText(word, at.source, at.span.start);
  return fields.many
    ? { many: true, sources: fields.sources.map(() => text('=')), at }
    : { many: false, sources: [text('in')], at };
}

const stringOperators: readonly string[] = [...symbolOperators, ...wordOperators];

function isWithModifier(comp: string): boolean {
  const [operator = '', modifier = '', ...rest] = comp.split(' ');
  return rest.length === 0 && stringOperators.includes(operator) && modifiers.some((known) => known === modifier);
}

type Misfit = { readonly reason: string; readonly at: At };

/** Why the operators do not fit the fields, and which of them; `undefined`: they do. */
export function checkComps(fields: OneOrMany, comps: OneOrMany): Misfit | undefined {
  const { at } = comps;
  if (fields.many !== comps.many)
    return { reason: `fields is ${fields.many ? 'a list' : 'one text'}, so comps must be, too`, at };
  if (fields.sources.length !== comps.sources.length)
    return { reason: `${fields.sources.length} fields but ${comps.sources.length} comps`, at };
  for (const source of comps.sources) {
    const comp = source.text.trim();
    if (isWithModifier(comp)) continue;
    if (!operators.some((operator) => operator === comp)) {
      const hint = didYouMean(comp, operators);
      return { reason: `unknown operator ${JSON.stringify(comp)}${hint}`, at: wholeOf(source) };
    }
    if (!comps.many && !listOperators.some((operator) => operator === comp)) {
      return {
        reason: `with one field the operator must be in, pmatch, intersects or one with oneof, anyof or allof, found ${comp}`,
        at: wholeOf(source),
      };
    }
  }
  return undefined;
}

/**
 * Puts the exceptions into the condition as text: `(condition) and not (…)`. Values are neither quoted nor escaped,
 * unless they hold a blank. `undefined`: a row does not fit its fields, which was reported.
 */
export function foldExceptions(
  condition: Source,
  exceptions: readonly Exception[],
  report: Report,
): Source | undefined {
  const [any] = exceptions;
  if (any === undefined) return condition;
  const parts: Source[] = [ours('(', condition), condition, insertedText(')', condition, condition.text.length)];
  let faulty = false;
  for (const exception of exceptions) {
    if (exception.values.length === 0) continue;
    const folded = exception.fields.many ? foldRows(exception, report) : foldSingle(exception, report);
    if (folded === undefined) faulty = true;
    else parts.push(nearTo(' and not ', exception.at), ...folded);
  }
  if (faulty) return undefined;
  const joined = joinSources([ours('', condition), ...parts]);
  return condition.owner === undefined ? joined : { ...joined, owner: condition.owner };
}

function ours(text: string, near: Source): Source {
  return insertedText(text, near, 0);
}

function nearTo(text: string, at: At): Source {
  return insertedText(text, at.source, at.span.start);
}

function foldSingle(exception: Exception, report: Report): readonly Source[] | undefined {
  const { fields, comps, values, at, name } = exception;
  const [field] = fields.sources;
  const [comp] = comps.sources;
  if (field === undefined || comp === undefined) throw new Error('the single form has one field and one operator');
  const parts: Source[] = [nearTo('(', at), field, nearTo(` ${comp.text.trim()} (`, at)];
  for (const [index, value] of values.entries()) {
    if (value.kind === 'many')
      return report(
        'LOAD_ERR_VALIDATE',
        `exception ${name} has one field, so its values must be texts, not lists`,
        value.at,
      );
    if (index > 0) parts.push(ours(', ', value.source));
    parts.push(quoted(value.source));
  }
  parts.push(nearTo('))', at));
  return parts;
}

function foldRows(exception: Exception, report: Report): readonly Source[] | undefined {
  const { fields, comps, values, at, name } = exception;
  const parts: Source[] = [nearTo('(', at)];
  for (const [index, row] of values.entries()) {
    if (index > 0) parts.push(nearTo(' or ', at));
    if (row.kind === 'one')
      return report(
        'LOAD_ERR_VALIDATE',
        `exception ${name}: each of values must be a list with one entry for each of ${fieldNames(fields)}`,
        wholeOf(row.source),
      );
    if (row.values.length !== fields.sources.length) {
      return report(
        'LOAD_ERR_VALIDATE',
        `exception ${name} has ${fields.sources.length} fields (${fieldNames(fields)}) but this row has ${row.values.length} values`,
        row.at,
      );
    }
    parts.push(nearTo('( ', row.at));
    for (const [column, value] of row.values.entries()) {
      const field = fields.sources[column];
      const comp = comps.sources[column]?.text.trim();
      if (field === undefined || comp === undefined) throw new Error('the lengths were compared before');
      if (column > 0) parts.push(nearTo(' and  ', row.at));
      const written = writeValue(value, comp, report, name);
      if (written === undefined) return undefined;
      parts.push(field, nearTo(` ${comp} `, row.at), ...written);
    }
    parts.push(nearTo(')', row.at));
  }
  parts.push(nearTo(')', at));
  return parts;
}

function fieldNames(fields: OneOrMany): string {
  return fields.sources.map(({ text }) => text).join(', ');
}

function wholeOf(source: Source): At {
  return { source, span: { start: 0, end: Math.max(1, source.text.length) } };
}

function writeValue(value: ExceptionValue, comp: string, report: Report, name: string): readonly Source[] | undefined {
  const takesList = isWithModifier(comp) || listOperators.some((operator) => operator === comp);
  if (value.kind === 'one') {
    // Brackets of its own make it a list, whatever it holds.
    if (takesList && value.source.text.startsWith('(')) return [value.source];
    const text = quoted(value.source);
    return takesList ? [ours('(', text), text, ours(')', text)] : [text];
  }
  const parts: Source[] = [nearTo('(', value.at)];
  for (const [index, element] of value.values.entries()) {
    if (element.kind === 'many')
      return report('LOAD_ERR_VALIDATE', `exception ${name}: a list inside a list inside a row`, element.at);
    if (index > 0) parts.push(ours(', ', element.source));
    parts.push(quoted(element.source));
  }
  parts.push(nearTo(')', value.at));
  return parts;
}

function quoted(source: Source): Source {
  const { text } = source;
  if (!text.includes(' ') || text.startsWith('"') || text.startsWith("'")) return source;
  return inQuotes(source);
}
