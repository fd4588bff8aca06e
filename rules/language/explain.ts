import { fromByteString } from './byte-string.ts';
import { fieldText } from './catalogue.ts';
import type { CheckedNode } from './checked.ts';
import { conditionFields } from './condition-fields.ts';
import type { Bind, FieldUse, FieldValue } from './field.ts';
import { makeMachine, nextEvent, readerOf } from './machine.ts';
import { compilePredicate } from './predicate.ts';
import { printable } from './printable.ts';

/** Why a condition holds or not: the same form as the condition, with what each part said and read. */
export type Clause =
  | { readonly kind: 'and' | 'or' | 'not'; readonly holds: boolean; readonly parts: readonly Clause[] }
  | {
      readonly kind: 'check';
      readonly holds: boolean;
      readonly text: string;
      readonly values: readonly { readonly field: string; readonly value: string | undefined }[];
    };

/** Every part is asked, also those that the answer does not need. Slow: for one event that a person looks at. */
export function explainCondition<E>(node: CheckedNode, bind: Bind<E>, event: E): Clause {
  const machine = makeMachine(bind);
  const explain = (part: CheckedNode): Clause => {
    const predicate = compilePredicate(part, machine);
    nextEvent(machine);
    const holds = predicate(event);
    if (part.kind === 'not') return { kind: 'not', holds, parts: [explain(part.child)] };
    if (part.kind !== 'check') return { kind: part.kind, holds, parts: part.children.map(explain) };
    const values = [...conditionFields(part).values()].map((use) => ({
      field: fieldText(use),
      value: valueText(readerOf(use, machine)(event), use),
    }));
    return { kind: 'check', holds, text: part.text, values };
  };
  return explain(node);
}

/** Long values are cut: the beginning is what people recognise. */
const MOST_SHOWN = 200;

function valueText(value: FieldValue | undefined, use: FieldUse): string | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Uint8Array) return use.spec.type === 'IPADDR' ? addressText(value) : `${value.length} bytes`;
  if (typeof value === 'object') return `(${value.map((item) => valueText(item, use)).join(', ')})`;
  return typeof value === 'string' ? fromByteString(value).slice(0, MOST_SHOWN) : String(value);
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  return groups.join(':');
}

/** `yes` or `no` before each part, and under a check what its fields held. */
export function renderClause(clause: Clause, depth = 0): string {
  const indent = '  '.repeat(depth);
  const mark = clause.holds ? 'yes' : 'no ';
  if (clause.kind === 'check') {
    const values = clause.values.map(
      ({ field, value }) => `${field} is ${value === undefined ? 'not known' : printable(JSON.stringify(value))}`,
    );
    return `${indent}${mark} ${printable(clause.text)}${values.length === 0 ? '' : `   (${values.join(', ')})`}\n`;
  }
  const heads = { and: 'all of', or: 'any of', not: 'not' } as const;
  const inner = clause.parts.map((part) => renderClause(part, depth + 1)).join('');
  return `${indent}${mark} ${heads[clause.kind]}\n${inner}`;
}
