import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Command, exitCodes, readArgs } from '#rules/cli/command-line';
import { toJunit } from '#rules/cli/junit';
import { isTestFile, readRuleFiles } from '#rules/cli/rule-files';
import { toSarif } from '#rules/cli/sarif';
import { type Diagnostic, renderDiagnostic } from '#rules/language/diagnostic';
import { locate } from '#rules/language/source';
import type { ActionCatalogue } from '../language/playbook.ts';
import { type PlaybookTestResult, readPlaybookTests, runPlaybookTest } from '../language/playbook-test.ts';
import { builtInPlaybooks, loadPlaybookFiles } from './load-files.ts';

/** `lanner playbooks test`: an alert, and the exact steps that come of it. */
export function makeTest(catalogue: ActionCatalogue): Command {
  return {
    name: 'playbooks test',
    summary: `Run playbook tests (*.test.yaml; a folder stands for those inside) against the playbooks of --playbooks, or of the
folder of the first test file. Nothing is done: steps are filled in, and \`answers\` says how their actions went.
Without FILE: the playbooks that Lanner comes with. Exit code 1 when a test fails, or something is written wrongly.`,
    usage: '[FILE|DIR…] [--playbooks FILE|DIR]… [--json] [--junit FILE] [--sarif FILE]',
    run: async (args) => {
      const { values, positionals } = readArgs(args, {
        playbooks: { type: 'string', multiple: true },
        json: { type: 'boolean' },
        junit: { type: 'string' },
        sarif: { type: 'string' },
      });
      const paths = positionals.length === 0 ? [builtInPlaybooks] : positionals;
      const { files, unreadable } = readRuleFiles(paths, isTestFile);
      for (const { path, reason } of unreadable) process.stderr.write(`${path}: cannot be read: ${reason}\n`);
      const [first] = files;
      const folders = values.playbooks ?? [first === undefined ? builtInPlaybooks : dirname(first.path)];
      const loaded = loadPlaybookFiles(folders, catalogue);
      const wrong: Diagnostic[] = [...loaded.errors];
      const tests = files.flatMap((file) =>
        readPlaybookTests(file, (code, message, source, span) => wrong.push({ code, message, source, span })),
      );
      const results = tests.map((test) => runPlaybookTest(test, loaded.playbooks));
      const failures = results.flatMap(toDiagnostics);
      const untested = loaded.playbooks
        .map(({ name }) => name)
        .filter((name) => !tests.some(({ playbook, expect }) => playbook === name && typeof expect !== 'string'));
      if (values.junit !== undefined)
        writeFileSync(values.junit, toJunit('lanner playbooks test', results.map(toCase)));
      if (values.sarif !== undefined) {
        const sarif = toSarif('lanner playbooks test', { errors: [...wrong, ...failures], warnings: [] });
        writeFileSync(values.sarif, `${JSON.stringify(sarif, undefined, 2)}\n`);
      }
      for (const diagnostic of wrong) process.stderr.write(`${renderDiagnostic(diagnostic)}\n`);
      process.stdout.write(values.json === true ? toJson(results, untested) : toText(results, failures, untested));
      const isFine = wrong.length === 0 && failures.length === 0 && unreadable.length === 0;
      return isFine ? exitCodes.ok : exitCodes.failed;
    },
  };
}

function toDiagnostics({ test, failures }: PlaybookTestResult): readonly Diagnostic[] {
  return failures.map(({ at, message }): Diagnostic => {
    const { source, span } = test.written.at(at).at;
    return { code: 'PLAYBOOK_TEST_FAILED', message: `${test.test}: ${message}`, source, span };
  });
}

function toCase({ test, failures }: PlaybookTestResult) {
  return { path: test.written.path, name: test.test, failures: failures.map(({ message }) => message) };
}

function toText(
  results: readonly PlaybookTestResult[],
  failures: readonly Diagnostic[],
  untested: readonly string[],
): string {
  const failed = results.filter((result) => result.failures.length > 0).length;
  const shown = failures.map((failure) => `${renderDiagnostic(failure)}\n\n`);
  const open = untested.map((name) => `no test expects steps of playbook ${name}\n`);
  return `${shown.join('')}${open.join('')}${results.length} tests, ${failed} failed\n`;
}

function toJson(results: readonly PlaybookTestResult[], untested: readonly string[]): string {
  const shown = results.map(({ test, failures }) => ({
    test: test.test,
    playbook: test.playbook,
    path: test.written.path,
    ok: failures.length === 0,
    failures: failures.map(({ at, message }) => {
      const { source, span } = test.written.at(at).at;
      const { line, column } = locate(source, span.start);
      return { message, line, column };
    }),
  }));
  return `${JSON.stringify({ results: shown, untested }, undefined, 2)}\n`;
}
