import { fieldCatalogue } from '../fields.ts';
import type { Diagnostic } from '../language/diagnostic.ts';
import { type LoadOptions, type LoadOutcome, loadRules } from '../language/load.ts';
import { sourceOf } from '../language/source.ts';
import { builtInRules, readRuleFiles } from './rule-files.ts';

/** Loads rule files for a command; without paths, the rules that Lanner comes with. Files that cannot be read are errors. */
export function loadFiles(paths: readonly string[], options: Partial<LoadOptions> = {}): LoadOutcome {
  const { files, unreadable } = readRuleFiles(paths.length === 0 ? [builtInRules] : paths);
  const outcome = loadRules(files, { fields: fieldCatalogue, ...options });
  if (unreadable.length === 0) return outcome;
  const failed = unreadable.map(
    ({ path, reason }): Diagnostic => ({
      code: 'LOAD_ERR_FILE_READ',
      message: `cannot be read: ${reason}`,
      source: sourceOf(path, ''),
      span: { start: 0, end: 1 },
    }),
  );
  return {
    ...outcome,
    ok: false,
    errors: [...failed, ...outcome.errors],
    files: [
      ...failed.map((diagnostic) => ({ path: diagnostic.source.path, ok: false, diagnostics: [diagnostic] })),
      ...outcome.files,
    ],
  };
}
