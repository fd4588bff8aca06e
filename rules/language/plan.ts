import { foldForType, mergeChecks } from './fold.ts';
import { compilePredicate, type Machine, type Predicate } from './predicate.ts';
import type { Rule } from './rule-set.ts';

/** What is done with an event of one type: the rules that it fires. */
export type Plan<E, R> = (event: E) => readonly R[];

type Candidate<E, R> = { readonly rule: R; readonly fires: Predicate<E> };

export function compilePlan<E, R extends { readonly rule: Rule }>(
  rules: readonly R[],
  eventType: string,
  machine: Machine<E>,
  matching: 'first' | 'all',
): Plan<E, R> {
  const candidates: Candidate<E, R>[] = [];
  for (const rule of rules) {
    const folded = foldForType(rule.rule.condition, eventType);
    if (folded.kind === 'never') continue;
    const fires = folded.kind === 'always' ? () => true : compilePredicate(mergeChecks(folded), machine);
    candidates.push({ rule, fires });
  }
  const none: readonly R[] = [];
  return (event) => {
    let fired: R[] | undefined;
    for (const { rule, fires } of candidates) {
      if (!fires(event)) continue;
      if (matching === 'first') return [rule];
      if (fired === undefined) fired = [rule];
      else fired.push(rule);
    }
    return fired ?? none;
  };
}
