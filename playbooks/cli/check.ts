import { fileURLToPath } from 'node:url';
import { type Command, exitCodes, readArgs } from '#rules/cli/command-line';
import { readRuleFiles } from '#rules/cli/rule-files';
import { type Diagnostic, renderDiagnostic } from '#rules/language/diagnostic';
import { locate, sourceOf } from '#rules/language/source';
import { type LoadedPlaybooks, loadPlaybooks } from '../language/load.ts';
import { type ActionCatalogue, actionSteps } from '../language/playbook.ts';

/** The playbooks that Lanner comes with. */
const builtInPlaybooks: string = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** Checks playbook files against the actions that there are. */
export function makeCheck(catalogue: ActionCatalogue): Command {
  return {
    name: 'playbooks check',
    summary:
      'Check playbook files: every error of all files at once, with its place.\nWithout FILE: the playbooks that Lanner comes with. Exit code 1 when there is an error.',
    usage: '[FILE|DIR…] [--json]',
    run: async (args) => {
      const { values, positionals } = readArgs(args, { json: { type: 'boolean' } });
      const outcome = loadPlaybookFiles(positionals.length === 0 ? [builtInPlaybooks] : positionals, catalogue);
      process.stdout.write(
        values.json === true ? `${JSON.stringify(toJson(outcome), undefined, 2)}\n` : toText(outcome),
      );
      return outcome.ok ? exitCodes.ok : exitCodes.failed;
    },
  };
}

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

function toText({ paths, playbooks, errors, warnings }: LoadedFiles): string {
  const shown = [...errors, ...warnings].map((diagnostic) => `${renderDiagnostic(diagnostic)}\n\n`).join('');
  const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
  const found = `${count(paths.length, 'file')}, ${count(playbooks.length, 'playbook')} without error`;
  return `${shown}${found}: ${count(errors.length, 'error')}, ${count(warnings.length, 'warning')}\n`;
}

function toJson({ ok, paths, playbooks, errors, warnings }: LoadedFiles): unknown {
  return {
    ok,
    files: paths,
    playbooks: playbooks.map((playbook) => {
      const { name, path, description, mode } = playbook;
      return {
        name,
        path,
        description,
        mode: mode ?? null,
        steps: actionSteps(playbook).map(({ id, uses }) => ({ id, uses })),
      };
    }),
    errors: errors.map(diagnosticToJson),
    warnings: warnings.map(diagnosticToJson),
  };
}

function diagnosticToJson({ code, message, source, span }: Diagnostic): unknown {
  const { path, line, column } = locate(source, span.start);
  return { code, message, path, line, column };
}
