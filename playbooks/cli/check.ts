import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { toSarif } from '#rules/cli/sarif';
import { type Diagnostic, renderDiagnostic } from '#rules/language/diagnostic';
import { locate } from '#rules/language/source';
import { type ActionCatalogue, actionSteps, type Playbook, type Secrets } from '../language/playbook.ts';
import { builtInPlaybooks, type LoadedFiles, loadPlaybookFiles } from './load-files.ts';

/** Where secrets are looked for: in this folder, or where a router would, and in the cluster that its configuration names. */
export type FindSecrets = (folder: string | undefined, config: string | undefined) => Promise<Secrets>;

/** What playbooks name and the router's configuration file at this path does not have. */
export type FindStrays = (path: string) => (playbooks: readonly Playbook[]) => readonly string[];

/** Checks playbook files against the actions that there are. */
export function makeCheck(catalogue: ActionCatalogue, findSecrets: FindSecrets, findStrays: FindStrays): Command {
  return {
    name: 'playbooks check',
    summary: `Check playbook files: every error of all files at once, with its place. Warnings are steps that never get their turn, and
secrets that are neither in the folder of --secrets (DATA/secrets if not given) nor in the environment.
With --config, the router's configuration file: also secrets of the cluster that cannot be read, destinations, groups of people and ways to ask them that are not in it.
Without FILE: the playbooks that Lanner comes with. Exit code 1 when there is an error, with --strict also after a warning.`,
    usage: '[FILE|DIR…] [--secrets DIR] [--config F] [--json | --sarif] [--strict]',
    run: async (args) => {
      const { values, positionals } = readArgs(args, {
        secrets: { type: 'string' },
        config: { type: 'string' },
        json: { type: 'boolean' },
        sarif: { type: 'boolean' },
        strict: { type: 'boolean' },
      });
      if (values.json === true && values.sarif === true) throw new UsageError('--json and --sarif exclude each other');
      const loaded = loadPlaybookFiles(positionals.length === 0 ? [builtInPlaybooks] : positionals, catalogue);
      const strays = values.config === undefined ? [] : findStrays(values.config)(loaded.playbooks);
      for (const stray of strays) process.stderr.write(`lanner playbooks check: ${stray}\n`);
      const outcome = {
        ...loaded,
        ok: loaded.ok && strays.length === 0,
        warnings: [...loaded.warnings, ...missing(loaded, await findSecrets(values.secrets, values.config))],
      };
      const shown = values.json === true ? toJson(outcome) : toSarif('lanner playbooks check', outcome);
      const isText = values.json !== true && values.sarif !== true;
      process.stdout.write(isText ? toText(outcome) : `${JSON.stringify(shown, undefined, 2)}\n`);
      const failed = !outcome.ok || (values.strict === true && outcome.warnings.length > 0);
      return failed ? exitCodes.failed : exitCodes.ok;
    },
  };
}

/** Secrets that cannot be found here, each where it is named first. */
function missing({ secrets }: LoadedFiles, find: Secrets): readonly Diagnostic[] {
  const first = new Map(secrets.toReversed().map((use) => [use.name, use]));
  return [...first.values()]
    .toReversed()
    .flatMap(({ name, source, span }): Diagnostic[] =>
      find(name) === undefined
        ? [{ code: 'PLAYBOOK_NO_SECRET', message: `there is no secret ${name} here`, source, span }]
        : [],
    );
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
