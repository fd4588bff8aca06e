import type { CheckedNode } from './checked.ts';
import { costOfTest, dear } from './cost.ts';

/**
 * Finds the parts of conditions that occur more than once and are dear enough to be remembered for as long as the
 * event lasts. Equal parts have one number; `undefined`: not such a part.
 */
export function findShared(conditions: readonly CheckedNode[]): (node: CheckedNode) => number | undefined {
  const numbers = new Map<string, number>();
  const numberOf = new Map<CheckedNode, number>();
  const users = new Map<number, number>();
  const costs = new Map<number, number>();
  const visit = (node: CheckedNode): number => {
    const key = keyOf(node, visit);
    const number = numbers.get(key) ?? numbers.size;
    if (number === numbers.size) {
      numbers.set(key, number);
      costs.set(
        number,
        costOf(node, (child) => costs.get(numberOf.get(child) ?? -1) ?? 0),
      );
    }
    numberOf.set(node, number);
    users.set(number, (users.get(number) ?? 0) + 1);
    return number;
  };
  for (const condition of conditions) visit(condition);
  const shared = new Map<CheckedNode, number>();
  for (const [node, number] of numberOf) {
    if (node.kind !== 'not' && (users.get(number) ?? 0) > 1 && (costs.get(number) ?? 0) >= dear)
      shared.set(node, number);
  }
  return (node) => shared.get(node);
}

/** The first child of a group is always decided, the others about every second time. */
function costOf(node: CheckedNode, known: (child: CheckedNode) => number): number {
  switch (node.kind) {
    case 'check':
      return costOfTest(node);
    case 'not':
      return known(node.child);
    case 'and':
    case 'or':
      return node.children.reduce((sum, child, index) => sum + known(child) / (index === 0 ? 1 : 2), 0);
  }
}

function keyOf(node: CheckedNode, visit: (child: CheckedNode) => number): string {
  switch (node.kind) {
    case 'check':
      return node.text;
    case 'not':
      return `not ${visit(node.child)}`;
    case 'and':
    case 'or':
      return `${node.kind} ${node.children.map(visit).join(' ')}`;
  }
}
