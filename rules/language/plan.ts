import type { CheckedNode } from './checked.ts';
import { conditionFields } from './condition-fields.ts';
import type { FieldReader, FieldValue } from './field.ts';
import { foldForType, mergeChecks } from './fold.ts';
import { compilePredicate, type Machine, type Predicate, readerOf } from './predicate.ts';
import { compileRefuter, type Refuter, verdicts } from './refute.ts';
import type { Rule } from './rule-set.ts';
import { familyOf } from './type-family.ts';

/**
 * What is done with an event of one type. Most events fire nothing, and most of their values have been seen before. So
 * for a few telling fields (the pivots) we remember which rules each value leaves possible, and walk from one set of
 * possible rules to the next; only the rules that are left at the end are evaluated.
 */
export type Plan<E, R> = (event: E) => readonly R[];

type Candidate<E, R> = { readonly rule: R; readonly condition: CheckedNode | undefined; readonly fires: Predicate<E> };

/** Which of the candidates a value leaves possible; equal ones are one object, so that they can be compared fast. */
type Mask = { readonly key: string; readonly bits: readonly boolean[] };

/** A set of candidates, and the sets that the next pivot's masks lead to. */
type Stage<E, R> = {
  readonly possible: readonly boolean[];
  readonly candidates: readonly Candidate<E, R>[];
  readonly next: Map<Mask, Stage<E, R>>;
  lastMask: Mask | undefined;
  lastNext: Stage<E, R> | undefined;
};

type Pivot<E> = {
  readonly read: FieldReader<E>;
  readonly refuters: readonly Refuter[];
  /** By value; `undefined`: seen once. What is only met once is not worth remembering more of. */
  readonly masks: Map<FieldValue | undefined, Mask | undefined>;
  lookups: number;
  misses: number;
  /** Lookups to leave out, because nearly every value was new. */
  pause: number;
};

const mostPivots = 6;
/** A pivot must rule out so many rules of an event, on average, to be worth its lookup. */
const leastGain = 0.25;
/** Values remembered per pivot; then it starts again. */
const mostValues = 16_384;
/** After so many lookups the share of new values is judged. */
const window = 4_096;
const pauseLength = 65_536;
/** Pivots are chosen from so many events, and again when so many more have passed: what a host does changes. */
const sampleSize = 64;
const sampleAgain = [0, 4_096, 262_144];

export function compilePlan<E, R extends { readonly rule: Rule }>(
  rules: readonly R[],
  eventType: string,
  machine: Machine<E>,
  matching: 'first' | 'all',
): Plan<E, R> {
  const candidates = readCandidates(rules, eventType, machine);
  const none: readonly R[] = [];
  let walk: Walk<E, R> = () => candidates;
  let round = 0;
  let untilSample = 0;
  let sampler: Sampler<E> | undefined;
  return (event) => {
    if (untilSample-- <= 0) sample(event);
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

  function sample(event: E): void {
    sampler ??= makeSampler(candidates, machine);
    sampler.take(event);
    if (sampler.taken < sampleSize) return;
    walk = makeWalk(candidates, sampler.choose());
    sampler = undefined;
    round++;
    untilSample = sampleAgain[round] ?? Number.POSITIVE_INFINITY;
  }
}

type Walk<E, R> = (event: E) => readonly Candidate<E, R>[];

function readCandidates<E, R extends { readonly rule: Rule }>(
  rules: readonly R[],
  eventType: string,
  machine: Machine<E>,
): readonly Candidate<E, R>[] {
  return rules.flatMap((rule): readonly Candidate<E, R>[] => {
    const folded = foldForType(rule.rule.condition, eventType);
    if (folded.kind === 'never') return [];
    if (folded.kind === 'always') return [{ rule, condition: undefined, fires: () => true }];
    const condition = mergeChecks(folded);
    return [{ rule, condition, fires: compilePredicate(condition, machine) }];
  });
}

/** A field that could be a pivot, and what each sampled event's value of it ruled out. */
type Prospect<E> = {
  readonly read: FieldReader<E>;
  readonly refuters: readonly Refuter[];
  readonly ruledOut: (readonly boolean[])[];
  readonly values: Set<FieldValue | undefined>;
};

type Sampler<E> = {
  readonly take: (event: E) => void;
  readonly choose: () => readonly Pivot<E>[];
  readonly taken: number;
};

function makeSampler<E, R>(candidates: readonly Candidate<E, R>[], machine: Machine<E>): Sampler<E> {
  const prospects: readonly Prospect<E>[] = readProspects(candidates, machine);
  let taken = 0;
  return {
    get taken() {
      return taken;
    },
    take: (event) => {
      taken++;
      for (const { read, refuters, ruledOut, values } of prospects) {
        const value = read(event);
        values.add(value);
        ruledOut.push(refuters.map((refute) => refute(value) === verdicts.no));
      }
    },
    choose: () => choosePivots(prospects, candidates.length, taken),
  };
}

function readProspects<E, R>(candidates: readonly Candidate<E, R>[], machine: Machine<E>): readonly Prospect<E>[] {
  const fields = new Map(
    candidates.flatMap(({ condition }) => (condition === undefined ? [] : [...conditionFields(condition)])),
  );
  return [...fields].map(([field, use]) => {
    const read = readerOf(use, machine);
    const family = familyOf(use.spec.type);
    const refuters = candidates.map(({ condition }) =>
      condition === undefined ? () => verdicts.open : compileRefuter(condition, field),
    );
    return {
      read: family === 'address' || family === 'network' ? asKey(read) : read,
      refuters: family === 'address' || family === 'network' ? refuters.map(fromKey) : refuters,
      ruledOut: [],
      values: new Set(),
    };
  });
}

/** Addresses are arrays of bytes, made anew for each event: IPv4 becomes a number, which can be looked up. */
function asKey<E>(read: FieldReader<E>): FieldReader<E> {
  return (event) => {
    const value = read(event);
    if (!(value instanceof Uint8Array)) return value;
    if (value.length !== 4) return String.fromCharCode(...value);
    return ((value[0] ?? 0) * 256 + (value[1] ?? 0)) * 65_536 + (value[2] ?? 0) * 256 + (value[3] ?? 0);
  };
}

function fromKey(refute: Refuter): Refuter {
  return (key) => {
    if (typeof key === 'string') return refute(Uint8Array.from(key, (char) => char.charCodeAt(0)));
    if (typeof key !== 'number') return refute(key);
    return refute(Uint8Array.of(key / 16_777_216, (key / 65_536) & 255, (key / 256) & 255, key & 255));
  };
}

/**
 * Takes the field that ruled out most of what the ones before it left, and so on. A field whose values were mostly new
 * may say nothing of the next one; so a second choice follows, made as if there were no such fields.
 */
function choosePivots<E>(prospects: readonly Prospect<E>[], rules: number, events: number): readonly Pivot<E>[] {
  const first = chooseGreedily(prospects, rules, events);
  const familiar = prospects.filter(({ values }) => values.size <= events / 2);
  const second = chooseGreedily(familiar, rules, events).filter((prospect) => !first.includes(prospect));
  return [...first, ...second].map(({ read, refuters }) => ({
    read,
    refuters,
    masks: new Map(),
    lookups: 0,
    misses: 0,
    pause: 0,
  }));
}

function chooseGreedily<E>(prospects: readonly Prospect<E>[], rules: number, events: number): readonly Prospect<E>[] {
  const left = Array.from({ length: events }, () => new Array<boolean>(rules).fill(true));
  const gainOf = ({ ruledOut }: Prospect<E>): number => {
    let gain = 0;
    for (const [event, row] of left.entries())
      for (let rule = 0; rule < rules; rule++) if (row[rule] === true && ruledOut[event]?.[rule] === true) gain++;
    return gain / events;
  };
  const chosen: Prospect<E>[] = [];
  while (chosen.length < mostPivots) {
    let best: { readonly prospect: Prospect<E>; readonly gain: number } | undefined;
    for (const prospect of prospects) {
      const gain = chosen.includes(prospect) ? 0 : gainOf(prospect);
      if (gain > (best?.gain ?? leastGain)) best = { prospect, gain };
    }
    if (best === undefined) break;
    chosen.push(best.prospect);
    for (const [event, row] of left.entries()) {
      for (let rule = 0; rule < rules; rule++) if (best.prospect.ruledOut[event]?.[rule] === true) row[rule] = false;
    }
  }
  return chosen;
}

/** From an event to the candidates that its pivots leave. */
function makeWalk<E, R>(
  candidates: readonly Candidate<E, R>[],
  pivots: readonly Pivot<E>[],
): (event: E) => readonly Candidate<E, R>[] {
  const known = new Map<string, Mask>();
  const everything = intern(candidates.map(() => true));
  const start = makeStage(candidates.map(() => true));
  return (event) => {
    let stage = start;
    for (let index = 0; index < pivots.length; index++) {
      if (stage.candidates.length === 0) break;
      const pivot = pivots[index];
      if (pivot === undefined) break;
      const mask = maskOf(pivot, pivot.read(event));
      if (mask === everything) continue;
      stage = stage.lastMask === mask && stage.lastNext !== undefined ? stage.lastNext : advance(stage, mask);
    }
    return stage.candidates;
  };

  function makeStage(possible: readonly boolean[]): Stage<E, R> {
    return {
      possible,
      candidates: candidates.filter((_, index) => possible[index]),
      next: new Map(),
      lastMask: undefined,
      lastNext: undefined,
    };
  }

  function advance(stage: Stage<E, R>, mask: Mask): Stage<E, R> {
    let next = stage.next.get(mask);
    if (next === undefined) {
      next = makeStage(stage.possible.map((isPossible, index) => isPossible && mask.bits[index] === true));
      if (stage.next.size >= mostValues) stage.next.clear();
      stage.next.set(mask, next);
    }
    stage.lastMask = mask;
    stage.lastNext = next;
    return next;
  }

  function intern(bits: readonly boolean[]): Mask {
    const key = bits.map((bit) => (bit ? '1' : '0')).join('');
    const same = known.get(key);
    if (same !== undefined) return same;
    const mask: Mask = { key, bits };
    if (known.size < mostValues) known.set(key, mask);
    return mask;
  }

  function maskOf(pivot: Pivot<E>, value: FieldValue | undefined): Mask {
    if (pivot.pause > 0) {
      pivot.pause--;
      return everything;
    }
    const mask = pivot.masks.get(value);
    pivot.lookups++;
    if (mask !== undefined) return mask;
    return learn(pivot, value);
  }

  function learn(pivot: Pivot<E>, value: FieldValue | undefined): Mask {
    pivot.misses++;
    if (pivot.lookups >= window) {
      if (pivot.misses > pivot.lookups / 2) pivot.pause = pauseLength;
      pivot.lookups = 0;
      pivot.misses = 0;
    }
    if (pivot.masks.size >= mostValues) pivot.masks.clear();
    if (!pivot.masks.has(value)) {
      pivot.masks.set(value, undefined);
      return everything;
    }
    const mask = intern(pivot.refuters.map((refute) => refute(value) !== verdicts.no));
    pivot.masks.set(value, mask);
    return mask;
  }
}
