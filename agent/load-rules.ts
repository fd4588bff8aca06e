import { loadFiles } from '#rules/cli/load-files';
import { fieldCatalogue } from '#rules/fields';
import type { Diagnostic } from '#rules/language/diagnostic';
import { type LoadOptions, loadRules } from '#rules/language/load';
import { unmetPlugins } from '#rules/language/plugins';
import type { RuleSet } from '#rules/language/rule-set';
import { selectRules, unusedSelections } from '#rules/language/selection';
import type { SourceFile } from '#rules/language/source';
import type { AgentOptions } from './config/options.ts';

/** Rules as this agent is to use them, or everything that is wrong with them; `notes` are worth a line of the log. */
export type LoadedRules =
  | {
      readonly ok: true;
      readonly ruleSet: RuleSet;
      readonly warnings: readonly Diagnostic[];
      readonly notes: readonly string[];
    }
  | { readonly ok: false; readonly errors: readonly Diagnostic[] };

/** `files`: of a commit, instead of those that the options name. */
export function loadRulesFor(
  { rulePaths, minPriority, appendOutput, selections }: AgentOptions,
  files?: readonly SourceFile[],
): LoadedRules {
  const settings: Partial<LoadOptions> = minPriority === undefined ? { appendOutput } : { appendOutput, minPriority };
  const loaded =
    files === undefined ? loadFiles(rulePaths, settings) : loadRules(files, { fields: fieldCatalogue, ...settings });
  const errors = [...loaded.errors, ...unmetPlugins(loaded.ruleSet.plugins)];
  if (errors.length > 0) return { ok: false, errors };
  const ruleSet = { ...loaded.ruleSet, rules: selectRules(loaded.ruleSet.rules, selections) };
  const notes = unusedSelections(ruleSet.rules, selections).map(
    ({ action, by, pattern }) =>
      `nothing to ${action}: there is no ${by === 'rule' ? 'rule' : 'rule with the tag'} ${JSON.stringify(pattern)}`,
  );
  return { ok: true, ruleSet, warnings: loaded.warnings, notes };
}
