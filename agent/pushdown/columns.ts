import { canOccur, type FilterKind, feature, featureBits } from './features.ts';
import type { Formula, Formulas } from './formula.ts';
import { bitsOf, type Projection, pathFormula } from './project.ts';

/** The column of events that no rule wants, whatever the path. */
export const NEVER = 0;
/** That of events that are sent without a look at the path. */
export const ALWAYS = 255;

/**
 * Features that leave the same question about the path are one column. All calls that open files share the columns, for
 * they share the automaton: `formulas` by column, and for each part of them the columns that have it.
 */
export type OpenColumns = { readonly formulas: Formula[]; readonly masks: Map<Formula, bigint> };

/** What is given up first when there would be too many columns. */
const dispensable = [
  feature.guard0 << 3,
  feature.guard0 << 2,
  feature.guard0 << 1,
  feature.guard0,
  feature.root,
  feature.createsProgram,
  feature.truncates,
  feature.creates,
  feature.climbs,
  feature.onHost | feature.inContainer,
  feature.directory,
  feature.access,
  feature.failed,
];

/** By features, the column; `undefined`: all are sent. `forgotten`: features that are not told apart, because there would be too many columns. */
export function columnsOf(
  projections: readonly Projection[],
  kind: FilterKind,
  formulas: Formulas,
  open: OpenColumns,
  most: number,
): { readonly table: Uint8Array | undefined; readonly forgotten: number } {
  const all = 2 ** featureBits[kind] - 1;
  let forgotten = 0;
  for (const more of [0, ...dispensable]) {
    forgotten |= more;
    const questions = askAll(projections, kind, forgotten, formulas);
    const fresh = new Set(
      [...questions.values()].map(({ whole }) => whole).filter((one) => !open.formulas.includes(one)),
    );
    fresh.delete(formulas.always);
    if (open.formulas.length + fresh.size > most) continue;
    const relevant = relevantBits(projections) & all & ~forgotten;
    const columns = new Map(
      [...questions].map(([features, question]) => [features, columnOf(question, formulas, open)]),
    );
    if ([...columns.values()].every((column) => column === ALWAYS)) return { table: undefined, forgotten };
    const table = new Uint8Array(all + 1);
    for (let index = 0; index <= all; index++) {
      const same = index & relevant;
      table[index] = same === index ? (columns.get(index) ?? ALWAYS) : (table[same] ?? ALWAYS);
    }
    return { table, forgotten };
  }
  return { table: undefined, forgotten: all };
}

type Question = { readonly whole: Formula; readonly parts: readonly Formula[] };

const relevantBits = (projections: readonly Projection[]): number =>
  projections.reduce((bits, projection) => bits | bitsOf(projection), 0);

/** For each combination of the features that matter, what the rules ask of the path. */
function askAll(
  projections: readonly Projection[],
  kind: FilterKind,
  forgotten: number,
  formulas: Formulas,
): ReadonlyMap<number, Question> {
  const asks = projections.map((projection) => askOf(projection, forgotten, formulas));
  const relevant = relevantBits(projections) & (2 ** featureBits[kind] - 1) & ~forgotten;
  const questions = new Map<number, Question>();
  for (const features of combinations(relevant)) {
    if (!canOccur(kind, features)) continue;
    const parts = [...new Set(asks.map((ask) => ask(features)))].filter((part) => part !== formulas.never);
    questions.set(features, { whole: formulas.or(parts), parts });
  }
  return questions;
}

/** What one rule asks of the path; of features that are forgotten, each value may be the one. */
function askOf(projection: Projection, forgotten: number, formulas: Formulas): (features: number) => Formula {
  const bits = bitsOf(projection);
  const known = new Map<number, Formula>();
  const ask = (features: number): Formula => {
    const each = [...combinations(bits & forgotten)].map((part) => pathFormula(projection, features | part, formulas));
    return formulas.or(each);
  };
  return (features) => {
    const own = features & bits;
    const formula = known.get(own) ?? ask(own);
    known.set(own, formula);
    return formula;
  };
}

/** Every subset of the bits. */
function* combinations(bits: number): Generator<number> {
  let subset = 0;
  do {
    yield subset;
    subset = (subset - bits) & bits;
  } while (subset !== 0);
}

function columnOf({ whole, parts }: Question, formulas: Formulas, open: OpenColumns): number {
  if (whole === formulas.always) return ALWAYS;
  const known = open.formulas.indexOf(whole);
  if (known !== -1) return known;
  const column = open.formulas.length;
  open.formulas.push(whole);
  for (const part of parts) open.masks.set(part, (open.masks.get(part) ?? 0n) | (1n << BigInt(column)));
  return column;
}
