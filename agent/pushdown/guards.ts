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

/** Whether the rule may match for a process of this name; `undefined`: of a name that no rule mentions. */
export function isPossibleFor(node: FoldedNode, name: string | undefined): boolean {
  return judge(node, name) !== 'no';
}

function judge(node: FoldedNode, name: string | undefined): Verdict {
  switch (node.kind) {
    case 'always':
      return 'yes';
    case 'never':
      return 'no';
    case 'not': {
      const verdict = judge(node.child, name);
      return verdict === 'open' ? verdict : verdict === 'yes' ? 'no' : 'yes';
    }
    case 'and':
    case 'or': {
      const [deciding, neutral]: readonly [Verdict, Verdict] = node.kind === 'and' ? ['no', 'yes'] : ['yes', 'no'];
      const verdicts = node.children.map((child) => judge(child, name));
      if (verdicts.includes(deciding)) return deciding;
      return verdicts.includes('open') ? 'open' : neutral;
    }
    case 'check':
      return judgeTest(node, name);
  }
}

function judgeTest(test: CheckedTest, name: string | undefined): Verdict {
  if (!isEquality(test)) return 'open';
  if (name === undefined) return test.operator === '!=' ? 'yes' : 'no';
  return matcherOf(test)?.(name) === true ? 'yes' : 'no';
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
