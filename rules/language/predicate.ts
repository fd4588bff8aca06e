import type { Operator } from './ast.ts';
import type { CheckedNode, CheckedTest, Expression } from './checked.ts';
import type { Constant } from './constants.ts';
import { isSlow } from './cost.ts';
import type { FieldReader, FieldUse, FieldValue } from './field.ts';
import { generate } from './generated.ts';
import { type Cell, cellOf, compileExpression, type Machine, makeCell } from './machine.ts';
import { compilePair, type Matcher } from './matchers.ts';
import { findShared } from './shared.ts';
import { canBeEmpty, candidatesOf, matcherOf } from './test-matcher.ts';
import { familyOf } from './type-family.ts';

/**
 * Conditions become JavaScript: one function a condition, so that the engine optimises each for the values that it
 * meets. Closures over shared code took twice the time, for the types of all conditions mix in them.
 *
 * The text of the program holds only words of this file and numbers that we counted out. What somebody wrote in a rule,
 * and how fields are read, is handed over as values (`c0`, `c1`, …).
 */
export type Predicate<E> = (event: E) => boolean;

export function compilePredicate<E>(condition: CheckedNode, machine: Machine<E>): Predicate<E> {
  const { predicates } = compileProgram([condition], [], machine);
  const [predicate] = predicates;
  if (predicate === undefined) throw new Error('one condition makes one predicate');
  return predicate;
}

export type Compiled<E> = { readonly predicates: readonly Predicate<E>[]; readonly readers: readonly FieldReader<E>[] };

/**
 * Conditions, and readers of fields, that are asked of the same events. What several conditions have in common, and is
 * dear, is worked out once per event.
 */
export function compileProgram<E>(
  conditions: readonly CheckedNode[],
  fields: readonly FieldUse[],
  machine: Machine<E>,
): Compiled<E> {
  const program: Program<E> = {
    machine,
    shared: findShared(conditions),
    constants: [machine],
    names: new Map(),
    functions: [],
    once: new Map(),
    parts: new Map(),
  };
  const entries = conditions.map((condition) => writeFunction(writeNode(condition, program, 0), program));
  const readers = fields.map((use) => writeField(use, program));
  const result = `return{predicates:[${entries.join(',')}],readers:[${readers.join(',')}]}`;
  return generate([...program.functions, result].join('\n'), program.constants);
}

/** The index of the first predicate that holds, or -1. One function of its own: the engine puts the predicates into it. */
export function compileFirst<E>(predicates: readonly Predicate<E>[]): (event: E) => number {
  const tests = predicates.map((_, index) => `c${index}(e)?${index}:`);
  return generate(`return function first(e){return ${tests.join('')}-1}`, predicates);
}

type Program<E> = {
  readonly machine: Machine<E>;
  /** The number of a part that several conditions have. */
  readonly shared: (node: CheckedNode) => number | undefined;
  /** `c0` is the machine. */
  readonly constants: unknown[];
  readonly names: Map<unknown, string>;
  readonly functions: string[];
  /** By cell, the function that fills it. */
  readonly once: Map<Cell<unknown>, string>;
  readonly parts: Map<number, Cell<boolean>>;
};

/** The engine gives up on functions of tens of kilobytes, and its parser on deep nesting: larger ones are cut up. */
const deepest = 16;
const widest = 24;

/** A value's name in the program. Small integers and truth values stand for themselves: it is we who print them. */
function constant<E>(value: unknown, program: Program<E>): string {
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isSafeInteger(value))) return `(${value})`;
  const known = program.names.get(value);
  if (known !== undefined) return known;
  const name = `c${program.constants.length}`;
  program.constants.push(value);
  program.names.set(value, name);
  return name;
}

/** `v` and `w` hold values between their reading and their test. */
function writeFunction<E>(expression: string, program: Program<E>): string {
  const name = `f${program.functions.length}`;
  program.functions.push(`function ${name}(e){let v,w;return ${expression}}`);
  return name;
}

function writeNode<E>(node: CheckedNode, program: Program<E>, depth: number): string {
  const number = program.shared(node);
  if (number !== undefined) return `${writePart(number, node, program)}(e)`;
  if (depth >= deepest) return `${writeFunction(writePlain(node, program, 0), program)}(e)`;
  return writePlain(node, program, depth);
}

function writePlain<E>(node: CheckedNode, program: Program<E>, depth: number): string {
  switch (node.kind) {
    case 'check':
      return writeTest(node, program);
    case 'not':
      return `!${writeNode(node.child, program, depth + 1)}`;
    case 'and':
    case 'or':
      return writeGroup(
        node.kind,
        node.children.map((child) => writeNode(child, program, depth + 1)),
        program,
      );
  }
}

function writeGroup<E>(kind: 'and' | 'or', parts: readonly string[], program: Program<E>): string {
  if (parts.length === 0) return constant(kind === 'and', program);
  if (parts.length <= widest) return `(${parts.join(kind === 'and' ? '&&' : '||')})`;
  const packs: string[] = [];
  for (let at = 0; at < parts.length; at += widest) {
    packs.push(`${writeFunction(writeGroup(kind, parts.slice(at, at + widest), program), program)}(e)`);
  }
  return writeGroup(kind, packs, program);
}

function writePart<E>(number: number, node: CheckedNode, program: Program<E>): string {
  const known = program.parts.get(number);
  const cell: Cell<boolean> = known ?? makeCell(program.machine);
  program.parts.set(number, cell);
  return program.once.get(cell) ?? writeOnce(cell, writeFunction(writePlain(node, program, 0), program), program);
}

/** A function that works something out once per event and keeps it in the cell; `compute` names one that does. */
function writeOnce<E>(cell: Cell<unknown>, compute: string, program: Program<E>): string {
  const name = `f${program.functions.length}`;
  const kept = constant(cell, program);
  program.functions.push(
    `function ${name}(e){if(${kept}.generation===c0.generation)return ${kept}.value;` +
      `const x=${compute}(e);${kept}.generation=c0.generation;return ${kept}.value=x}`,
  );
  program.once.set(cell, name);
  return name;
}

function writeRead<E>(expression: Expression, program: Program<E>): string {
  if (expression.kind === 'field') return `${writeField(expression.use, program)}(e)`;
  return `${constant(compileExpression(expression, program.machine), program)}(e)`;
}

/** The name of a function that reads the field. */
function writeField<E>(use: FieldUse, program: Program<E>): string {
  const { cell, read } = cellOf(use, program.machine);
  return program.once.get(cell) ?? writeOnce(cell, constant(read, program), program);
}

function writeTest<E>(test: CheckedTest, program: Program<E>): string {
  const { left, operator, right } = test;
  const read = writeRead(left, program);
  if (right.kind === 'expression') {
    const matches = constant(compilePair(operator), program);
    return `((v=${read})!==undefined&&(w=${writeRead(right.expression, program)})!==undefined&&${matches}(v,w))`;
  }
  if (operator === 'exists' && !canBeEmpty(candidatesOf(left))) return `(${read}!==undefined)`;
  const simple =
    right.kind === 'constants' && !isLong(test) ? writeSimple(test, right.values, read, program) : undefined;
  return simple ?? `((v=${read})!==undefined&&${constant(matcherFor(test, program.machine), program)}(v))`;
}

/** Equal tests have one matcher, whatever type of event they are compiled for: automata are large. */
function matcherFor<E>(test: CheckedTest, machine: Machine<E>): Matcher {
  const known = machine.matchers.get(test.text);
  if (known !== undefined) return known;
  const found = matcherOf(test);
  if (found === undefined) throw new Error(`no matcher for ${test.text}`);
  const matches = isLong(test) ? rememberLast(found) : found;
  machine.matchers.set(test.text, matches);
  return matches;
}

const isLong = ({ left }: CheckedTest): boolean => left.kind === 'field' && isSlow(left.use);

/** What one program starts has one environment, again and again: it is searched once. */
function rememberLast(matches: Matcher): Matcher {
  let last: FieldValue | undefined;
  let answer = false;
  return (value) => {
    if (value !== last) answer = matches(value);
    last = value;
    return answer;
  };
}

/** Few enough to be compared one after the other. */
const fewConstants = 3;

/** What needs no matcher; `undefined`: this does. A missing value is not equal to, and not less than, anything. */
function writeSimple<E>(
  { left, operator, modifier }: CheckedTest,
  values: readonly Constant[],
  read: string,
  program: Program<E>,
): string | undefined {
  const family = familyOf(left.type);
  const isScalar = !left.list && candidatesOf(left) === undefined && family !== 'address' && family !== 'network';
  const isAround = left.kind === 'field' && left.use.spec.name === 'evt.around';
  if (!isScalar || isAround || (modifier !== undefined && modifier !== 'anyof')) return undefined;
  const distinct = [...new Set(values)];
  const isOne = values.length === 1 && modifier === undefined;
  switch (operator) {
    case '=':
    case '==':
    case 'in': {
      if (distinct.length > fewConstants) return `${constant(new Set(values), program)}.has(${read})`;
      const tests = distinct.map((value) => `v===${constant(value, program)}`);
      return tests.length === 0 ? constant(false, program) : `(v=${read},${tests.join('||')})`;
    }
    case '!=':
      return isOne ? `((v=${read})!==undefined&&v!==${constant(values[0], program)})` : undefined;
    case '<':
    case '<=':
    case '>':
    case '>=':
      return isOne ? `(${read}${operator}${constant(values[0], program)})` : undefined;
    case 'startswith':
    case 'bstartswith':
    case 'endswith':
    case 'contains':
    case 'bcontains': {
      const texts = distinct.filter((value) => typeof value === 'string');
      if (texts.length !== distinct.length || texts.length === 0 || texts.length > fewConstants) return undefined;
      const tests = texts.map((text) => writeSearch(operator, text, constant(text, program)));
      return `(typeof(v=${read})==='string'&&(${tests.join('||')}))`;
    }
    case 'exists':
    case 'intersects':
    case 'icontains':
    case 'pmatch':
    case 'glob':
    case 'iglob':
    case 'regex':
      return undefined;
  }
}

/** One character, looked at first, decides nearly every search for a prefix or suffix. */
function writeSearch(operator: Operator, text: string, name: string): string {
  if (operator === 'contains' || operator === 'bcontains') return `v.includes(${name})`;
  const at = Math.max(0, text.search(/[^/][^a-zA-Z0-9]*$/));
  const code = text.charCodeAt(at);
  if (operator === 'endswith') {
    return text === '' ? 'true' : `(v.charCodeAt(v.length-${text.length - at})===${code}&&v.endsWith(${name}))`;
  }
  return text === '' ? 'true' : `(v.charCodeAt(${at})===${code}&&v.startsWith(${name}))`;
}
