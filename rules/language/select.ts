import type { Rule, RuleSet } from './rule-set.ts';

/** One entry of a configuration's `rules:` list; `rule` may hold `*` for any text. */
export type Selection = { readonly action: 'enable' | 'disable'; readonly rule?: string; readonly tag?: string };

/** Applies the entries in order, over what the files say. */
export function selectRules(ruleSet: RuleSet, selections: readonly Selection[]): RuleSet {
  if (selections.length === 0) return ruleSet;
  const rules = ruleSet.rules.map((rule): Rule => {
    const last = selections.findLast((selection) => isSelected(rule, selection));
    return last === undefined ? rule : { ...rule, enabled: last.action === 'enable' };
  });
  return { ...ruleSet, rules };
}

function isSelected(rule: Rule, { rule: pattern, tag }: Selection): boolean {
  if (pattern !== undefined && !matchesName(rule.name, pattern)) return false;
  if (tag !== undefined && !rule.tags.includes(tag)) return false;
  return pattern !== undefined || tag !== undefined;
}

/** `*` stands for any text, also none. */
export function matchesName(name: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return name === pattern;
  if (!name.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
