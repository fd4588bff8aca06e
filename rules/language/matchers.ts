import { isInNetwork, isSameAddress, type Network } from './address.ts';
import type { Modifier, Operator } from './ast.ts';
import { compileContains, compilePrefixes, compileSuffixes } from './automaton.ts';
import type { CheckedTest } from './checked.ts';
import type { Constant } from './constants.ts';
import type { FieldType, FieldValue } from './field.ts';
import { compileGlob } from './glob.ts';
import { compilePathMatch } from './path-match.ts';
import { compilePattern } from './regex.ts';
import { familyOf } from './type-family.ts';

/** Says whether a present value passes a test. */
export type Matcher = (value: FieldValue) => boolean;

/** From so many literals on, an automaton is faster than trying one after the other. */
const fewLiterals = 4;

/** The test of one value against constants. List values are compared as lists, others as scalars. */
export function compileConstants(test: CheckedTest, values: readonly Constant[]): Matcher {
  const { operator, modifier, left } = test;
  if (left.list) return compileList(operator, left.type, values);
  if (modifier !== undefined) return compileModifier(operator, modifier, left.type, values);
  return compileScalar(operator, left.type, values);
}

function compileList(operator: Operator, type: FieldType, values: readonly Constant[]): Matcher {
  const matches = compileScalar('in', type, values);
  if (operator === 'intersects') return (value) => Array.isArray(value) && value.some(matches);
  return (value) => Array.isArray(value) && value.every(matches);
}

function compileModifier(
  operator: Operator,
  modifier: Modifier,
  type: FieldType,
  values: readonly Constant[],
): Matcher {
  if (values.length === 0) return () => false;
  if (modifier === 'anyof') return compileAny(operator, type, values);
  const matchers = values.map((value) => compileScalar(operator, type, [value]));
  if (modifier === 'allof') return (value) => matchers.every((matches) => matches(value));
  return (value) => {
    let count = 0;
    for (const matches of matchers) if (matches(value)) count++;
    return count === 1;
  };
}

/** Whether `value operator constant` holds for one of the constants. */
function compileAny(operator: Operator, type: FieldType, values: readonly Constant[]): Matcher {
  if (operator === '=' || operator === '==') return compileScalar('in', type, values);
  const family = familyOf(type);
  if (family === 'string' || family === 'bytes') {
    const texts = values.filter((value) => typeof value === 'string');
    const search = compileTextSearch(operator, texts);
    if (search !== undefined) return onText(search);
  }
  const matchers = values.map((value) => compileScalar(operator, type, [value]));
  return (value) => matchers.some((matches) => matches(value));
}

function onText(matches: (text: string) => boolean): Matcher {
  return (value) => typeof value === 'string' && matches(value);
}

/** One pass for many literals; `undefined` where there is no such thing for the operator. */
function compileTextSearch(operator: Operator, texts: readonly string[]): ((text: string) => boolean) | undefined {
  const [first = ''] = texts;
  switch (operator) {
    case 'startswith':
    case 'bstartswith':
      if (texts.length === 1) return (text) => text.startsWith(first);
      return texts.length < fewLiterals ? (text) => texts.some((one) => text.startsWith(one)) : compilePrefixes(texts);
    case 'endswith':
      if (texts.length === 1) return (text) => text.endsWith(first);
      return texts.length < fewLiterals ? (text) => texts.some((one) => text.endsWith(one)) : compileSuffixes(texts);
    case 'contains':
    case 'bcontains':
      if (texts.length === 1) return (text) => text.includes(first);
      return texts.length < fewLiterals ? (text) => texts.some((one) => text.includes(one)) : compileContains(texts);
    case 'icontains':
      return compileContains(texts.map(lowerCase), 'any-case');
    case 'pmatch':
      return compilePathMatch(texts);
    case 'glob':
    case 'iglob': {
      if (texts.length !== 1) return undefined;
      return compileGlob(first, operator);
    }
    case 'regex':
      return texts.length === 1 ? compilePattern(first) : undefined;
    case 'exists':
    case '=':
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
    case 'in':
    case 'intersects':
      return undefined;
  }
}

/** Only ASCII letters: a byte beyond is no letter, though it looks like one to `toLowerCase`. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function compileScalar(operator: Operator, type: FieldType, values: readonly Constant[]): Matcher {
  const family = familyOf(type);
  if (family === 'address' || family === 'network') return compileAddress(operator, values);
  const [first] = values;
  switch (operator) {
    case '=':
    case '==':
      return (value) => value === first;
    case '!=':
      return (value) => value !== first;
    case '<':
    case '<=':
    case '>':
    case '>=':
      return first === undefined ? () => false : compileOrder(operator, first);
    case 'in':
    case 'intersects': {
      if (values.length === 1) return (value) => value === first;
      const members: ReadonlySet<unknown> = new Set(values);
      return (value) => members.has(value);
    }
    case 'exists':
      return () => true;
    case 'contains':
    case 'icontains':
    case 'bcontains':
    case 'startswith':
    case 'bstartswith':
    case 'endswith':
    case 'pmatch':
    case 'glob':
    case 'iglob':
    case 'regex': {
      const search = compileTextSearch(
        operator,
        values.filter((value) => typeof value === 'string'),
      );
      if (search === undefined) throw new Error(`${operator} has no matcher`);
      return onText(search);
    }
  }
}

/** Byte strings are ordered as bytes; numbers and bigints compare with each other. */
function compareOrdered(
  operator: '<' | '<=' | '>' | '>=',
  left: FieldValue | Constant,
  right: FieldValue | Constant,
): boolean {
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

function compileOrder(operator: '<' | '<=' | '>' | '>=', limit: Constant): Matcher {
  switch (operator) {
    case '<':
      return (value) => value < limit;
    case '<=':
      return (value) => value <= limit;
    case '>':
      return (value) => value > limit;
    case '>=':
      return (value) => value >= limit;
  }
}

function isNetwork(value: Constant): value is Network {
  return typeof value === 'object' && 'prefix' in value;
}

function compileAddress(operator: Operator, values: readonly Constant[]): Matcher {
  const networks = values.filter(isNetwork);
  const addresses = values.filter((value) => value instanceof Uint8Array);
  const matches: Matcher = (value) => {
    if (!(value instanceof Uint8Array)) return false;
    for (const network of networks) if (isInNetwork(value, network)) return true;
    for (const address of addresses) if (isSameAddress(value, address)) return true;
    return false;
  };
  return operator === '!=' ? (value) => !matches(value) : matches;
}

/** `left operator right` for two present values of one type. */
export function compilePair(operator: Operator): (left: FieldValue, right: FieldValue) => boolean {
  switch (operator) {
    case '=':
    case '==':
      return isEqual;
    case '!=':
      return (left, right) => !isEqual(left, right);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return (left, right) => compareOrdered(operator, left, right);
    case 'in':
    case 'intersects':
      return (left, right) => {
        if (!Array.isArray(left) || !Array.isArray(right)) return isEqual(left, right);
        const isMember = (element: FieldValue): boolean => right.some((other) => isEqual(element, other));
        return operator === 'in' ? left.every(isMember) : left.some(isMember);
      };
    case 'icontains':
      return (left, right) =>
        typeof left === 'string' && typeof right === 'string' && lowerCase(left).includes(lowerCase(right));
    case 'exists':
    case 'contains':
    case 'bcontains':
    case 'startswith':
    case 'bstartswith':
    case 'endswith':
    case 'pmatch':
    case 'glob':
    case 'iglob':
    case 'regex':
      // The right side is only known now, so it is compiled for each event: rare, and bounded by the value's length.
      return (left, right) =>
        typeof left === 'string' &&
        typeof right === 'string' &&
        (compileTextSearch(operator, [right])?.(left) ?? false);
  }
}

function isEqual(left: FieldValue, right: FieldValue): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return isSameAddress(left, right);
  return left === right;
}
