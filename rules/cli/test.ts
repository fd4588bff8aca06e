import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fieldCatalogue } from '../fields.ts';
import { type Diagnostic, renderDiagnostic } from '../language/diagnostic.ts';
import { type RuleTest, type RuleTestResult, readRuleTests, runRuleTests } from '../language/rule-test.ts';
import { readYaml } from '../language/yaml-reader.ts';
import { type Command, exitCodes, readArgs } from './command-line.ts';
import { type JunitCase, toJunit } from './junit.ts';
import { loadFiles } from './load-files.ts';
import { builtInRules, isTestFile, readRuleFiles } from './rule-files.ts';

/** Runs rule tests: an event's fields, and the rules that it fires. */
export const test: Command = {
  name: 'rules test',
  summary:
    'Run rule tests (*.test.yaml; a folder stands for those inside) against the rules of --rules, or of the folder of the first test file.\n' +
    'A test: {test: NAME, event: {evt.type: execve, proc.name: sh}, expect: [RULE…] or none, output: {RULE: text it contains}}.\n' +
    'Without FILE: the built-in rules and their tests. Exit code 1 when a test fails.',
  usage: '[FILE|DIR…] [--rules FILE|DIR]… [--json] [--junit FILE]',
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      json: { type: 'boolean' },
      junit: { type: 'string' },
      rules: { type: 'string', multiple: true },
    });
    const { files, unreadable } = readRuleFiles(positionals.length === 0 ? [builtInRules] : positionals, isTestFile);
    const [first] = files;
    const rulePaths = values.rules ?? [first === undefined ? builtInRules : dirname(first.path)];
    const outcome = loadFiles(rulePaths);
    const { tests, diagnostics } = readTests(files);
    for (const { path, reason } of unreadable) process.stderr.write(`${path}: cannot be read: ${reason}\n`);
    for (const diagnostic of [...outcome.errors, ...diagnostics])
      process.stderr.write(`${renderDiagnostic(diagnostic)}\n`);
    const results = runRuleTests(outcome.ruleSet, tests);
    const untested = outcome.ruleSet.rules
      .map(({ name }) => name)
      .filter((name) => !tests.some((one) => one.expected.includes(name)));
    if (values.junit !== undefined) writeFileSync(values.junit, toJunit('lanner rules test', results.map(toCase)));
    process.stdout.write(
      values.json === true ? toJson(results, untested) : toText(results, untested, outcome.ruleSet.rules.length),
    );
    const sound = outcome.ok && unreadable.length === 0 && diagnostics.length === 0;
    return sound && results.every(({ failures }) => failures.length === 0) ? exitCodes.ok : exitCodes.failed;
  },
};

function readTests(files: ReturnType<typeof readRuleFiles>['files']): {
  readonly tests: readonly RuleTest[];
  readonly diagnostics: readonly Diagnostic[];
} {
  const diagnostics: Diagnostic[] = [];
  const tests = files.flatMap((file) => {
    const yaml = readYaml(file);
    if (!yaml.ok) diagnostics.push(...yaml.diagnostics);
    return yaml.documents.flatMap((document) =>
      readRuleTests(document, fieldCatalogue, (code, message, at) => {
        diagnostics.push({ code, message, source: at.source, span: at.span });
        return undefined;
      }),
    );
  });
  return { tests, diagnostics };
}

function toCase({ test: { name, at }, failures }: RuleTestResult): JunitCase {
  return { path: at.source.path, name, failures };
}

function toText(results: readonly RuleTestResult[], untested: readonly string[], rules: number): string {
  const failed = results.filter(({ failures }) => failures.length > 0);
  const lines = failed.flatMap(({ test: { name }, failures }) => [
    `FAIL ${name}`,
    ...failures.map((failure) => `  ${failure}`),
  ]);
  lines.push(...untested.map((name) => `no test fires rule ${JSON.stringify(name)}`));
  lines.push(
    `${results.length} tests, ${failed.length} failed; ${rules - untested.length} of ${rules} rules are fired by a test`,
  );
  return `${lines.join('\n')}\n`;
}

function toJson(results: readonly RuleTestResult[], untested: readonly string[]): string {
  const shown = results.map(({ test: { name, expected }, fired, failures }) => ({
    test: name,
    ok: failures.length === 0,
    expected,
    fired,
    failures,
  }));
  return `${JSON.stringify({ results: shown, untested }, undefined, 2)}\n`;
}
