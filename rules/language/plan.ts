import type { CheckedNode } from './checked.ts';
import { sortByCost } from './cost.ts';
import { foldForType, mergeChecks } from './fold.ts';
import type { Machine } from './machine.ts';
import { fieldsOf, type Mask, type MaskTable, maskOf, type Pivot, readPivots } from './pivot.ts';
import { compileProgram, type Predicate } from './predicate.ts';
import { verdicts } from './refute.ts';
import type { Rule } from './rule-set.ts';

/**
 * What is done with an event of one type. Most events fire nothing, and most of their values have been seen before. So
 * we grow a decision tree over the events as they come: at each stage, the field whose value rules out most of the
 * rules that are still possible there. Only the rules that are left at the end are evaluated.
 */
export type Plan<E, R> = (event: E) => readonly R[];

type Candidate<E, R> = { readonly rule: R; readonly index: number; readonly fires: Predicate<E> };

/** The rules that are still possible, and where the next look leads. */
type Stage<E, R> = {
  readonly candidates: readonly Candidate<E, R>[];
  /** Fields that were looked at on the way here. */
  readonly used: readonly Pivot<E>[];
  pivot: Pivot<E> | undefined;
  /** By the mask's number. */
  next: (Stage<E, R> | undefined)[];
  /** For a value that nothing is known about. */
  unknown: Stage<E, R> | undefined;
  /** Events until it looks again at what its fields could rule out. */
  untilSample: number;
  round: number;
  sampled: number;
  /** By pivot: rules that it ruled out, over all sampled events. */
  gains: number[];
};

/** True of every event. */
const anything: CheckedNode = { kind: 'and', children: [] };

const mostPivots = 6;
/** A look must rule out so many rules, on average, to be cheaper than to evaluate them. */
const leastGain = 1.5;
/** A stage chooses its field from so many events, some apart, and again after so many more: what a host does changes. */
const sampleSize = 16;
const sampleStride = 4;
const sampleAgain = [4_096, 262_144];
const never = 0x3fff_ffff;
/** Stages that the tree may have; then it grows anew. */
const mostStages = 4_096;

export function compilePlan<E, R extends { readonly rule: Rule }>(
  rules: readonly R[],
  eventType: string,
  machine: Machine<E>,
  matching: 'first' | 'all',
): Plan<E, R> {
  const folded = rules.flatMap((rule): readonly { readonly rule: R; readonly condition: CheckedNode }[] => {
    const condition = foldForType(rule.rule.condition, eventType);
    if (condition.kind === 'never') return [];
    return [{ rule, condition: condition.kind === 'always' ? anything : sortByCost(mergeChecks(condition)) }];
  });
  const conditions = folded.map(({ condition }) => condition);
  const fields = fieldsOf(conditions);
  const { predicates, readers } = compileProgram(conditions, [...fields.values()], machine);
  const candidates = folded.flatMap(({ rule }, index): readonly Candidate<E, R>[] => {
    const fires = predicates[index];
    return fires === undefined ? [] : [{ rule, index, fires }];
  });
  const walk = makeWalk(candidates, () => readPivots(conditions, fields, readers));
  const none: readonly R[] = [];
  return (event) => {
    const possible = walk(event);
    let fired: R[] | undefined;
    for (let index = 0; index < possible.length; index++) {
      const candidate = possible[index];
      if (candidate === undefined || !candidate.fires(event)) continue;
      if (matching === 'first') return [candidate.rule];
      if (fired === undefined) fired = [candidate.rule];
      else fired.push(candidate.rule);
    }
    return fired ?? none;
  };
}

/** From an event to the candidates that its values leave. */
function makeWalk<E, R>(
  candidates: readonly Candidate<E, R>[],
  readFields: () => readonly Pivot<E>[],
): (event: E) => readonly Candidate<E, R>[] {
  const table: MaskTable = { rules: candidates.length, known: new Map() };
  let pivots: readonly Pivot<E>[] | undefined;
  let stages = 0;
  let root = makeStage(candidates, []);
  return (event) => {
    let stage = root;
    for (;;) {
      if (stage.untilSample-- <= 0) sample(stage, event);
      const { pivot } = stage;
      if (pivot === undefined) return stage.candidates;
      const mask = maskOf(pivot, event, table);
      stage = (mask === undefined ? stage.unknown : stage.next[mask.id]) ?? grow(stage, pivot, mask);
    }
  };

  function makeStage(left: readonly Candidate<E, R>[], used: readonly Pivot<E>[]): Stage<E, R> {
    stages++;
    return {
      candidates: left,
      used,
      pivot: undefined,
      next: [],
      unknown: undefined,
      untilSample: left.length <= leastGain || used.length >= mostPivots ? never : 0,
      round: 0,
      sampled: 0,
      gains: [],
    };
  }

  function grow(stage: Stage<E, R>, pivot: Pivot<E>, mask: Mask | undefined): Stage<E, R> {
    if (stages >= mostStages) {
      stages = 0;
      root = makeStage(candidates, []);
    }
    const left =
      mask === undefined ? stage.candidates : stage.candidates.filter(({ index }) => mask.possible[index] === 1);
    const next = makeStage(left, [...stage.used, pivot]);
    if (mask === undefined) stage.unknown = next;
    else stage.next[mask.id] = next;
    return next;
  }

  /** Counts what each field would rule out of this stage's rules; when enough events were seen, one is chosen. */
  function sample(stage: Stage<E, R>, event: E): void {
    if (stage.candidates.length <= leastGain || stage.used.length >= mostPivots) {
      stage.untilSample = never;
      return;
    }
    pivots ??= readFields();
    const left = new Set(stage.candidates.map(({ index }) => index));
    for (const [index, pivot] of pivots.entries()) {
      if (stage.used.includes(pivot)) continue;
      const value = pivot.read(event);
      let gain = 0;
      for (const { rule, refute } of pivot.refuters) if (left.has(rule) && refute(value) === verdicts.no) gain++;
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
      stage.next = [];
      stage.unknown = undefined;
    }
    stage.untilSample = sampleAgain[stage.round] ?? never;
    stage.round++;
    stage.sampled = 0;
    stage.gains = [];
  }
}
