import { canOccur, type FilterKind, feature, featureBits } from './features.ts';
import type { Formula, Formulas } from './formula.ts';
import { mayHoldOfLink } from './links.ts';
import type { PathLiteral } from './literals.ts';
import { bitsOf, type Projection, pathFormula } from './project.ts';

/** The column of events that no rule wants, whatever the path. */
export const NEVER = 0;
/** That of events that are sent without a look at the path. */
export const ALWAYS = 255;

/**
 * Features that leave the same question about the path are one column. All calls that open files share the columns, for
 * they share the automaton: by column what is asked, and for each part of the formulas the columns that have it.
 */
export type OpenColumns = { readonly columns: Column[]; readonly masks: Map<Formula, bigint> };

/** `isLinked`: an open of a process's own link (links.ts) may be wanted, too. */
export type Column = { readonly whole: Formula; readonly isLinked: boolean };

const columnAt = ({ columns }: OpenColumns, { whole, isLinked }: Column): number =>
  columns.findIndex((one) => one.whole === whole && one.isLinked === isLinked);

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
  literals: readonly PathLiteral[],
  most: number,
): { readonly table: Uint8Array | undefined; readonly forgotten: number } {
  const all = 2 ** featureBits[kind] - 1;
  let forgotten = 0;
  for (const more of [0, ...dispensable]) {
    forgotten |= more;
    const questions = askAll(projections, { kind, forgotten, formulas, literals });
    const fresh = new Set(
      [...questions.values()]
        .filter((one) => one.whole !== formulas.always && columnAt(open, one) === -1)
        .map(({ whole, isLinked }) => `${whole.id} ${isLinked}`),
    );
    if (open.columns.length + fresh.size > most) continue;
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

type Question = Column & { readonly parts: readonly Formula[] };

type Asking = {
  readonly kind: FilterKind;
  readonly forgotten: number;
  readonly formulas: Formulas;
  readonly literals: readonly PathLiteral[];
};

const relevantBits = (projections: readonly Projection[]): number =>
  projections.reduce((bits, projection) => bits | bitsOf(projection), 0);

/** For each combination of the features that matter, what the rules ask of the path. */
function askAll(
  projections: readonly Projection[],
  { kind, forgotten, formulas, literals }: Asking,
): ReadonlyMap<number, Question> {
  const asks = projections.map((projection) => askOf(projection, forgotten, formulas));
  const asksOfLinks = projections.map((projection) => askOfLinks(projection, forgotten, literals));
  const relevant = relevantBits(projections) & (2 ** featureBits[kind] - 1) & ~forgotten;
  const questions = new Map<number, Question>();
  for (const features of combinations(relevant)) {
    if (!canOccur(kind, features)) continue;
    const parts = [...new Set(asks.map((ask) => ask(features)))].filter((part) => part !== formulas.never);
    const whole = formulas.or(parts);
    // What is dropped whatever the path is asks of no link.
    const isLinked = whole !== formulas.never && asksOfLinks.some((ask) => ask(features));
    questions.set(features, { whole, parts, isLinked });
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

/** The same of a process's own link. */
function askOfLinks(
  projection: Projection,
  forgotten: number,
  literals: readonly PathLiteral[],
): (features: number) => boolean {
  const bits = bitsOf(projection);
  const known = new Map<number, boolean>();
  return (features) => {
    const own = features & bits;
    const may =
      known.get(own) ??
      [...combinations(bits & forgotten)].some((part) => mayHoldOfLink(projection, own | part, literals));
    known.set(own, may);
    return may;
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

function columnOf({ whole, parts, isLinked }: Question, formulas: Formulas, open: OpenColumns): number {
  if (whole === formulas.always) return ALWAYS;
  const known = columnAt(open, { whole, isLinked });
  if (known !== -1) return known;
  const column = open.columns.length;
  open.columns.push({ whole, isLinked });
  for (const part of parts) open.masks.set(part, (open.masks.get(part) ?? 0n) | (1n << BigInt(column)));
  return column;
}
