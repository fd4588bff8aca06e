import {
  type At,
  type CheckNode,
  type FieldNode,
  type LiteralNode,
  listOperators,
  type Modifier,
  modifiers,
  type Node,
  numberOperators,
  type Operand,
  type Operator,
  type Right,
  type StringOperator,
  symbolOperators,
  type TransformerName,
  type TransformerNode,
  transformerNames,
  wordOperators,
} from './ast.ts';
import type { DiagnosticCode, Result } from './diagnostic.ts';
import {
  type Cursor,
  fail,
  findClosingQuote,
  makeCursor,
  maxDepth,
  seesQuote,
  takeArgument,
  takeBare,
  takeBlank,
  takeFieldName,
  takeIdentifier,
  takeNegation,
  takeNumber,
  takeQuoted,
  takeText,
} from './lexer.ts';
import { didYouMean } from './nearest.ts';
import { failOperator, failRest, seen } from './parse-errors.ts';
import { locate, type Source } from './source.ts';

/** Parses a whole condition. Every error is at the first place where no reading is possible any more. */
export function parseCondition(source: Source): Result<Node> {
  const cursor = makeCursor(source, 'LOAD_ERR_COMPILE_CONDITION');
  const node = parseOr(cursor);
  takeBlank(cursor);
  if (node !== undefined && cursor.at < cursor.text.length) failRest(cursor);
  if (cursor.error !== undefined) return { ok: false, diagnostics: [cursor.error] };
  if (node === undefined) throw new Error('the parser failed without saying why');
  return { ok: true, value: node };
}

/** Parses a field expression of an exception: a field or a transformer, and nothing else. */
export function parseFieldExpression(source: Source, code: DiagnosticCode): Result<FieldNode | TransformerNode> {
  const cursor = makeCursor(source, code);
  takeBlank(cursor);
  const node = parseLeft(cursor);
  takeBlank(cursor);
  if (node === undefined) fail(cursor, `expected a field, found ${seen(cursor)}`);
  else if (cursor.at < cursor.text.length) fail(cursor, `unexpected ${seen(cursor)} after the field`);
  if (cursor.error !== undefined || node === undefined) {
    if (cursor.error === undefined) throw new Error('the parser failed without saying why');
    return { ok: false, diagnostics: [cursor.error] };
  }
  return { ok: true, value: node };
}

function atFrom(cursor: Cursor, start: number): At {
  return { source: cursor.source, span: { start, end: cursor.at } };
}

function parseOr(cursor: Cursor): Node | undefined {
  return parseChain(cursor, 'or', parseAnd);
}

function parseAnd(cursor: Cursor): Node | undefined {
  return parseChain(cursor, 'and', parseNot);
}

/** `part { word part }`; a word that touches `(` takes exactly that group as its operand. */
function parseChain(
  cursor: Cursor,
  kind: 'and' | 'or',
  parsePart: (cursor: Cursor) => Node | undefined,
): Node | undefined {
  takeBlank(cursor);
  const first = parsePart(cursor);
  if (first === undefined) return undefined;
  const children = [first];
  takeBlank(cursor);
  while (takeText(cursor, kind)) {
    let next: Node | undefined;
    if (takeBlank(cursor)) next = parsePart(cursor);
    else if (takeText(cursor, '(')) next = parseGroupRest(cursor);
    else return fail(cursor, `expected a blank or ( after ${JSON.stringify(kind)}, found ${seen(cursor)}`);
    if (next === undefined) return undefined;
    children.push(next);
    takeBlank(cursor);
  }
  return children.length === 1 ? first : { kind, children };
}

/** What follows an opening parenthesis. */
function parseGroupRest(cursor: Cursor): Node | undefined {
  const opened = cursor.at - 1;
  if (++cursor.depth > maxDepth) return fail(cursor, `more than ${maxDepth} nested parentheses`);
  const node = parseOr(cursor);
  cursor.depth--;
  if (node === undefined) return undefined;
  takeBlank(cursor);
  if (!takeText(cursor, ')')) {
    const { line, column } = locate(cursor.source, opened);
    return fail(cursor, `expected ) for the ( in line ${line}, column ${column}; found ${seen(cursor)}`);
  }
  return node;
}

/** `not` needs a blank or `(` behind it; without one it begins a name, or is one. */
function parseNot(cursor: Cursor): Node | undefined {
  takeBlank(cursor);
  let negated = false;
  while (takeNegation(cursor)) negated = !negated;
  let child: Node | undefined;
  if (takeText(cursor, 'not(')) {
    negated = !negated;
    child = parseGroupRest(cursor);
  } else {
    takeBlank(cursor);
    child = parseCheck(cursor);
  }
  if (child === undefined) return undefined;
  return negated ? { kind: 'not', child } : child;
}

function parseCheck(cursor: Cursor): Node | undefined {
  if (takeText(cursor, '(')) return parseGroupRest(cursor);
  const start = cursor.at;
  const left = parseLeft(cursor);
  if (cursor.error !== undefined) return undefined;
  if (left !== undefined) return parseOperator(cursor, left, start);
  const name = takeIdentifier(cursor);
  if (name !== undefined && cursor.text[cursor.at] === '(')
    return fail(cursor, `unknown transformer ${name}${didYouMean(name, transformerNames)}`, start, cursor.at);
  if (name === undefined) return fail(cursor, `expected a field, a macro, "not" or (, found ${seen(cursor)}`);
  return { kind: 'name', name, at: atFrom(cursor, start) };
}

function parseLeft(cursor: Cursor): FieldNode | TransformerNode | undefined {
  return parseTransformer(cursor) ?? parseField(cursor);
}

/** `undefined` without an error: no field starts here. */
function parseField(cursor: Cursor): FieldNode | undefined {
  if (cursor.error !== undefined) return undefined;
  const start = cursor.at;
  const name = takeFieldName(cursor);
  if (name === undefined) return undefined;
  const argument = parseArgument(cursor);
  if (cursor.error !== undefined) return undefined;
  return { kind: 'field', name, argument, at: atFrom(cursor, start) };
}

/** `[text]` or `["text"]`, directly after a name. */
export function parseArgument(cursor: Cursor): string | undefined {
  if (!takeText(cursor, '[')) return undefined;
  const text = seesQuote(cursor) ? takeQuoted(cursor) : takeArgument(cursor);
  if (cursor.error !== undefined) return undefined;
  if (text === undefined) return fail(cursor, `expected an argument between [ and ], found ${seen(cursor)}`);
  if (!takeText(cursor, ']')) return fail(cursor, `expected ] after the argument, found ${seen(cursor)}`);
  return text;
}

const transformerStart = new RegExp(`(?:${transformerNames.join('|')})\\(`, 'y');

function parseTransformer(cursor: Cursor): TransformerNode | undefined {
  const start = cursor.at;
  const call = parseCall(cursor);
  if (call === undefined) return undefined;
  const argument = parseArgument(cursor);
  if (cursor.error !== undefined) return undefined;
  return argument === undefined ? call : { ...call, argument, at: atFrom(cursor, start) };
}

/** A transformer without what may follow in brackets. `undefined` without an error: none starts here. */
export function parseCall(cursor: Cursor): TransformerNode | undefined {
  const start = cursor.at;
  transformerStart.lastIndex = start;
  const found = transformerStart.exec(cursor.text)?.[0].slice(0, -1);
  const name = transformerNames.find((known: TransformerName) => known === found);
  if (name === undefined) return undefined;
  cursor.at += name.length + 1;
  const operands = parseItems(cursor, `a value for ${name}()`, parseOperand);
  if (operands === undefined) return undefined;
  if (operands.length === 0) return fail(cursor, `${name}() needs a value`, start, cursor.at);
  return { kind: 'transformer', name, operands, argument: undefined, at: atFrom(cursor, start) };
}

/** `[ item { "," item } ] ")"`, blanks anywhere between. */
function parseItems<T>(cursor: Cursor, what: string, parseItem: (cursor: Cursor) => T | undefined): T[] | undefined {
  if (++cursor.depth > maxDepth) return fail(cursor, `more than ${maxDepth} nested parentheses`);
  const items: T[] = [];
  takeBlank(cursor);
  const first = parseItem(cursor);
  if (cursor.error !== undefined) return undefined;
  if (first !== undefined) {
    items.push(first);
    takeBlank(cursor);
    while (takeText(cursor, ',')) {
      takeBlank(cursor);
      const next = parseItem(cursor);
      if (next === undefined) return fail(cursor, `expected ${what} after the comma, found ${seen(cursor)}`);
      items.push(next);
      takeBlank(cursor);
    }
  }
  if (!takeText(cursor, ')')) {
    const wanted = items.length === 0 ? `${what} or )` : ', or )';
    return fail(cursor, `expected ${wanted}, found ${seen(cursor)}`);
  }
  cursor.depth--;
  return items;
}

function parseOperand(cursor: Cursor): Operand | undefined {
  const start = cursor.at;
  if (takeText(cursor, '(')) {
    const items = parseItems(cursor, 'a field or a value', parseScalarOperand);
    return items && { kind: 'tuple', items, at: atFrom(cursor, start) };
  }
  return parseScalarOperand(cursor);
}

function parseScalarOperand(cursor: Cursor): Operand | undefined {
  const start = cursor.at;
  if (seesQuote(cursor)) {
    const value = takeQuoted(cursor);
    return value === undefined ? undefined : { kind: 'literal', value, number: false, at: atFrom(cursor, start) };
  }
  const number = takeNumber(cursor);
  if (number !== undefined) return { kind: 'literal', value: number, number: true, at: atFrom(cursor, start) };
  return parseLeft(cursor);
}

function parseOperator(cursor: Cursor, left: FieldNode | TransformerNode, start: number): CheckNode | undefined {
  takeBlank(cursor);
  if (takeText(cursor, 'exists')) return check(cursor, left, start, 'exists', undefined);
  const number = numberOperators.find((operator) => takeText(cursor, operator));
  if (number !== undefined) {
    takeBlank(cursor);
    return check(cursor, left, start, number, parseRightField(cursor) ?? parseNumber(cursor, number));
  }
  const string = takeStringOperator(cursor);
  if (string !== undefined) {
    const modifier = takeModifier(cursor);
    takeBlank(cursor);
    const right =
      modifier === undefined ? (parseRightField(cursor) ?? parseValue(cursor, string)) : parseList(cursor, string);
    return check(cursor, left, start, string, right, modifier);
  }
  const list = listOperators.find((operator) => takeText(cursor, operator));
  if (list === undefined) return failOperator(cursor);
  takeBlank(cursor);
  return check(cursor, left, start, list, parseRightField(cursor) ?? parseList(cursor, list));
}

function check(
  cursor: Cursor,
  left: FieldNode | TransformerNode,
  start: number,
  operator: Operator,
  right: Right | undefined,
  modifier?: Modifier,
): CheckNode | undefined {
  if (cursor.error !== undefined) return undefined;
  return { kind: 'check', left, operator, modifier, right, at: atFrom(cursor, start) };
}

const wordOperator = new RegExp(`(?:${wordOperators.join('|')})(?=[ \\t\\n\\r\\b])`, 'y');

/** `=`, `==`, `!=`, or a word that a blank follows. */
function takeStringOperator(cursor: Cursor): StringOperator | undefined {
  const symbol = symbolOperators.find((operator) => takeText(cursor, operator));
  if (symbol !== undefined) return symbol;
  wordOperator.lastIndex = cursor.at;
  const found = wordOperator.exec(cursor.text)?.[0];
  const word = wordOperators.find((operator) => operator === found);
  if (word !== undefined) cursor.at += word.length;
  return word;
}

const modifierStart = /[ \t\n\r\b]+(oneof|anyof|allof)[ \t\n\r\b]+(?=\(|([a-zA-Z]+[a-zA-Z0-9_]*))/y;

/** A modifier only if a list can follow; otherwise the word is an ordinary value. */
function takeModifier(cursor: Cursor): Modifier | undefined {
  modifierStart.lastIndex = cursor.at;
  const found = modifierStart.exec(cursor.text);
  if (found === null || found[2] === 'and' || found[2] === 'or' || found[2] === 'not') return undefined;
  cursor.at += found[0].length;
  return modifiers.find((modifier) => modifier === found[1]);
}

/** A transformer or `val(field)`; `undefined` without an error when neither starts here. */
function parseRightField(cursor: Cursor): Right | undefined {
  const start = cursor.at;
  if (!takeText(cursor, 'val(')) return parseTransformer(cursor);
  takeBlank(cursor);
  const field = parseField(cursor);
  if (cursor.error !== undefined) return undefined;
  if (field === undefined) return fail(cursor, `val() takes a field, found ${seen(cursor)}`);
  takeBlank(cursor);
  if (!takeText(cursor, ')')) return fail(cursor, `expected ) after the field of val(), found ${seen(cursor)}`);
  const argument = parseArgument(cursor);
  if (cursor.error !== undefined) return undefined;
  return { kind: 'val', field, argument, at: atFrom(cursor, start) };
}

function parseNumber(cursor: Cursor, operator: Operator): LiteralNode | undefined {
  if (cursor.error !== undefined) return undefined;
  const start = cursor.at;
  const value = takeNumber(cursor);
  if (value === undefined) return fail(cursor, `expected a number after ${operator}, found ${seen(cursor)}`);
  return { kind: 'literal', value, number: true, at: atFrom(cursor, start) };
}

function parseValue(cursor: Cursor, operator: Operator): LiteralNode | undefined {
  if (cursor.error !== undefined) return undefined;
  const value = parseText(cursor);
  if (value !== undefined && cursor.text[cursor.at] === '(') {
    const { start, end } = value.at.span;
    if (modifiers.some((modifier) => modifier === value.value))
      return fail(cursor, `a blank must stand between ${value.value} and (`);
    const hint = didYouMean(value.value, [...transformerNames, 'val']);
    return hint === ''
      ? fail(cursor, 'a value with ( in it needs quotes')
      : fail(cursor, `unknown transformer ${value.value}${hint}`, start, end);
  }
  if (value !== undefined || cursor.error !== undefined) return value;
  const hint =
    cursor.text[cursor.at] === '(' ? ' (a list needs in, intersects, pmatch or a modifier such as anyof)' : '';
  return fail(cursor, `expected a value after ${operator}, found ${seen(cursor)}${hint}`);
}

/** A quoted or a bare string. */
function parseText(cursor: Cursor): LiteralNode | undefined {
  const start = cursor.at;
  const value = seesQuote(cursor) ? takeQuoted(cursor) : takeBare(cursor);
  return value === undefined ? undefined : { kind: 'literal', value, number: false, at: atFrom(cursor, start) };
}

/**
 * `("a\.b")`: the original takes a list whose only value it cannot read for an empty one. The files that have one load,
 * so we do, too, and warn. `undefined`: no such list.
 */
function takeUnreadable(cursor: Cursor): At | undefined {
  const trial = { ...cursor };
  takeBlank(trial);
  if (!seesQuote(trial)) return undefined;
  const start = trial.at;
  const end = findClosingQuote(trial) + 1;
  if (trial.text[end] !== ')' || takeQuoted(trial) !== undefined) return undefined;
  cursor.at = end + 1;
  return { source: cursor.source, span: { start, end } };
}

function parseList(cursor: Cursor, operator: Operator): Right | undefined {
  if (cursor.error !== undefined) return undefined;
  const start = cursor.at;
  if (takeText(cursor, '(')) {
    const unread = takeUnreadable(cursor);
    if (unread !== undefined) return { kind: 'list', values: [], bare: false, unread, at: atFrom(cursor, start) };
    const values = parseItems(cursor, 'a value', parseText);
    return values && { kind: 'list', values, bare: false, at: atFrom(cursor, start) };
  }
  const value = takeIdentifier(cursor);
  if (value === undefined)
    return fail(cursor, `expected ( or the name of a list after ${operator}, found ${seen(cursor)}`);
  const at = atFrom(cursor, start);
  return { kind: 'list', values: [{ kind: 'literal', value, number: false, at }], bare: true, at };
}
