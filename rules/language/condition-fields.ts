import { fieldText } from './catalogue.ts';
import type { CheckedNode, Expression } from './checked.ts';
import type { FieldUse } from './field.ts';
import { fieldsOf } from './template.ts';

/** Every field that a condition reads, each once. */
export function conditionFields(node: CheckedNode): ReadonlyMap<string, FieldUse> {
  const fields = new Map<string, FieldUse>();
  const seen = new Set<CheckedNode>();
  const add = (expression: Expression): void => {
    for (const use of fieldsOf(expression)) fields.set(fieldText(use), use);
  };
  const visit = (inner: CheckedNode): void => {
    if (seen.has(inner)) return;
    seen.add(inner);
    if (inner.kind === 'not') visit(inner.child);
    else if (inner.kind !== 'check') inner.children.forEach(visit);
    else {
      add(inner.left);
      if (inner.right.kind === 'expression') add(inner.right.expression);
    }
  };
  visit(node);
  return fields;
}
