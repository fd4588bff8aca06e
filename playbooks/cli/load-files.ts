import { fileURLToPath } from 'node:url';
import { readRuleFiles } from '#rules/cli/rule-files';
import type { Diagnostic } from '#rules/language/diagnostic';
import { sourceOf } from '#rules/language/source';
import { type LoadedPlaybooks, loadPlaybooks } from '../language/load.ts';
import type { ActionCatalogue } from '../language/playbook.ts';

/** The playbooks that Lanner comes with. */
export const builtInPlaybooks: string = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

export type LoadedFiles = LoadedPlaybooks & { readonly paths: readonly string[] };

/** Loads files, and of folders the playbooks directly inside. What cannot be read is an error like any other. */
export function loadPlaybookFiles(paths: readonly string[], catalogue: ActionCatalogue): LoadedFiles {
  const { files, unreadable } = readRuleFiles(paths);
  const loaded = loadPlaybooks(files, catalogue);
  const errors = [
    ...unreadable.map(
      ({ path, reason }): Diagnostic => ({
        code: 'LOAD_ERR_FILE_READ',
        message: `cannot be read: ${reason}`,
        source: sourceOf(path, ''),
        span: { start: 0, end: 1 },
      }),
    ),
    ...loaded.errors,
  ];
  return { ...loaded, ok: errors.length === 0, errors, paths: files.map(({ path }) => path) };
}
