import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildAutomaton } from './automaton.ts';
import { type Formula, Formulas } from './formula.ts';
import { holdsOf, type PathLiteral } from './literals.ts';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', 'é'), minLength: 1, maxLength: 3 });
const path = fc.array(name, { maxLength: 4 }).map((names) => `/${names.join('/')}`);
const piece = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), minLength: 1, maxLength: 4 });
const texts = (of: fc.Arbitrary<string>) => fc.array(of, { minLength: 1, maxLength: 3 });
const folder = path.filter((text) => text !== '/');
const literal: fc.Arbitrary<PathLiteral> = fc.oneof(
  fc.record({ kind: fc.constantFrom('whole' as const, 'folder' as const), texts: texts(path) }),
  fc.record({ kind: fc.constantFrom('under' as const), texts: texts(folder) }),
  fc.record({
    kind: fc.constantFrom('prefix' as const, 'folder-prefix' as const),
    texts: texts(piece.map((text) => `/${text}`)),
  }),
  fc.record({ kind: fc.constantFrom('suffix' as const, 'inside' as const), texts: texts(piece) }),
  fc.record({
    kind: fc.constant('glob' as const),
    texts: fc.string({ unit: fc.constantFrom('a', '*', '?', '/', '.'), maxLength: 5 }).map((text) => [text]),
  }),
);

/** A formula as a tree of numbers of literals. */
type Tree =
  | { readonly literal: number; readonly positive: boolean; readonly mask: bigint }
  | readonly [Tree, 'and' | 'or', Tree];
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.record({ literal: fc.nat({ max: 5 }), positive: fc.boolean(), mask: fc.bigInt({ min: 1n, max: 7n }) }),
    fc.tuple(tie('tree'), fc.constantFrom('and' as const, 'or' as const), tie('tree')),
  ),
}));

function toFormula(node: Tree, formulas: Formulas): Formula {
  if (!('literal' in node)) {
    const [left, kind, right] = node;
    return formulas[kind]([toFormula(left, formulas), toFormula(right, formulas)]);
  }
  return formulas.and([formulas.mask(node.mask), formulas.literal(node.literal, node.positive)]);
}

function expected(formula: Formula, literals: readonly PathLiteral[], text: string, formulas: Formulas): bigint {
  const decided = formulas.replace(formula, (number) => {
    const one = literals[number];
    return one !== undefined && holdsOf(one, text);
  });
  if (decided.kind !== 'mask') throw new Error('a literal is not decided');
  return decided.mask;
}

describe('an automaton', () => {
  it('says of every path for which columns the formula is true', () => {
    fc.assert(
      fc.property(
        fc.array(literal, { minLength: 6, maxLength: 6 }),
        tree,
        fc.array(path, { minLength: 20, maxLength: 40 }),
        (literals, one, paths) => {
          const formulas = new Formulas();
          const formula = toFormula(one, formulas);
          const automaton = buildAutomaton(formula, literals, formulas, 65_536);
          if (automaton === undefined) throw new Error('too large');
          const { classOf, classes, next, output, start } = automaton;
          for (const text of paths) {
            let state = start;
            for (let at = 0; at < text.length; at++) {
              state = next[state * classes + (classOf[text.charCodeAt(at)] ?? 0)] ?? 0;
            }
            expect(output[state], text).toBe(expected(formula, literals, text, formulas));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is not made when it would have too many states', () => {
    const formulas = new Formulas();
    const literals: PathLiteral[] = [{ kind: 'glob', texts: ['*a????????????'] }];
    expect(buildAutomaton(formulas.literal(0, true), literals, formulas, 1_000)).toBe(undefined);
  });
});
