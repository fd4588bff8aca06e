import { matchesName } from './name-pattern.ts';
import type { Rule } from './rule-set.ts';

/** One entry of a selection: rules by name (`*` stands for any text) or by one of their tags. */
export type Selection = {
  readonly action: 'enable' | 'disable';
  readonly by: 'rule' | 'tag';
  readonly pattern: string;
};

/** Switches rules on and off, entry by entry: the last one that names a rule decides, whatever its file says. */
export function selectRules(rules: readonly Rule[], selections: readonly Selection[]): readonly Rule[] {
  return rules.map((rule) => {
    const last = selections.findLast((selection) => names(selection, rule));
    return last === undefined ? rule : { ...rule, enabled: last.action === 'enable' };
  });
}

/** Entries that name no rule at all: a misspelt name, most likely. */
export function unusedSelections(rules: readonly Rule[], selections: readonly Selection[]): readonly Selection[] {
  return selections.filter((selection) => !rules.some((rule) => names(selection, rule)));
}

function names({ by, pattern }: Selection, { name, tags }: Rule): boolean {
  return by === 'rule' ? matchesName(name, pattern) : tags.includes(pattern);
}
