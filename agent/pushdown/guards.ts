import type { CheckedTest } from '#rules/language/checked';
import type { FoldedNode } from '#rules/language/fold';
import { matcherOf } from '#rules/language/test-matcher';
import type { Verdict } from './atoms.ts';

/** Longest name of a process: TASK_COMM_LEN without its NUL. */
const mostName = 15;

/** The names that a rule compares a process's with. */
export function namesIn(node: FoldedNode): readonly string[] {
  switch (node.kind) {
    case 'always':
    case 'never':
      return [];
    case 'not':
      return namesIn(node.child);
    case 'and':
    case 'or':
      return node.children.flatMap(namesIn);
    case 'check':
      return constantsOf(node).filter((name) => name !== '' && name.length <= mostName);
  }
}

/** What is known of a process, and what that makes of a test. */
type Facts = (test: CheckedTest) => Verdict;

/** What a process was started as: it stays so until it starts another program. `undefined`: not known. */
export type Program = { readonly exe: string | undefined; readonly exePath: string | undefined };

/** A program that no rule is about. */
const plainProgram: Program = { exe: '\x01', exePath: '/\x01' };

/** Whether the rule may match for a process of this name; `undefined`: of a name that no rule mentions. */
export const isPossibleFor = (node: FoldedNode, name: string | undefined): boolean =>
  judge(node, (test) => ofName(test, name)) !== 'no';

/** Whether it may match for a process that runs this. */
export const isPossibleOf = (node: FoldedNode, program: Program): boolean =>
  judge(node, (test) => ofProgram(test, program)) !== 'no';

/** Whether it cannot match for most programs. */
export const isOfPrograms = (node: FoldedNode): boolean => !isPossibleOf(node, plainProgram);

function judge(node: FoldedNode, facts: Facts): Verdict {
  switch (node.kind) {
    case 'always':
      return 'yes';
    case 'never':
      return 'no';
    case 'not': {
      const verdict = judge(node.child, facts);
      return verdict === 'open' ? verdict : verdict === 'yes' ? 'no' : 'yes';
    }
    case 'and':
    case 'or': {
      const [deciding, neutral]: readonly [Verdict, Verdict] = node.kind === 'and' ? ['no', 'yes'] : ['yes', 'no'];
      const verdicts = node.children.map((child) => judge(child, facts));
      if (verdicts.includes(deciding)) return deciding;
      return verdicts.includes('open') ? 'open' : neutral;
    }
    case 'check':
      return facts(node);
  }
}

function ofName(test: CheckedTest, name: string | undefined): Verdict {
  if (!isEquality(test)) return 'open';
  if (name === undefined) return test.operator === '!=' ? 'yes' : 'no';
  return matcherOf(test)?.(name) === true ? 'yes' : 'no';
}

function ofProgram(test: CheckedTest, { exe, exePath }: Program): Verdict {
  const { left } = test;
  if (left.kind !== 'field' || left.list || left.use.argument !== undefined) return 'open';
  const { name } = left.use.spec;
  const value = name === 'proc.exe' ? exe : name === 'proc.exepath' ? exePath : undefined;
  // What is not known may be found out.
  const matches = value === undefined ? undefined : matcherOf(test);
  return matches === undefined || value === undefined ? 'open' : matches(value) ? 'yes' : 'no';
}

function isEquality({ left, operator, modifier, right }: CheckedTest): boolean {
  if (left.kind !== 'field' || left.use.spec.name !== 'proc.name' || right.kind !== 'constants') return false;
  if (modifier !== undefined && right.values.length !== 1) return false;
  if (operator === '!=') return right.values.length === 1;
  return operator === '=' || operator === '==' || operator === 'in';
}

const constantsOf = (test: CheckedTest): readonly string[] =>
  isEquality(test) && test.right.kind === 'constants'
    ? test.right.values.filter((value) => typeof value === 'string')
    : [];
