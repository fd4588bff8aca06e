import type { FilterRule } from './compile.ts';
import { judgesOf } from './encode.ts';
import { isPossibleOf, type Program } from './guards.ts';

/** By guard of the filter, the rules that what a process was started as decides; none: something else does. */
export type Judges = readonly (readonly FilterRule[])[];

/** `rules`: those that the tables were made of. */
export const makeJudges = (rules: readonly { readonly rule: FilterRule }[], tables: Uint8Array): Judges =>
  judgesOf(tables).map((numbers) => numbers.flatMap((number) => rules[number]?.rule ?? []));

/** The guards that hold for a process that runs this, as bits; those that others decide hold. */
export function guardsOf(judges: Judges, program: Program): number {
  return judges.reduce((held, rules, guard) => {
    const holds = rules.length === 0 || rules.some(({ condition }) => isPossibleOf(condition, program));
    return holds ? held | (1 << guard) : held;
  }, 0);
}
