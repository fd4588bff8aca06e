import type { CheckedTest, Expression } from './checked.ts';
import type { Candidates } from './field.ts';
import { compileConstants, type Matcher } from './matchers.ts';

/** How a check treats a field that gives candidates; `undefined`: one value. */
export function candidatesOf(expression: Expression): Candidates | undefined {
  if (expression.kind !== 'field' || typeof expression.use.argument === 'number') return undefined;
  return expression.use.spec.candidates;
}

/** The test of a present value; candidates are one array value here. `undefined`: it needs a second field. */
export function matcherOf(test: CheckedTest): Matcher | undefined {
  const candidates = candidatesOf(test.left);
  if (test.operator === 'exists') {
    return canBeEmpty(candidates) ? (value) => Array.isArray(value) && value.length > 0 : () => true;
  }
  if (test.right.kind !== 'constants') return undefined;
  const around = test.left.kind === 'field' && test.left.use.spec.name === 'evt.around';
  const matches = compileConstants(around ? { ...test, operator: '<=' } : test, test.right.values);
  if (candidates === undefined) return matches;
  if (candidates === 'endpoints' && test.operator === '!=') {
    return (value) => Array.isArray(value) && value.length > 0 && value.every(matches);
  }
  if (candidates === 'names' && test.operator === '!=') return (value) => Array.isArray(value) && value.every(matches);
  return (value) => Array.isArray(value) && value.some(matches);
}

/** Whether an array of none stands for a missing value. */
export function canBeEmpty(candidates: Candidates | undefined): boolean {
  return candidates === 'ancestors' || candidates === 'names';
}
