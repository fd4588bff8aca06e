import { createHash } from 'node:crypto';
import { readRuleFiles } from '#rules/cli/rule-files';
import { fieldCatalogue } from '#rules/fields';
import { renderDiagnostic } from '#rules/language/diagnostic';
import { loadRules } from '#rules/language/load';
import type { SourceFile } from '#rules/language/source';

/** Rules for agents out of files and folders; a hash of them stands where a repository has a commit. */
export type FolderRules = { readonly commit: string; readonly files: readonly SourceFile[] };

export type FolderRulesResult =
  | { readonly ok: true; readonly rules: FolderRules }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Of folders the rule files directly inside, by name. All of them must load. */
export function readFolderRules(paths: readonly string[]): FolderRulesResult {
  const { files, unreadable } = readRuleFiles(paths);
  const problems = unreadable.map(({ path, reason }) => `${path}: ${reason}`);
  problems.push(...loadRules(files, { fields: fieldCatalogue }).errors.map(renderDiagnostic));
  if (files.length === 0 && problems.length === 0) problems.push(`${paths.join(', ')}: no rule files`);
  if (problems.length > 0) return { ok: false, problems };
  const commit = createHash('sha256').update(JSON.stringify(files)).digest('hex');
  return { ok: true, rules: { commit, files } };
}
