import type { At, FieldNode, Operand, TransformerNode } from './ast.ts';
import { checkExpression, makeChecker, type Problem } from './check.ts';
import type { Expression } from './checked.ts';
import type { FieldCatalogue, FieldUse } from './field.ts';
import { makeCursor, takeFieldName } from './lexer.ts';
import { parseArgument, parseCall } from './parser.ts';
import { printOperand } from './print.ts';
import type { Source } from './source.ts';

/** An output, read: text and values in turn. */
export type Template = {
  /** A missing value prints `<NA>`; otherwise it ends the message. */
  readonly star: boolean;
  readonly segments: readonly Segment[];
  /** Fields in the order of their appearance, repeats included; a transformer follows the fields inside it. Canonical texts. */
  readonly names: readonly string[];
};

export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'value';
      readonly expression: Expression;
      /** Bytes to cut or pad to; 0: as long as it is. */
      readonly width: number;
      /** The fields it reads. */
      readonly fields: readonly FieldUse[];
    };

export type TemplateResult =
  | { readonly ok: true; readonly template: Template }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

/** Outputs and widths beyond this are refused: they only make messages long. */
const mostLength = 65_536;

/** Reads `[*] { text | % [width] ( field | transformer ) }` and reports every error in it. */
export function readTemplate(source: Source, catalogue: FieldCatalogue): TemplateResult {
  const { text } = source;
  const problems: Problem[] = [];
  const segments: Segment[] = [];
  const names: string[] = [];
  if (text === '')
    problems.push({ message: 'the output is empty', at: { source, span: { start: 0, end: 1 } }, kind: 'invalid' });
  if (text.length > mostLength) {
    const at = { source, span: { start: mostLength, end: mostLength + 1 } };
    const message = `an output of ${text.length} characters is too long; at most ${mostLength}`;
    return { ok: false, problems: [{ message, at, kind: 'invalid' }] };
  }
  const star = text.startsWith('*');
  let at = star ? 1 : 0;
  while (at < text.length) {
    const percent = text.indexOf('%', at);
    const end = percent === -1 ? text.length : percent;
    if (end > at) segments.push({ kind: 'text', text: text.slice(at, end) });
    if (percent === -1) break;
    const token = readToken(source, percent, catalogue);
    if (token.ok) {
      segments.push({ kind: 'value', expression: token.expression, width: token.width, fields: token.fields });
      names.push(...token.names);
    } else {
      problems.push(token.problem);
    }
    at = token.end;
  }
  const [first, ...others] = problems;
  if (first !== undefined) return { ok: false, problems: [first, ...others] };
  return { ok: true, template: { star, segments, names } };
}

type Token =
  | {
      readonly ok: true;
      readonly expression: Expression;
      readonly width: number;
      readonly fields: readonly FieldUse[];
      readonly names: readonly string[];
      readonly end: number;
    }
  | { readonly ok: false; readonly problem: Problem; readonly end: number };

function readToken(source: Source, percent: number, catalogue: FieldCatalogue): Token {
  const digits = /^\d*/.exec(source.text.slice(percent + 1, percent + 12))?.[0] ?? '';
  const start = percent + 1 + digits.length;
  const at: At = { source, span: { start: percent, end: start + 1 } };
  if (Number(digits) > mostLength) {
    return {
      ok: false,
      problem: { message: `a width of ${digits} is too large; at most ${mostLength}`, at, kind: 'invalid' },
      end: start,
    };
  }
  const nodes = readCandidates(source, start, catalogue);
  const [longest] = nodes;
  if (longest === undefined) return { ok: false, problem: explain(source, percent, start, catalogue), end: start };
  const checker = makeChecker(catalogue);
  for (const node of nodes) {
    const expression = checkExpression(node, checker);
    if (expression === undefined) continue;
    const fields = fieldsOf(expression);
    return { ok: true, expression, width: Number(digits), fields, names: namesIn(node), end: node.at.span.end };
  }
  const [problem] = checker.problems;
  if (problem === undefined) throw new Error('a check failed without saying why');
  return { ok: false, problem: { ...problem, kind: 'unknown' }, end: longest.at.span.end };
}

/**
 * What the text from `start` on may be read as, the longest first: a transformer, or what names a field. Brackets behind
 * one that takes none are text.
 */
function readCandidates(
  source: Source,
  start: number,
  catalogue: FieldCatalogue,
): readonly (FieldNode | TransformerNode)[] {
  const cursor = { ...makeCursor(source, 'LOAD_ERR_COMPILE_OUTPUT'), at: start };
  const call = parseCall(cursor);
  if (call !== undefined) {
    const argument = parseArgument(cursor);
    const at = { source, span: { start, end: cursor.at } };
    return argument === undefined ? [call] : [{ ...call, argument, at }, call];
  }
  if (cursor.error !== undefined) return [];
  const name = takeFieldName(cursor);
  if (name === undefined) return [];
  const nameEnd = cursor.at;
  const argument = parseArgument(cursor);
  if (argument !== undefined && catalogue.lookup(name, argument).ok) {
    return [{ kind: 'field', name, argument, at: { source, span: { start, end: cursor.at } } }];
  }
  for (let end = nameEnd; end > start; end--) {
    const prefix = source.text.slice(start, end);
    if (/[A-Za-z0-9_]$/.test(prefix) && prefix.includes('.') && catalogue.lookup(prefix).ok) {
      return [{ kind: 'field', name: prefix, argument: undefined, at: { source, span: { start, end } } }];
    }
  }
  return [];
}

/** Fields, and each transformer behind what it takes; one that directly follows another stands for both. */
function namesIn(node: Operand): readonly string[] {
  const names: string[] = [];
  let endsInCall = false;
  const walk = (operand: Operand): void => {
    switch (operand.kind) {
      case 'literal':
        return;
      case 'tuple':
        operand.items.forEach(walk);
        return;
      case 'field':
        names.push(printOperand(operand));
        endsInCall = false;
        return;
      case 'transformer':
        operand.operands.forEach(walk);
        if (endsInCall) names.pop();
        names.push(printOperand(operand));
        endsInCall = true;
    }
  };
  walk(node);
  return names;
}

/** Why nothing that can be printed starts here. A `%` at the very end is no token at all, which nothing forgives. */
function explain(source: Source, percent: number, start: number, catalogue: FieldCatalogue): Problem {
  const cursor = { ...makeCursor(source, 'LOAD_ERR_COMPILE_OUTPUT'), at: start };
  parseCall(cursor);
  if (cursor.error !== undefined)
    return { message: cursor.error.message, at: { source, span: cursor.error.span }, kind: 'unknown' };
  const name = takeFieldName(cursor);
  if (name === undefined) {
    const message = 'a field must follow %, as in %proc.name; a % alone cannot be written';
    const kind = start === source.text.length ? 'invalid' : 'unknown';
    return { message, at: { source, span: { start: percent, end: start + 1 } }, kind };
  }
  const argument = parseArgument(cursor);
  const found = catalogue.lookup(name, argument);
  const message = found.ok ? `unknown field ${name}` : found.explain();
  return { message, at: { source, span: { start, end: start + name.length } }, kind: 'unknown' };
}

/** The fields of an expression in the order in which they stand. */
export function fieldsOf(expression: Expression): readonly FieldUse[] {
  switch (expression.kind) {
    case 'field':
      return [expression.use];
    case 'text':
      return [];
    case 'tuple':
      return expression.items.flatMap(fieldsOf);
    case 'call':
      return expression.operands.flatMap(fieldsOf);
  }
}
