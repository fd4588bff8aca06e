import type { CheckedNode, CheckedTest } from './checked.ts';
import type { Constant } from './constants.ts';
import { matcherOf } from './test-matcher.ts';

/** A condition for events of one type: what the type decides is decided. */
export type FoldedNode = CheckedNode | { readonly kind: 'always' } | { readonly kind: 'never' };

const always = { kind: 'always' } as const;
const never = { kind: 'never' } as const;

/** Decides the checks of `evt.type` and `evt.dir`, and simplifies what follows from them. */
export function foldForType(node: CheckedNode, eventType: string): FoldedNode {
  switch (node.kind) {
    case 'check':
      return foldTest(node, eventType);
    case 'not': {
      const child = foldForType(node.child, eventType);
      if (child.kind === 'always') return never;
      if (child.kind === 'never') return always;
      return child.kind === 'not' ? child.child : { kind: 'not', child };
    }
    case 'and':
    case 'or':
      return foldGroup(
        node.kind,
        node.children.map((child) => foldForType(child, eventType)),
      );
  }
}

function foldTest(test: CheckedTest, eventType: string): FoldedNode {
  const { left, right, operator, modifier } = test;
  // An empty list has no element to be equal to.
  const isSearch = operator === 'in' || operator === 'intersects' || operator === 'pmatch' || modifier !== undefined;
  if (isSearch && !left.list && right.kind === 'constants' && right.values.length === 0) return never;
  if (left.kind !== 'field' || right.kind === 'expression') return test;
  const known = left.use.spec.name === 'evt.type' ? eventType : left.use.spec.name === 'evt.dir' ? '<' : undefined;
  if (known === undefined) return test;
  return matcherOf(test)?.(known) === true ? always : never;
}

function foldGroup(kind: 'and' | 'or', children: readonly FoldedNode[]): FoldedNode {
  const [neutral, deciding] = kind === 'and' ? ([always, never] as const) : ([never, always] as const);
  const left: CheckedNode[] = [];
  for (const child of children) {
    if (child.kind === deciding.kind) return deciding;
    if (child.kind === 'always' || child.kind === 'never') continue;
    if (child.kind === kind) left.push(...child.children);
    else left.push(child);
  }
  const [first, second] = left;
  if (first === undefined) return neutral;
  return second === undefined ? first : { kind, children: left };
}

/**
 * Merges checks of one field against constants: `x = a or x in (b, c)` is one set, `x startswith a or x startswith b`
 * one pass. Under `and` the same holds for negated checks, which are a negated `or`.
 */
export function mergeChecks(node: CheckedNode): CheckedNode {
  switch (node.kind) {
    case 'check':
      return node;
    case 'not': {
      const child = mergeChecks(node.child);
      return child.kind === 'not' ? child.child : { kind: 'not', child };
    }
    case 'or':
      return group('or', mergeAlternatives(node.children.map(mergeChecks)));
    case 'and': {
      const children = node.children.map(mergeChecks);
      const negated = children.flatMap((child) => (child.kind === 'not' ? [child.child] : []));
      if (negated.length < 2) return group('and', children);
      const merged = mergeAlternatives(negated.flatMap((child) => (child.kind === 'or' ? child.children : [child])));
      const positive = children.filter((child) => child.kind !== 'not');
      return group('and', [...positive, ...merged.map((child): CheckedNode => ({ kind: 'not', child }))]);
    }
  }
}

function group(kind: 'and' | 'or', children: readonly CheckedNode[]): CheckedNode {
  const [first, second] = children;
  return first !== undefined && second === undefined ? first : { kind, children };
}

type Merged = { readonly test: CheckedTest; readonly values: Constant[]; readonly texts: string[] };

/** Operators of which several alternatives are one search; `=` and `in` are the same thing. */
const searches: Readonly<Record<string, string>> = {
  '=': 'in',
  '==': 'in',
  in: 'in',
  startswith: 'startswith',
  endswith: 'endswith',
  contains: 'contains',
  icontains: 'icontains',
  pmatch: 'pmatch',
};

function mergeAlternatives(children: readonly CheckedNode[]): readonly CheckedNode[] {
  const groups = new Map<string, Merged>();
  const result: (CheckedNode | Merged)[] = [];
  for (const child of children) {
    const search =
      child.kind === 'check' && child.modifier === undefined && !child.left.list ? searches[child.operator] : undefined;
    if (child.kind !== 'check' || search === undefined || child.right.kind !== 'constants') {
      result.push(child);
      continue;
    }
    const key = `${search} ${leftText(child)}`;
    const known = groups.get(key);
    if (known !== undefined) {
      known.values.push(...child.right.values);
      known.texts.push(child.text);
      continue;
    }
    const merged: Merged = { test: child, values: [...child.right.values], texts: [child.text] };
    groups.set(key, merged);
    result.push(merged);
  }
  return result.map((one) => ('values' in one ? finish(one) : one));
}

/** The left side as it is written: the text before the operator. */
function leftText(test: CheckedTest): string {
  return test.text.slice(0, test.text.indexOf(` ${test.operator}`));
}

function finish({ test, values, texts }: Merged): CheckedTest {
  if (test.right.kind !== 'constants' || texts.length === 1) return test;
  const operator = test.operator === '=' || test.operator === '==' ? 'in' : test.operator;
  const isSet = operator === 'in' || operator === 'pmatch';
  const modifier = isSet ? undefined : 'anyof';
  return { ...test, operator, modifier, right: { kind: 'constants', values }, text: texts.join(' or ') };
}
