import { loadPlaybooks } from '#playbooks/language/load';
import type { ActionCatalogue, Playbook } from '#playbooks/language/playbook';
import { readPlaybookTests, runPlaybookTest } from '#playbooks/language/playbook-test';
import { isTestFile } from '#rules/cli/rule-files';
import { fieldCatalogue } from '#rules/fields';
import { type Diagnostic, diagnosticLine } from '#rules/language/diagnostic';
import { loadRules } from '#rules/language/load';
import { readRuleTests, runRuleTests } from '#rules/language/rule-test';
import type { SourceFile } from '#rules/language/source';
import { readYaml } from '#rules/language/yaml-reader';
import type { Revision } from './repository.ts';

/** A commit all of whose rules and playbooks load and pass the repository's own tests. */
export type Bundle = {
  readonly commit: string;
  readonly rules: readonly SourceFile[];
  readonly playbookFiles: readonly SourceFile[];
  readonly playbooks: readonly Playbook[];
};

/** `problems`: as they are shown, each with file, line and column. */
export type BundleResult =
  | { readonly ok: true; readonly bundle: Bundle }
  | { readonly ok: false; readonly problems: readonly string[] };

const MOST_PROBLEMS = 100;

/**
 * Checks everything that the commit holds; nothing of it is used when anything is wrong. Rules that are to the letter those
 * of a commit that passed (`passed`: they, and their tests) are not checked once more.
 */
export function checkBundle(
  { commit, rules, playbooks }: Revision,
  actions: ActionCatalogue,
  passed?: readonly SourceFile[],
): BundleResult {
  const isTest = ({ path }: SourceFile): boolean => isTestFile(path);
  const ruleFiles = rules.filter((file) => !isTest(file));
  const playbookFiles = playbooks.filter((file) => !isTest(file));
  const loadedRules = isSame(rules, passed) ? undefined : loadRules(ruleFiles, { fields: fieldCatalogue });
  const loaded = loadPlaybooks(playbookFiles, actions);
  const problems: string[] = [...(loadedRules?.errors ?? []), ...loaded.errors].map(diagnosticLine);
  if (problems.length === 0) {
    if (loadedRules !== undefined) problems.push(...testRules(loadedRules.ruleSet, rules.filter(isTest)));
    problems.push(...testPlaybooks(loaded.playbooks, playbooks.filter(isTest)));
  }
  if (playbookFiles.length === 0 && ruleFiles.length === 0)
    problems.push('there are neither rules nor playbooks in it');
  return problems.length === 0
    ? { ok: true, bundle: { commit, rules: ruleFiles, playbookFiles, playbooks: loaded.playbooks } }
    : { ok: false, problems: problems.slice(0, MOST_PROBLEMS) };
}

function isSame(files: readonly SourceFile[], others: readonly SourceFile[] | undefined): boolean {
  return (
    files.length === others?.length &&
    files.every(({ path, text }, at) => path === others[at]?.path && text === others[at]?.text)
  );
}

function testRules(ruleSet: Parameters<typeof runRuleTests>[0], files: readonly SourceFile[]): readonly string[] {
  const wrong: Diagnostic[] = [];
  const tests = files.flatMap((file) => {
    const yaml = readYaml(file);
    if (!yaml.ok) wrong.push(...yaml.diagnostics);
    return yaml.documents.flatMap((document) =>
      readRuleTests(document, fieldCatalogue, (code, message, at) => {
        wrong.push({ code, message, source: at.source, span: at.span });
        return undefined;
      }),
    );
  });
  const failures = runRuleTests(ruleSet, tests).flatMap(({ test: { name, at }, failures: why }) =>
    why.map((one) => diagnosticLine({ code: 'RULE_TEST_FAILED', message: `${name}: ${one}`, ...at })),
  );
  return [...wrong.map(diagnosticLine), ...failures];
}

function testPlaybooks(playbooks: readonly Playbook[], files: readonly SourceFile[]): readonly string[] {
  const wrong: Diagnostic[] = [];
  const tests = files.flatMap((file) =>
    readPlaybookTests(file, (code, message, source, span) => wrong.push({ code, message, source, span })),
  );
  const failures = tests.flatMap((test) =>
    runPlaybookTest(test, playbooks).failures.map(({ at, message }) =>
      diagnosticLine({ code: 'PLAYBOOK_TEST_FAILED', message: `${test.test}: ${message}`, ...test.written.at(at).at }),
    ),
  );
  return [...wrong.map(diagnosticLine), ...failures];
}
