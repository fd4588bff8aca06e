import { fieldText } from './catalogue.ts';
import type { CheckedNode, CheckedTest } from './checked.ts';
import { candidatesOf } from './test-matcher.ts';

/** A text that a value must have: be it, begin with it, end with it, or contain it. Byte strings. */
export type Literal = { readonly kind: 'whole' | 'prefix' | 'suffix' | 'inside'; readonly text: string };

/** Literals of which a value has at least one when it lets the condition be true. */
export type Requirement = readonly Literal[];

/** A condition that asks for more literals is not worth looking for them. */
const mostLiterals = 2_000;

/**
 * What the condition requires of the text field; `undefined`: nothing that literals can say. Generous: a value that
 * has such a literal may still not match.
 */
export function requirementOf(node: CheckedNode, field: string): Requirement | undefined {
  switch (node.kind) {
    case 'check':
      return ofTest(node, field);
    case 'not':
      return undefined;
    case 'or': {
      const children = node.children.map((child) => requirementOf(child, field));
      const known = children.filter((child) => child !== undefined);
      const all = known.flat();
      return known.length < children.length || all.length > mostLiterals ? undefined : all;
    }
    case 'and': {
      let best: Requirement | undefined;
      for (const child of node.children) {
        const requirement = requirementOf(child, field);
        if (requirement !== undefined && (best === undefined || effortOf(requirement) < effortOf(best)))
          best = requirement;
      }
      return best;
    }
  }
}

/** Prefixes and suffixes are looked for at the ends only; `inside` takes a pass over the whole text. */
function effortOf(requirement: Requirement): number {
  return requirement.reduce((sum, { kind }) => sum + (kind === 'inside' ? 100 : 1), 0);
}

const all = (kind: Literal['kind'], texts: readonly string[]): Requirement => texts.map((text) => ({ kind, text }));

function ofTest({ left, operator, right }: CheckedTest, field: string): Requirement | undefined {
  if (left.kind !== 'field' || left.list || candidatesOf(left) !== undefined || right.kind !== 'constants')
    return undefined;
  const texts = right.values.filter((value) => typeof value === 'string');
  if (texts.length < right.values.length) return undefined;
  const name = fieldText(left.use);
  if (name !== field) return ofPart(name, field, operator, texts);
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return all('whole', texts);
    case 'startswith':
      return all('prefix', texts);
    case 'endswith':
      return all('suffix', texts);
    case 'contains':
      return all('inside', texts);
    case 'glob':
      return flatten(texts.map(ofGlob));
    case 'pmatch':
      return flatten(texts.map(ofPath));
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
    case 'exists':
    case 'intersects':
    case 'icontains':
    case 'iglob':
    case 'regex':
    case 'bcontains':
    case 'bstartswith':
      return undefined;
  }
}

function flatten(requirements: readonly (Requirement | undefined)[]): Requirement | undefined {
  const known = requirements.filter((requirement) => requirement !== undefined);
  return known.length < requirements.length ? undefined : known.flat();
}

/** What stands before the first wildcard, or after the last one. */
function ofGlob(pattern: string): Requirement | undefined {
  if (!/[*?[\\]/.test(pattern)) return all('whole', [pattern]);
  const [before = ''] = /^[^*?[\\]*/.exec(pattern) ?? [];
  if (before.length > 1) return all('prefix', [before]);
  const [after = ''] = /[^*?[\]\\]*$/.exec(pattern) ?? [];
  return after.length > 1 && !/[[\\]/.test(pattern) ? all('suffix', [after]) : undefined;
}

/** `pmatch` reads `//a///b` and `a/b` as `/a/b`. */
function ofPath(pattern: string): Requirement | undefined {
  const components = pattern.split('/').filter((component) => component !== '');
  const wild = components.findIndex((component) => /[*?[]/.test(component));
  const plain = components.slice(0, wild === -1 ? components.length : wild).join('/');
  if (plain === '') return undefined;
  return [
    { kind: 'prefix', text: `/${plain}` },
    { kind: 'prefix', text: plain },
    { kind: 'inside', text: '//' },
  ];
}

/**
 * `fd.directory` and `fd.filename` are cut out of `fd.name`; the root, and a path without a folder, are cut in ways of
 * their own (see `parts` in refute.ts).
 */
function ofPart(
  name: string,
  field: string,
  operator: CheckedTest['operator'],
  texts: readonly string[],
): Requirement | undefined {
  if (field !== 'fd.name' || texts.some((text) => text === '' || text === '/')) return undefined;
  const isEquality = operator === '=' || operator === '==' || operator === 'in';
  if (name === 'fd.directory' && (isEquality || operator === 'startswith')) return all('prefix', texts);
  if (name === 'fd.filename' && (isEquality || operator === 'endswith')) return all('suffix', texts);
  return undefined;
}
