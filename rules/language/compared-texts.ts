import type { CheckedNode } from './checked.ts';
import type { FieldSpec } from './field.ts';

/** The texts that conditions compare such fields with, each once, as byte strings. */
export function comparedTexts(
  conditions: readonly CheckedNode[],
  isWanted: (spec: FieldSpec) => boolean,
): ReadonlySet<string> {
  const texts = new Set<string>();
  const seen = new Set<CheckedNode>();
  const visit = (node: CheckedNode): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === 'not') visit(node.child);
    else if (node.kind !== 'check') node.children.forEach(visit);
    else if (node.left.kind === 'field' && isWanted(node.left.use.spec) && node.right.kind === 'constants') {
      for (const value of node.right.values) if (typeof value === 'string') texts.add(value);
    }
  };
  conditions.forEach(visit);
  return texts;
}
