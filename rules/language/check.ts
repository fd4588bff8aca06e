import type { At, CheckNode, FieldNode, Operand, Operator, ResolvedNode, Right, TransformerNode } from './ast.ts';
import { toByteString } from './byte-string.ts';
import { fieldText } from './catalogue.ts';
import type { CheckedNode, CheckedTest, Expression } from './checked.ts';
import { type Constant, readConstant } from './constants.ts';
import type { FieldCatalogue, FieldUse } from './field.ts';
import { didYouMean } from './nearest.ts';
import { printCondition } from './print.ts';
import { checkCall } from './transformers.ts';
import { operatorsOf } from './type-family.ts';

/** `unknown`: a field or event type that does not exist, which `skip-if-unknown-filter` forgives. */
export type Problem = { readonly message: string; readonly at: At; readonly kind: 'unknown' | 'invalid' };

/** What checking needs, and where it puts what it finds. Nodes already checked are looked up: macros are shared. */
export type Checker = {
  readonly catalogue: FieldCatalogue;
  readonly problems: Problem[];
  readonly done: Map<ResolvedNode, CheckedNode>;
};

/** `done`: what other checkers found sound. */
export function makeChecker(catalogue: FieldCatalogue, done: Map<ResolvedNode, CheckedNode> = new Map()): Checker {
  return { catalogue, problems: [], done };
}

/** Checks every part and reports every problem; the result is only meaningful when there was none. */
export function checkCondition(node: ResolvedNode, checker: Checker): CheckedNode {
  const known = checker.done.get(node);
  if (known !== undefined) return known;
  const before = checker.problems.length;
  const checked = checkNode(node, checker);
  // A faulty part is checked again for the next rule that uses it, so that each rule is judged by itself.
  if (checker.problems.length === before) checker.done.set(node, checked);
  return checked;
}

function checkNode(node: ResolvedNode, checker: Checker): CheckedNode {
  switch (node.kind) {
    case 'and':
    case 'or':
      return { kind: node.kind, children: node.children.map((child) => checkCondition(child, checker)) };
    case 'not':
      return { kind: 'not', child: checkCondition(node.child, checker) };
    case 'check':
      return checkTest(node, checker);
  }
}

function report(checker: Checker, at: At, message: string, kind: Problem['kind'] = 'invalid'): undefined {
  checker.problems.push({ message, at, kind });
  return undefined;
}

const eventTypeFields: readonly string[] = ['evt.type', 'syscall.type'];

function isEventType(expression: Expression): boolean {
  return expression.kind === 'field' && eventTypeFields.includes(expression.use.spec.name);
}

function checkTest(node: CheckNode, checker: Checker): CheckedTest {
  const left = checkExpression(node.left, checker);
  const right = left === undefined ? undefined : checkOperator(node, left, checker);
  return {
    kind: 'check',
    left: left ?? { kind: 'text', value: '', type: 'CHARBUF', list: false },
    operator: node.operator,
    modifier: node.modifier,
    right: right ?? { kind: 'none' },
    text: printCondition(node, 'exact'),
    at: node.at,
  };
}

function checkOperator(node: CheckNode, left: Expression, checker: Checker): CheckedTest['right'] | undefined {
  const { operator, right } = node;
  const name = left.kind === 'field' ? fieldText(left.use) : printCondition(node).split(' ')[0];
  if (left.kind === 'field' && left.use.spec.flags.includes('print-only')) {
    return report(checker, node.left.at, `${name} can only be printed in an output`);
  }
  if (left.kind === 'call' && left.operands.some(isEventType)) {
    return report(checker, node.left.at, 'evt.type and syscall.type take no transformer in a condition');
  }
  if (operator === 'exists' || right === undefined) return { kind: 'none' };
  const fitting = operatorsOf(left.type, left.list);
  if (!fitting.includes(operator)) {
    const what = `${left.list ? 'a list of ' : ''}${left.type}`;
    const others = fitting.length === 0 ? 'only exists' : `exists ${fitting.join(' ')}`;
    return report(checker, node.at, `${name} is ${what}, which does not take ${operator}; it takes ${others}`);
  }
  if (name?.startsWith('evt.around[') === true && operator !== '=' && operator !== '==') {
    return report(checker, node.at, `${name} takes = only`);
  }
  if (right.kind === 'val' || right.kind === 'transformer') return checkRightExpression(node, left, right, checker);
  const literals = right.kind === 'list' ? right.values : [right];
  const values: Constant[] = [];
  for (const literal of literals) {
    const result = readConstant(literal.value, left.type, operator);
    if (!result.ok) report(checker, literal.at, `${name} is ${left.type}: ${result.reason}`);
    else if (!isEventType(left) || isKnownEvent(literal.value, literal.at, checker)) values.push(result.value);
  }
  return { kind: 'constants', values };
}

function isKnownEvent(name: string, at: At, checker: Checker): boolean {
  const known = checker.catalogue.eventTypes;
  if (known === undefined || known.has(name)) return true;
  report(checker, at, `unknown event type ${JSON.stringify(name)}${didYouMean(name, known.keys())}`, 'unknown');
  return false;
}

const constantsOnly: readonly Operator[] = ['regex', 'pmatch'];

function checkRightExpression(
  node: CheckNode,
  left: Expression,
  right: Extract<Right, { kind: 'val' | 'transformer' }>,
  checker: Checker,
): CheckedTest['right'] | undefined {
  if (right.kind === 'val' && right.argument !== undefined)
    return report(checker, right.at, 'val() takes no argument in brackets');
  const expression = checkExpression(right.kind === 'val' ? right.field : right, checker);
  if (expression === undefined) return undefined;
  if (constantsOnly.includes(node.operator))
    return report(checker, right.at, `${node.operator} takes constants, not a field`);
  if (isEventType(left) || isEventType(expression)) {
    return report(
      checker,
      right.at,
      'evt.type and syscall.type are compared with names only, not with a field or transformer',
    );
  }
  for (const side of [left, expression]) {
    if (side.type === 'IPNET') return report(checker, right.at, 'networks cannot be compared with a field');
    const origin = originOf(side);
    if (origin?.spec.flags.includes('no-rhs') === true) {
      return report(checker, right.at, `${origin.spec.name} cannot be compared with a field`);
    }
  }
  if (expression.type !== left.type || expression.list !== left.list) {
    const name = (side: Expression): string => `${side.list ? 'a list of ' : ''}${side.type}`;
    return report(
      checker,
      right.at,
      `both sides must have one type: the left is ${name(left)}, the right ${name(expression)}`,
    );
  }
  return { kind: 'expression', expression };
}

/** The field that a chain of transformers of one value begins with. */
function originOf(expression: Expression): FieldUse | undefined {
  if (expression.kind === 'field') return expression.use;
  const [first, second] = expression.kind === 'call' ? expression.operands : [];
  return first === undefined || second !== undefined ? undefined : originOf(first);
}

/** Types a field or a transformer. `undefined`: a problem was reported. */
export function checkExpression(node: FieldNode | TransformerNode | Operand, checker: Checker): Expression | undefined {
  switch (node.kind) {
    case 'field': {
      const found = checker.catalogue.lookup(node.name, node.argument);
      if (!found.ok)
        return report(checker, node.at, found.explain(), found.reason === 'argument' ? 'invalid' : 'unknown');
      return { kind: 'field', use: found.use, type: found.use.spec.type, list: found.use.spec.list };
    }
    case 'literal':
      return { kind: 'text', value: toByteString(node.value), type: 'CHARBUF', list: false };
    case 'tuple': {
      const items = node.items.map((item) => checkExpression(item, checker));
      const known = items.filter((item) => item !== undefined);
      return known.length === items.length ? { kind: 'tuple', items: known, type: 'CHARBUF', list: true } : undefined;
    }
    case 'transformer':
      return checkTransformer(node, checker);
  }
}

function checkTransformer(node: TransformerNode, checker: Checker): Expression | undefined {
  const operands = node.operands.map((operand) => checkExpression(operand, checker));
  const known = operands.filter((operand) => operand !== undefined);
  if (known.length < operands.length) return undefined;
  for (const operand of known.flatMap((one) => (one.kind === 'tuple' ? one.items : [one]))) {
    if (operand.kind === 'field' && operand.use.spec.flags.includes('no-transformer')) {
      return report(checker, node.at, `${operand.use.spec.name} takes no transformer`);
    }
  }
  const result = checkCall(node.name, known, node.argument);
  if (!result.ok) return report(checker, node.at, result.reason);
  return {
    kind: 'call',
    name: node.name,
    operands: known,
    option: node.argument === undefined ? undefined : toByteString(node.argument),
    type: result.type,
    list: result.list,
  };
}
