import { toByteString } from '#rules/language/byte-string';
import type { CheckedNode } from '#rules/language/checked';
import { conditionFields } from '#rules/language/condition-fields';
import { compileRefuter, verdicts } from '#rules/language/refute';
import { outcomes } from '../command.ts';
import type { RunTrigger } from './playbook.ts';

/** Why a guard can never hold, as far as one field alone tells: it has few values, and none of them will do. */
export function whyNever(guard: CheckedNode, triggers: readonly RunTrigger['kind'][]): string | undefined {
  for (const field of conditionFields(guard).keys()) {
    const values = field === 'trigger.kind' ? triggers : /^steps\.\w+\.(outcome|status)$/.test(field) ? outcomes : [];
    if (values.length === 0) continue;
    const refute = compileRefuter(guard, field);
    if (refute === undefined) continue;
    const canHold = [undefined, ...values.map(toByteString)].some((value) => refute(value) !== verdicts.no);
    if (!canHold) return `${field} is one of ${values.join(', ')}`;
  }
  return undefined;
}
