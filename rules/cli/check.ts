import { renderDiagnostic } from '../language/diagnostic.ts';
import { checkFalcoSchema } from '../language/falco-schema.ts';
import type { LoadOutcome } from '../language/load.ts';
import { readYaml } from '../language/yaml-reader.ts';
import { type Command, exitCodes, readArgs, UsageError } from './command-line.ts';
import { loadFiles } from './load-files.ts';
import { type ReadFile, toLoadResults } from './load-results.ts';
import { builtInRules, readRuleFiles } from './rule-files.ts';
import { toSarif } from './sarif.ts';

/** Loads rule files and says everything that is wrong with them. */
export const check: Command = {
  name: 'rules check',
  summary:
    'Check rule files: every error of all files at once, with its place.\nWithout FILE: the built-in rules. Exit code 1 when there is an error.',
  usage: '[FILE|DIR…] [--json | --sarif] [--strict]',
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      json: { type: 'boolean' },
      sarif: { type: 'boolean' },
      strict: { type: 'boolean' },
    });
    if (values.json === true && values.sarif === true) throw new UsageError('--json and --sarif exclude each other');
    const outcome = loadFiles(positionals);
    if (values.json === true) {
      const results = toLoadResults(outcome, readAgain(positionals));
      process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
    } else if (values.sarif === true)
      process.stdout.write(`${JSON.stringify(toSarif('lanner rules check', outcome), undefined, 2)}\n`);
    else process.stdout.write(report(outcome));
    const failed = !outcome.ok || (values.strict === true && outcome.warnings.length > 0);
    return failed ? exitCodes.failed : exitCodes.ok;
  },
};

function readAgain(paths: readonly string[]): ReadonlyMap<string, ReadFile> {
  const { files } = readRuleFiles(paths.length === 0 ? [builtInRules] : paths);
  return new Map(
    files.map((file) => {
      const { documents } = readYaml(file);
      return [file.path, { documents, schemaWarnings: checkFalcoSchema(documents) }];
    }),
  );
}

function report(outcome: LoadOutcome): string {
  const shown = [...outcome.errors, ...outcome.warnings]
    .map((diagnostic) => `${renderDiagnostic(diagnostic)}\n\n`)
    .join('');
  const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
  const rules = outcome.ruleSet.rules.length;
  return `${shown}${count(outcome.files.length, 'file')}, ${count(rules, 'rule')}: ${count(outcome.errors.length, 'error')}, ${count(outcome.warnings.length, 'warning')}\n`;
}
