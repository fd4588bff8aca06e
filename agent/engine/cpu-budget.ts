import type { EventCost } from './event-costs.ts';

/** All since the start. */
export type CpuLook = {
  readonly nowMs: number;
  /** CPU time of the whole agent. */
  readonly cpuMs: number;
  readonly costs: ReadonlyMap<string, EventCost>;
  /** How many events of a type that was given up were left out. */
  readonly shedEvents: Readonly<Record<string, number>>;
};

export type BudgetChange =
  | {
      readonly kind: 'shed';
      readonly type: string;
      readonly used: number;
      readonly typeUsed: number;
      readonly rate: number;
    }
  | { readonly kind: 'restore'; readonly type: string; readonly used: number; readonly missed: number }
  /** Above the limit, and there is no type of events whose end would help. */
  | { readonly kind: 'stuck'; readonly used: number };

/** The start compiles rules and reads what runs: that is no load that shedding would end. */
const SETTLE_MS = 10_000;
/** Looks in a row above the limit before something is given up: a short burst is what the rings are for. */
const OVER_LOOKS = 3;
/** Looks in a row with room for what was given up last before it comes back. */
const CALM_LOOKS = 10;
/** That room is so much less than the limit, so that what comes back does not go again at once. */
const CALM_SHARE = 0.8;
/** A type that takes less of the limit is not worth losing. */
const LEAST_GAIN = 0.1;
const STUCK_AGAIN_MS = 60_000;

type Shed = { readonly type: string; readonly msPerEvent: number; readonly before: number };

/**
 * Keeps the agent's CPU time below a share of a core by giving up the type of events that took most of it lately; the one
 * that was given up last comes back first. Asked at regular intervals.
 */
export class CpuBudget {
  readonly #limit: number;
  readonly #maySheds: (type: string) => boolean;
  readonly #startedMs: number;
  readonly #shed: Shed[] = [];
  /** The last looks, the oldest first: as many as must be above the limit, and the one before. */
  #looks: CpuLook[] = [];
  #over = 0;
  #calm = 0;
  #stuckMs = Number.NEGATIVE_INFINITY;

  constructor(limit: number, nowMs: number, maySheds: (type: string) => boolean) {
    this.#limit = limit;
    this.#startedMs = nowMs;
    this.#maySheds = maySheds;
  }

  get shed(): ReadonlySet<string> {
    return new Set(this.#shed.map(({ type }) => type));
  }

  look(now: CpuLook): BudgetChange | undefined {
    const before = this.#looks.at(-1);
    this.#looks = [...this.#looks.slice(-OVER_LOOKS), now];
    if (before === undefined || now.nowMs - this.#startedMs < SETTLE_MS) return undefined;
    const used = usedBetween(before, now);
    this.#over = used > this.#limit ? this.#over + 1 : 0;
    if (this.#over >= OVER_LOOKS) return this.#giveUp(now);
    this.#calm = this.#hasRoom(used, before, now) ? this.#calm + 1 : 0;
    if (this.#calm >= CALM_LOOKS) return this.#takeBack(used, now);
    return undefined;
  }

  #giveUp(now: CpuLook): BudgetChange | undefined {
    const from = this.#looks[0] ?? now;
    const used = usedBetween(from, now);
    const ranked = rank(from, now).filter(({ type }) => this.#maySheds(type) && !this.shed.has(type));
    const [dearest] = ranked.toSorted((one, other) => other.share - one.share);
    this.#calm = 0;
    if (dearest === undefined || dearest.share * used < LEAST_GAIN * this.#limit) {
      if (now.nowMs - this.#stuckMs < STUCK_AGAIN_MS) return undefined;
      this.#stuckMs = now.nowMs;
      return { kind: 'stuck', used };
    }
    const { type, share, events } = dearest;
    const seconds = (now.nowMs - from.nowMs) / 1_000;
    this.#over = 0;
    this.#shed.push({
      type,
      msPerEvent: (share * (now.cpuMs - from.cpuMs)) / events,
      before: now.shedEvents[type] ?? 0,
    });
    return { kind: 'shed', type, used, typeUsed: share * used, rate: events / seconds };
  }

  /** Whether what was given up last would fit again, as often as it comes now. */
  #hasRoom(used: number, before: CpuLook, now: CpuLook): boolean {
    const last = this.#shed.at(-1);
    if (last === undefined) return false;
    const came = (now.shedEvents[last.type] ?? 0) - (before.shedEvents[last.type] ?? 0);
    const wouldUse = (came * last.msPerEvent) / (now.nowMs - before.nowMs);
    return used + wouldUse < CALM_SHARE * this.#limit;
  }

  #takeBack(used: number, now: CpuLook): BudgetChange | undefined {
    const last = this.#shed.pop();
    this.#calm = 0;
    return last && { kind: 'restore', type: last.type, used, missed: (now.shedEvents[last.type] ?? 0) - last.before };
  }
}

const usedBetween = (from: CpuLook, to: CpuLook): number =>
  (to.cpuMs - from.cpuMs) / Math.max(1, to.nowMs - from.nowMs);

/** Which part of the time of all events each type took. */
function rank(from: CpuLook, to: CpuLook) {
  const found = [...to.costs].map(([type, { events, totalNs }]) => {
    const before = from.costs.get(type) ?? { events: 0, totalNs: 0 };
    return { type, events: events - before.events, ns: Math.max(0, totalNs - before.totalNs) };
  });
  const sum = found.reduce((all, { ns }) => all + ns, 0);
  return found.filter(({ events }) => events > 0).map((one) => ({ ...one, share: sum > 0 ? one.ns / sum : 0 }));
}
