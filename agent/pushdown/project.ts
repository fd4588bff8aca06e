import type { CheckedNode, CheckedTest } from '#rules/language/checked';
import type { FoldedNode } from '#rules/language/fold';
import { type Atom, atomOf, type Verdict } from './atoms.ts';
import { type FilterKind, feature } from './features.ts';
import type { Formula, Formulas } from './formula.ts';
import type { PathLiteral } from './literals.ts';
import type { Servers } from './servers.ts';

/**
 * When a rule may match, as far as the kernel side can tell. Negation is pushed down to the tests, and what nothing is
 * known of may be true, negated or not: so the whole is false only where the rule's condition is.
 */
export type Projection =
  | { readonly kind: 'and' | 'or'; readonly children: readonly Projection[] }
  | { readonly kind: 'feature'; readonly bits: number; readonly mayHold: (features: number) => boolean }
  | { readonly kind: 'path'; readonly literal: number; readonly positive: boolean; readonly of: 'name' | 'file' }
  | { readonly kind: 'always' | 'never' };

const always: Projection = { kind: 'always' };
const never: Projection = { kind: 'never' };

/** The literals that tests were found to be, each once; of some kinds only. */
export class LiteralTable {
  readonly kinds: ReadonlySet<PathLiteral['kind']>;
  readonly #numbers = new Map<string, number>();
  readonly literals: PathLiteral[] = [];

  constructor(kinds: ReadonlySet<PathLiteral['kind']>) {
    this.kinds = kinds;
  }

  numberOf(literal: PathLiteral): number {
    const texts = [...new Set(literal.texts)].sort();
    const key = JSON.stringify([literal.kind, texts]);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.literals.length;
    this.#numbers.set(key, number);
    this.literals.push({ kind: literal.kind, texts });
    return number;
  }
}

export type ProjectOptions = {
  readonly type: string;
  readonly kind: FilterKind;
  /** `undefined`: paths are not looked at. */
  readonly literals: LiteralTable | undefined;
  readonly servers: Servers;
};

/** `guard`: a feature bit without which the rule cannot match; 0: none. */
export function projectRule(condition: FoldedNode, options: ProjectOptions, guard: number): Projection {
  const projected = project(condition, false, options);
  if (guard === 0) return projected;
  return group('and', [{ kind: 'feature', bits: guard, mayHold: (features) => (features & guard) !== 0 }, projected]);
}

function project(node: FoldedNode, negated: boolean, options: ProjectOptions): Projection {
  switch (node.kind) {
    case 'always':
    case 'never':
      return (node.kind === 'always') === negated ? never : always;
    case 'not':
      return project(node.child, !negated, options);
    case 'and':
    case 'or':
      return group(
        (node.kind === 'and') === negated ? 'or' : 'and',
        node.children.map((child: CheckedNode) => project(child, negated, options)),
      );
    case 'check':
      return projectTest(node, negated, options);
  }
}

const may = (verdict: Verdict, negated: boolean): boolean => verdict === 'open' || (verdict === 'yes') !== negated;

function projectTest(
  test: CheckedTest,
  negated: boolean,
  { type, kind, literals, servers }: ProjectOptions,
): Projection {
  const atom = atomOf(test, type, kind, servers);
  if (atom === undefined) return always;
  if (atom.kind === 'feature') {
    const { bits, verdict } = atom;
    return { kind: 'feature', bits, mayHold: (features) => may(verdict(features), negated) };
  }
  const part = ofPath(atom, negated, literals);
  if (atom.when === 'always') return part;
  // A call that failed has no value: the test fails, its negation holds.
  const failed: Projection = {
    kind: 'feature',
    bits: feature.failed,
    mayHold: (features) => ((features & feature.failed) !== 0) === negated,
  };
  return group(negated ? 'or' : 'and', [failed, part]);
}

function ofPath(
  { test, of }: Extract<Atom, { kind: 'path' }>,
  negated: boolean,
  literals: LiteralTable | undefined,
): Projection {
  if (test === false) return negated ? always : never;
  if (literals?.kinds.has(test.literal.kind) !== true) return always;
  return { kind: 'path', literal: literals.numberOf(test.literal), positive: test.positive !== negated, of };
}

function group(kind: 'and' | 'or', parts: readonly Projection[]): Projection {
  const [neutral, deciding] = kind === 'and' ? [always, never] : [never, always];
  if (parts.some((part) => part.kind === deciding.kind)) return deciding;
  const children = parts.filter((part) => part.kind !== neutral.kind);
  const [first, second] = children;
  if (first === undefined) return neutral;
  return second === undefined ? first : { kind, children };
}

/** The features that decide anything. */
export function bitsOf(projection: Projection): number {
  switch (projection.kind) {
    case 'and':
    case 'or':
      return projection.children.reduce((bits, child) => bits | bitsOf(child), 0);
    case 'feature':
      return projection.bits;
    case 'path':
    case 'always':
    case 'never':
      return 0;
  }
}

/** What the path must be like for the rule to be possible with these features. */
export function pathFormula(projection: Projection, features: number, formulas: Formulas): Formula {
  switch (projection.kind) {
    case 'always':
      return formulas.always;
    case 'never':
      return formulas.never;
    case 'feature':
      return projection.mayHold(features) ? formulas.always : formulas.never;
    case 'path':
      return formulas.literal(projection.literal, projection.positive);
    case 'and':
    case 'or': {
      const parts = projection.children.map((child) => pathFormula(child, features, formulas));
      return projection.kind === 'and' ? formulas.and(parts) : formulas.or(parts);
    }
  }
}
