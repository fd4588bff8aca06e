import type { CheckedNode, CheckedTest, Expression } from './checked.ts';
import { candidatesOf } from './test-matcher.ts';
import { familyOf } from './type-family.ts';

/**
 * What it costs to decide a condition, in about nanoseconds: measured one by one on short texts. Only the order of the
 * figures matters, for what is cheap is decided first.
 */
export function costOf(node: CheckedNode): number {
  switch (node.kind) {
    case 'check':
      return costOfTest(node);
    case 'not':
      return costOf(node.child);
    case 'and':
    case 'or': {
      // The first child is always decided, the others about every second time.
      const [first = 0, ...rest] = node.children.map(costOf);
      return rest.reduce((sum, cost) => sum + cost / 2, first);
    }
  }
}

/** From here on it is cheaper to remember an answer for the event than to work it out again. */
export const dear = 12;

/** Reading these asks somebody: the kernel, a name server. */
const slowFields = /^proc\.a?env$|^fd\..*\.name$|^container\.(mounts|health|liveness|readiness)/;
const slow = 2_000;

function costOfTest(test: CheckedTest): number {
  const { left, right } = test;
  const reading = costOfReading(left) + (right.kind === 'expression' ? costOfReading(right.expression) : 0);
  const times = candidatesOf(left) === 'ancestors' ? 5 : left.list || candidatesOf(left) !== undefined ? 2 : 1;
  return reading + times * costOfMatching(test, right.kind === 'constants' ? right.values.length : 1);
}

function costOfReading(expression: Expression): number {
  switch (expression.kind) {
    case 'field':
      return slowFields.test(expression.use.spec.name) ? slow : 0;
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

/** The same condition with what is cheap first; a condition has no effects, so the order is free. */
export function sortByCost(node: CheckedNode): CheckedNode {
  switch (node.kind) {
    case 'check':
      return node;
    case 'not':
      return { kind: 'not', child: sortByCost(node.child) };
    case 'and':
    case 'or': {
      const children = node.children.map(sortByCost).map((child) => ({ child, cost: costOf(child) }));
      children.sort((one, other) => one.cost - other.cost);
      return { kind: node.kind, children: children.map(({ child }) => child) };
    }
  }
}
