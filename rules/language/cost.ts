import type { CheckedNode, CheckedTest, Expression } from './checked.ts';
import type { FieldUse } from './field.ts';
import { candidatesOf } from './test-matcher.ts';
import { familyOf } from './type-family.ts';

/** What it takes to decide a condition, in about nanoseconds, and how likely it is true of an event. */
export type Estimate = { readonly cost: number; readonly chance: number };

/**
 * The same condition with what decides it soonest first: a condition has no effects, so the order is free. Under `and`
 * that is what is cheap for its chance to be false, under `or` for its chance to be true. The costs were measured one by
 * one on short texts, the chances are guesses; only their order matters.
 */
export function sortByCost(node: CheckedNode): { readonly node: CheckedNode; readonly estimate: Estimate } {
  switch (node.kind) {
    case 'check':
      return { node, estimate: { cost: costOfTest(node), chance: chanceOf(node) } };
    case 'not': {
      const { node: child, estimate } = sortByCost(node.child);
      return { node: { kind: 'not', child }, estimate: { cost: estimate.cost, chance: 1 - estimate.chance } };
    }
    case 'and':
    case 'or': {
      const decides = (chance: number): number => (node.kind === 'and' ? 1 - chance : chance);
      const price = ({ estimate }: { readonly estimate: Estimate }): number =>
        estimate.cost / Math.max(decides(estimate.chance), 0.001);
      const children = node.children.map(sortByCost).sort((one, other) => price(one) - price(other));
      let cost = 0;
      let undecided = 1;
      for (const { estimate } of children) {
        cost += undecided * estimate.cost;
        undecided *= 1 - decides(estimate.chance);
      }
      return {
        node: { kind: node.kind, children: children.map((child) => child.node) },
        estimate: { cost, chance: node.kind === 'and' ? undecided : 1 - undecided },
      };
    }
  }
}

/** From here on it is cheaper to remember an answer for the event than to work it out again. */
export const dear = 12;

/** Reading these asks somebody: the kernel, a name server. */
const slowFields = /^proc\.a?env$|^fd\..*\.name$|^container\.(mounts|health|liveness|readiness)/;
const slow = 2_000;

export const isSlow = (use: FieldUse): boolean => slowFields.test(use.spec.name);

export function costOfTest(test: CheckedTest): number {
  const { left, right } = test;
  const reading = costOfReading(left) + (right.kind === 'expression' ? costOfReading(right.expression) : 0);
  const times = candidatesOf(left) === 'ancestors' ? 5 : left.list || candidatesOf(left) !== undefined ? 2 : 1;
  return reading + times * costOfMatching(test, right.kind === 'constants' ? right.values.length : 1);
}

function costOfReading(expression: Expression): number {
  switch (expression.kind) {
    case 'field':
      return isSlow(expression.use) ? slow : 0;
    case 'text':
      return 0;
    case 'tuple':
      return expression.items.reduce((sum, item) => sum + costOfReading(item), 10);
    case 'call':
      return expression.operands.reduce((sum, operand) => sum + costOfReading(operand), 80);
  }
}

function costOfMatching({ operator, left }: CheckedTest, literals: number): number {
  const family = familyOf(left.type);
  if (family === 'address' || family === 'network') return 10 + 10 * literals;
  switch (operator) {
    case 'exists':
    case '=':
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return family === 'string' ? 7 : 5;
    case 'in':
    case 'intersects':
      return literals === 0 ? 4 : 15;
    case 'startswith':
    case 'bstartswith':
    case 'endswith':
      return literals === 1 ? 10 : 20;
    case 'contains':
    case 'bcontains':
      return literals === 1 ? 20 : 80;
    case 'icontains':
      return 100;
    case 'pmatch':
      return 60;
    case 'glob':
    case 'iglob':
      return 70;
    case 'regex':
      return 400;
  }
}

function chanceOf({ left, operator, right }: CheckedTest): number {
  const literals = right.kind === 'constants' ? right.values.length : 1;
  switch (operator) {
    case 'exists':
    case '!=':
      return 0.9;
    case '<':
    case '<=':
    case '>':
    case '>=':
      return 0.6;
    case '=':
    case '==':
      return left.type === 'BOOL' ? 0.4 : 0.05;
    case 'in':
    case 'intersects':
      return left.list || left.type === 'IPNET' ? 0.4 : Math.min(0.5, 0.05 + literals / 400);
    case 'startswith':
    case 'bstartswith':
    case 'endswith':
    case 'contains':
    case 'bcontains':
    case 'icontains':
    case 'pmatch':
    case 'glob':
    case 'iglob':
    case 'regex':
      return 0.1;
  }
}
