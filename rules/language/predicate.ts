import { fieldText } from './catalogue.ts';
import type { CheckedNode, CheckedTest, Expression } from './checked.ts';
import type { Bind, FieldReader, FieldUse, FieldValue } from './field.ts';
import { compileConstants, compilePair, type Matcher } from './matchers.ts';
import { compileCall } from './transformers.ts';
import { familyOf } from './type-family.ts';

export type Predicate<E> = (event: E) => boolean;

/**
 * What is read or decided once per event is kept until the generation moves on: the event object itself is used again
 * for the next event, so it cannot be the key.
 */
export type Machine<E> = {
  generation: number;
  readonly bind: Bind<E>;
  readonly readers: Map<string, FieldReader<E>>;
  readonly tests: Map<string, Predicate<E>>;
  /** Fields that nothing here can read. */
  readonly unreadable: Set<string>;
};

export function makeMachine<E>(bind: Bind<E>): Machine<E> {
  return { generation: 0, bind, readers: new Map(), tests: new Map(), unreadable: new Set() };
}

/** Reads the field at most once per event. */
export function readerOf<E>(use: FieldUse, machine: Machine<E>): FieldReader<E> {
  const text = fieldText(use);
  const known = machine.readers.get(text);
  if (known !== undefined) return known;
  const bound = machine.bind(use);
  if (bound === undefined) machine.unreadable.add(text);
  const read =
    bound === undefined
      ? () => undefined
      : oncePerEvent(familyOf(use.spec.type) === 'bytes' ? asByteString(bound) : bound, machine);
  machine.readers.set(text, read);
  return read;
}

function oncePerEvent<E, V>(compute: (event: E) => V, machine: Machine<E>): (event: E) => V {
  let generation = -1;
  let value: V;
  return (event) => {
    if (generation !== machine.generation) {
      value = compute(event);
      generation = machine.generation;
    }
    return value;
  };
}

function asByteString<E>(read: FieldReader<E>): FieldReader<E> {
  return (event) => {
    const value = read(event);
    return value instanceof Uint8Array ? String.fromCharCode(...value) : value;
  };
}

export function compileExpression<E>(expression: Expression, machine: Machine<E>): FieldReader<E> {
  switch (expression.kind) {
    case 'field':
      return readerOf(expression.use, machine);
    case 'text':
      return () => expression.value;
    case 'tuple':
      return readAll(expression.items.map((item) => compileExpression(item, machine)));
    case 'call': {
      const readOperands = readAll(expression.operands.map((operand) => compileExpression(operand, machine)));
      const transform = compileCall(expression.name, expression.option);
      return (event) => {
        const values = readOperands(event);
        return values === undefined ? undefined : transform(values);
      };
    }
  }
}

/** All values, or nothing when one is missing. */
function readAll<E>(readers: readonly FieldReader<E>[]): (event: E) => readonly FieldValue[] | undefined {
  return (event) => {
    const values: FieldValue[] = [];
    for (const read of readers) {
      const value = read(event);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  };
}

/** How the check treats a field that gives candidates; `undefined`: one value. */
export function candidatesOf(expression: Expression): 'ancestors' | 'endpoints' | undefined {
  if (expression.kind !== 'field' || typeof expression.use.argument === 'number') return undefined;
  return expression.use.spec.candidates;
}

/** The test of a present value; candidates are one array value here. `undefined`: it needs a second field. */
export function matcherOf(test: CheckedTest): Matcher | undefined {
  const candidates = candidatesOf(test.left);
  if (test.operator === 'exists') {
    return candidates === 'ancestors' ? (value) => Array.isArray(value) && value.length > 0 : () => true;
  }
  if (test.right.kind !== 'constants') return undefined;
  const around = test.left.kind === 'field' && test.left.use.spec.name === 'evt.around';
  const matches = compileConstants(around ? { ...test, operator: '<=' } : test, test.right.values);
  if (candidates === undefined) return matches;
  if (candidates === 'endpoints' && test.operator === '!=') {
    return (value) => Array.isArray(value) && value.length > 0 && value.every(matches);
  }
  return (value) => Array.isArray(value) && value.some(matches);
}

export function compilePredicate<E>(node: CheckedNode, machine: Machine<E>): Predicate<E> {
  switch (node.kind) {
    case 'and':
      return compileAnd(node.children.map((child) => compilePredicate(child, machine)));
    case 'or':
      return compileOr(node.children.map((child) => compilePredicate(child, machine)));
    case 'not': {
      const child = compilePredicate(node.child, machine);
      return (event) => !child(event);
    }
    case 'check':
      return compileTest(node, machine);
  }
}

function compileAnd<E>(children: readonly Predicate<E>[]): Predicate<E> {
  const [first, second, third, ...more] = children;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (third === undefined) return (event) => first(event) && second(event);
  if (more.length === 0) return (event) => first(event) && second(event) && third(event);
  const rest = compileAnd(children.slice(2));
  return (event) => first(event) && second(event) && rest(event);
}

function compileOr<E>(children: readonly Predicate<E>[]): Predicate<E> {
  const [first, second, third, ...more] = children;
  if (first === undefined) return () => false;
  if (second === undefined) return first;
  if (third === undefined) return (event) => first(event) || second(event);
  if (more.length === 0) return (event) => first(event) || second(event) || third(event);
  const rest = compileOr(children.slice(2));
  return (event) => first(event) || second(event) || rest(event);
}

/** Equal tests are one function, so that what they cost can be shared. */
function compileTest<E>(test: CheckedTest, machine: Machine<E>): Predicate<E> {
  const known = machine.tests.get(test.text);
  if (known !== undefined) return known;
  const predicate = makeTest(test, machine);
  machine.tests.set(test.text, predicate);
  return predicate;
}

function makeTest<E>(test: CheckedTest, machine: Machine<E>): Predicate<E> {
  const read = compileExpression(test.left, machine);
  if (test.right.kind === 'expression') {
    const readRight = compileExpression(test.right.expression, machine);
    const matches = compilePair(test.operator);
    return (event) => {
      const left = read(event);
      if (left === undefined) return false;
      const right = readRight(event);
      return right !== undefined && matches(left, right);
    };
  }
  if (test.operator === 'exists' && candidatesOf(test.left) !== 'ancestors')
    return (event) => read(event) !== undefined;
  const matches = matcherOf(test);
  if (matches === undefined) throw new Error(`no matcher for ${test.text}`);
  return (event) => {
    const value = read(event);
    return value !== undefined && matches(value);
  };
}
