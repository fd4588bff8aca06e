import type { CheckedNode } from './checked.ts';
import { type Estimate, sortByCost } from './cost.ts';
import { foldForType, mergeChecks } from './fold.ts';
import type { Machine } from './machine.ts';
import { compileLook, fieldsOf, type Look, type Mask, type MaskTable, type Pivot, readPivots } from './pivot.ts';
import { compileFirst, compileProgram, type Predicate } from './predicate.ts';
import { verdicts } from './refute.ts';
import type { Rule } from './rule-set.ts';
import type { Stopwatch } from './rule-time.ts';

/**
 * What is done with an event of one type. Most events fire nothing, and most of their values have been seen before. So
 * we grow a decision tree over the events as they come: at each stage, the field whose value rules out most of the
 * rules that are still possible there. Only the rules that are left at the end are evaluated.
 */
export type Plan<E, R> = {
  readonly match: (event: E) => readonly R[];
  /** The same, with the time of each rule taken. */
  readonly matchTimed: (event: E, stopwatch: Stopwatch<R>) => readonly R[];
};

type Candidate<E, R> = {
  readonly rule: R;
  readonly index: number;
  readonly fires: Predicate<E>;
  /** About what it takes to evaluate, in nanoseconds. */
  readonly cost: number;
};

type Folded<R> = { readonly rule: R; readonly node: CheckedNode; readonly estimate: Estimate };

/** The rules that are still possible, and where the next look leads. */
type Stage<E, R> = {
  readonly candidates: readonly Candidate<E, R>[];
  /** Fields that were looked at on the way here. */
  readonly used: readonly Pivot<E>[];
  pivot: Pivot<E> | undefined;
  look: Look<E> | undefined;
  /** By the mask's number. */
  next: (Stage<E, R> | undefined)[];
  /** For a value that nothing is known about. */
  unknown: Stage<E, R> | undefined;
  /** Events until it looks again at what its fields could rule out. */
  untilSample: number;
  round: number;
  sampled: number;
  /** By pivot: the cost of the rules that it ruled out, over all sampled events. */
  gains: number[];
  /** Events that ended here before the candidates were put into one function, `first`. */
  ended: number;
  first: ((event: E) => number) | undefined;
};

/** True of every event. */
const anything: CheckedNode = { kind: 'and', children: [] };

const mostPivots = 6;
/** A look must spare so many nanoseconds of evaluation, on average: more than it takes. */
const leastGain = 40;
/** Most conditions are false after a few checks, whatever else they hold. */
const mostCost = 100;
/** A stage chooses its field from so many events, some apart, and again after so many more: what a host does changes. */
const sampleSize = 16;
const sampleStride = 4;
const sampleAgain = [4_096, 262_144];
const never = 0x3fff_ffff;
/** Stages that the tree may have; then it grows anew. */
const mostStages = 4_096;
/** When so many events ended at a stage, its candidates become one function: making it takes 0.1 ms. */
const worthFusing = 2_048;
const mostFused = 24;
/** Functions that one plan may make in its life. */
const mostFusions = 256;

export function compilePlan<E, R extends { readonly rule: Rule }>(
  rules: readonly R[],
  eventType: string,
  machine: Machine<E>,
  matching: 'first' | 'all',
): Plan<E, R> {
  const folded = rules.flatMap((rule): readonly Folded<R>[] => {
    const condition = foldForType(rule.rule.condition, eventType);
    if (condition.kind === 'never') return [];
    return [{ rule, ...sortByCost(condition.kind === 'always' ? anything : mergeChecks(condition)) }];
  });
  const conditions = folded.map(({ node }) => node);
  const fields = fieldsOf(conditions);
  const { predicates, readers } = compileProgram(conditions, [...fields.values()], machine);
  const candidates = folded.flatMap(({ rule, estimate }, index): readonly Candidate<E, R>[] => {
    const fires = predicates[index];
    return fires === undefined ? [] : [{ rule, index, fires, cost: Math.min(estimate.cost, mostCost) }];
  });
  const walk = makeWalk(candidates, () => readPivots(conditions, fields, readers), machine);
  const none: readonly R[] = [];
  let fusions = 0;
  const fuse = (stage: Stage<E, R>): void => {
    if (stage.candidates.length > mostFused || fusions >= mostFusions) return;
    fusions++;
    stage.first = compileFirst(stage.candidates.map(({ fires }) => fires));
  };
  const match = (event: E): readonly R[] => {
    const stage = walk(event);
    const possible = stage.candidates;
    let at = 0;
    if (stage.first !== undefined) {
      at = stage.first(event);
      if (at === -1) return none;
    } else if (stage.ended < worthFusing && ++stage.ended === worthFusing) fuse(stage);
    let fired: R[] | undefined;
    for (; at < possible.length; at++) {
      const candidate = possible[at];
      if (candidate === undefined || !candidate.fires(event)) continue;
      if (matching === 'first') return [candidate.rule];
      if (fired === undefined) fired = [candidate.rule];
      else fired.push(candidate.rule);
    }
    return fired ?? none;
  };
  const matchTimed = (event: E, { nowNs, add }: Stopwatch<R>): readonly R[] => {
    const fired: R[] = [];
    for (const { rule, fires } of walk(event).candidates) {
      const startNs = nowNs();
      const isFired = fires(event);
      add(rule, nowNs() - startNs);
      if (isFired) fired.push(rule);
      if (isFired && matching === 'first') break;
    }
    return fired;
  };
  return { match, matchTimed };
}

function costOfAll<E, R>(candidates: readonly Candidate<E, R>[]): number {
  return candidates.reduce((sum, { cost }) => sum + cost, 0);
}

/** From an event to the stage whose candidates its values leave. */
function makeWalk<E, R>(
  candidates: readonly Candidate<E, R>[],
  readFields: () => readonly Pivot<E>[],
  machine: Machine<E>,
): (event: E) => Stage<E, R> {
  const table: MaskTable = { rules: candidates.length, known: new Map(), now: () => machine.generation };
  let pivots: readonly Pivot<E>[] | undefined;
  const looks = new Map<Pivot<E>, Look<E>>();
  let stages = 0;
  let root = makeStage(candidates, []);
  return (event) => {
    let stage = root;
    for (;;) {
      if (stage.untilSample-- <= 0) sample(stage, event);
      const { look } = stage;
      if (look === undefined) return stage;
      const mask = look(event);
      stage = (mask === undefined ? stage.unknown : stage.next[mask.id]) ?? grow(stage, mask);
    }
  };

  function makeStage(left: readonly Candidate<E, R>[], used: readonly Pivot<E>[]): Stage<E, R> {
    stages++;
    return {
      candidates: left,
      used,
      pivot: undefined,
      look: undefined,
      next: [],
      unknown: undefined,
      untilSample: used.length >= mostPivots || costOfAll(left) <= leastGain ? never : 0,
      round: 0,
      sampled: 0,
      gains: [],
      ended: 0,
      first: undefined,
    };
  }

  function grow(stage: Stage<E, R>, mask: Mask | undefined): Stage<E, R> {
    if (stages >= mostStages) {
      stages = 0;
      root = makeStage(candidates, []);
    }
    const left =
      mask === undefined ? stage.candidates : stage.candidates.filter(({ index }) => mask.possible[index] === 1);
    const next = makeStage(left, stage.pivot === undefined ? stage.used : [...stage.used, stage.pivot]);
    if (mask === undefined) stage.unknown = next;
    else stage.next[mask.id] = next;
    return next;
  }

  function lookOf(pivot: Pivot<E>): Look<E> {
    const look = looks.get(pivot) ?? compileLook(pivot, table);
    looks.set(pivot, look);
    return look;
  }

  /** Counts what each field would rule out of this stage's rules; when enough events were seen, one is chosen. */
  function sample(stage: Stage<E, R>, event: E): void {
    if (stage.used.length >= mostPivots || costOfAll(stage.candidates) <= leastGain) {
      stage.untilSample = never;
      return;
    }
    pivots ??= readFields();
    const left = new Map(stage.candidates.map(({ index, cost }) => [index, cost]));
    for (const [index, pivot] of pivots.entries()) {
      if (stage.used.includes(pivot)) continue;
      const value = pivot.read(event);
      let gain = 0;
      for (const { rule, refute } of pivot.refuters) {
        const cost = left.get(rule);
        if (cost !== undefined && refute(value) === verdicts.no) gain += cost;
      }
      stage.gains[index] = (stage.gains[index] ?? 0) + gain;
    }
    stage.sampled++;
    stage.untilSample = sampleStride;
    if (stage.sampled >= sampleSize) choose(stage, pivots);
  }

  function choose(stage: Stage<E, R>, from: readonly Pivot<E>[]): void {
    let best = leastGain * stage.sampled;
    let chosen: Pivot<E> | undefined;
    for (const [index, pivot] of from.entries()) {
      const gain = stage.gains[index] ?? 0;
      if (gain <= best) continue;
      best = gain;
      chosen = pivot;
    }
    if (chosen !== stage.pivot) {
      stage.pivot = chosen;
      stage.look = chosen && lookOf(chosen);
      stage.next = [];
      stage.unknown = undefined;
    }
    stage.untilSample = sampleAgain[stage.round] ?? never;
    stage.round++;
    stage.sampled = 0;
    stage.gains = [];
  }
}
