import { fieldText } from './catalogue.ts';
import type { CheckedNode, CheckedTest } from './checked.ts';
import type { FieldValue } from './field.ts';
import { candidatesOf, matcherOf } from './test-matcher.ts';

/** What one field's value says about a condition. */
export const verdicts = { no: 0, yes: 1, open: 2 } as const;
export type Verdict = 0 | 1 | 2;
export type Refuter = (value: FieldValue | undefined) => Verdict;

const open: Refuter = () => verdicts.open;

/** Decides as much of the condition as the value of `field` alone allows; `undefined`: nothing. */
export function compileRefuter(node: CheckedNode, field: string): Refuter | undefined {
  const refute = compile(node, field);
  return refute === open ? undefined : refute;
}

function compile(node: CheckedNode, field: string): Refuter {
  switch (node.kind) {
    case 'check':
      return compileTest(node, field);
    case 'not': {
      const child = compile(node.child, field);
      if (child === open) return open;
      return (value) => {
        const verdict = child(value);
        return verdict === verdicts.open ? verdict : verdict === verdicts.no ? verdicts.yes : verdicts.no;
      };
    }
    case 'and':
    case 'or': {
      const [deciding, neutral] =
        node.kind === 'and' ? ([verdicts.no, verdicts.yes] as const) : ([verdicts.yes, verdicts.no] as const);
      const children = node.children.map((child) => compile(child, field));
      const speaking = children.filter((child) => child !== open);
      if (speaking.length === 0) return open;
      const rest = speaking.length === children.length ? neutral : verdicts.open;
      return (value) => {
        let result: Verdict = rest;
        for (const child of speaking) {
          const verdict = child(value);
          if (verdict === deciding) return verdict;
          if (verdict === verdicts.open) result = verdict;
        }
        return result;
      };
    }
  }
}

function compileTest(test: CheckedTest, field: string): Refuter {
  const { left } = test;
  if (left.kind !== 'field' || left.list || candidatesOf(left) !== undefined || test.right.kind === 'expression')
    return open;
  const name = fieldText(left.use);
  const matches = matcherOf(test);
  if (matches === undefined) return open;
  if (name === field) return (value) => (value !== undefined && matches(value) ? verdicts.yes : verdicts.no);
  const part = parts[name];
  if (part?.of !== field) return open;
  return (value) => (typeof value === 'string' && part.forms(value).some(matches) ? verdicts.open : verdicts.no);
}

/**
 * Fields that are part of another one, or missing: readers keep to that. So the whole says which values the part can
 * have; `forms` lists them generously, for a root or a trailing slash may be cut in more than one way.
 */
const parts: Readonly<Record<string, { readonly of: string; readonly forms: (whole: string) => readonly string[] }>> = {
  'fd.directory': {
    of: 'fd.name',
    forms: (whole) => {
      const slash = whole.lastIndexOf('/');
      return slash > 0 ? [whole.slice(0, slash), whole.slice(0, slash + 1)] : [whole, '/', ''];
    },
  },
  'fd.filename': {
    of: 'fd.name',
    forms: (whole) => {
      const name = whole.slice(whole.lastIndexOf('/') + 1);
      return name !== '' ? [name] : [whole, '/', ''];
    },
  },
};
