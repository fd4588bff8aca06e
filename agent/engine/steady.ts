import type { CheckedNode, CheckedTest, Expression } from '#rules/language/checked';
import { holdsEvent } from '#rules/language/event-set';
import { isActive, type Rule } from '#rules/language/rule-set';

/**
 * Fields that read the record, the process with its line of parents, its user and its container, and no clock, counter,
 * descriptor of a process that runs, or file: of two records alike they say the same as long as those are what they were.
 */
const steady =
  /^(evt\.(type(\.is)?|dir|category|source|arg|rawarg|args|info|res|rawres|failed|abspath|is_\w+)|syscall\.type|fd\.(name|nameraw|directory|filename|type|typechar|num)|fs\.path\.\w+|proc\.(name|pname|aname|exe|pexe|aexe|exepath|pexepath|aexepath|args|aargs|cmdline|pcmdline|acmdline|exeline|cmdnargs|cmdlenargs|cwd|tty|pid|ppid|apid|vpid|pvpid|sid|sname|pgid|vpgid|[sp]gid\.\w+|sid\.\w+|vpgid\.\w+|is_\w+|exe_ino|loginshellid)|thread\.(cap_\w+|tid|ismain|vtid)|user\.\w+|group\.\w+|container\.(id|name|type|privileged|image(\.\w+)*|mount(\.\w+)*)|k8s\.(ns|pod)\.\w+)$/;

/**
 * What rules ask about the events of a type, if the answer can be kept: at which ages of a process, in nanoseconds, it
 * changes (`proc.duration`), in order. `undefined`: some rule asks for what is never twice the same.
 */
function agesOf(rules: readonly Rule[], type: string): readonly number[] | undefined {
  const ages = new Set<number>();
  const seen = new Set<CheckedNode>();
  const isKept = (node: CheckedNode): boolean => {
    if (seen.has(node)) return true;
    seen.add(node);
    if (node.kind === 'not') return isKept(node.child);
    if (node.kind !== 'check') return node.children.every(isKept);
    return isNever(node) || addAges(node, ages) || isSteady(node);
  };
  const asked = rules.filter((rule) => isActive(rule) && holdsEvent(rule.eventSet, type));
  if (!asked.every(({ condition }) => isKept(condition))) return undefined;
  return [...ages].toSorted((one, other) => one - other);
}

/** The same of compiled rules, worked out once a type. */
export function makeAges(
  compiled: readonly { readonly rule: Rule }[],
): (type: string) => readonly number[] | undefined {
  const rules = compiled.map(({ rule }) => rule);
  const known = new Map<string, readonly number[] | undefined>();
  return (type) => {
    if (!known.has(type)) known.set(type, agesOf(rules, type));
    return known.get(type);
  };
}

const fieldOf = ({ left }: CheckedTest): string | undefined => (left.kind === 'field' ? left.use.spec.name : undefined);

/** `evt.num = 0`: the numbers begin at 1, and rules that are to match nothing say so. */
function isNever(test: CheckedTest): boolean {
  const { operator, right } = test;
  return (
    fieldOf(test) === 'evt.num' &&
    (operator === '=' || operator === '==') &&
    right.kind === 'constants' &&
    right.values.every((value) => Number(value) === 0)
  );
}

/** Whether the test compares the age of the process with numbers, which are added. */
function addAges(test: CheckedTest, ages: Set<number>): boolean {
  if (fieldOf(test) !== 'proc.duration' || test.right.kind !== 'constants') return false;
  const found = test.right.values.map(Number);
  if (found.some((value) => !Number.isFinite(value))) return false;
  // One more: it is another on either side of the number itself.
  for (const value of found) ages.add(value).add(value + 1);
  return true;
}

function isSteady({ left, right }: CheckedTest): boolean {
  return readsSteady(left) && (right.kind !== 'expression' || readsSteady(right.expression));
}

function readsSteady(expression: Expression): boolean {
  switch (expression.kind) {
    case 'field':
      return steady.test(expression.use.spec.name);
    case 'text':
      return true;
    case 'tuple':
      return expression.items.every(readsSteady);
    case 'call':
      return expression.operands.every(readsSteady);
  }
}
