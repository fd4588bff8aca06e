import type { Priority } from '#rules/alert';
import { dropsByType, type Losses } from '../events/losses.ts';
import type { EngineChange } from '../state/containers/table.ts';
import { falcoDropAlert, type GroupedDrops, groupDrops } from './falco-drops.ts';

/** Something that the agent says of itself: `Lanner internal: …`, or as Falco would: `Falco internal: …`. */
export type InternalAlert = {
  readonly whose?: 'Falco';
  readonly what: string;
  readonly priority: Priority;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
};

/** All since the start. */
export type LossCounters = {
  /** Events that came through. */
  readonly events: number;
  readonly dropped: {
    readonly lifecycleFull: number;
    readonly bulkFull: number;
    readonly noScratch: number;
    readonly recursion: number;
  };
  /** The same by type of event; asked for when there is something to tell. */
  readonly losses: () => Losses;
  /** Alerts that an output could not hand on. */
  readonly lostAlerts: number;
  /** Events that were matched without their container's details, because too many waited or its engine was silent. */
  readonly pending: number;
};

/** As `syscall_event_drops` of Falco has them. */
export type LossLimits = {
  /** Part of all events that may be lost in a second before an alert is raised. */
  readonly threshold: number;
  /** Alerts a second, on average, and at once. */
  readonly rate: number;
  readonly maxBurst: number;
};

const usualLimits: LossLimits = { threshold: 0.1, rate: 1 / 30, maxBurst: 1 };

export type LossFinding = {
  readonly alerts: readonly InternalAlert[];
  /** Events were lost since the last look: what they would have told must be asked of the kernel. */
  readonly isStateStale: boolean;
};

const MINUTE_MS = 60_000;
/** Types of events that an alert names. */
const MOST_TYPES = 5;
const nothing: LossCounters = {
  events: 0,
  dropped: { lifecycleFull: 0, bulkFull: 0, noScratch: 0, recursion: 0 },
  losses: () => ({}),
  lostAlerts: 0,
  pending: 0,
};

/** Looks at the counters each second and says what was lost; a flood of losses makes no flood of alerts. */
export class LossWatch {
  readonly #limits: LossLimits;
  #before = nothing;
  #groupsBefore = groupDrops({});
  #bucket: number;
  #filledMs: number;
  /** What was told, and when; a loss after a quiet minute is told at once. */
  #told = nothing;
  #toldTypes: ReadonlyMap<string, number> = new Map();
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: number, limits: LossLimits = usualLimits) {
    this.#limits = limits;
    this.#bucket = limits.maxBurst;
    this.#filledMs = nowMs;
  }

  look(now: LossCounters, nowMs: number): LossFinding {
    const before = this.#before;
    this.#before = now;
    const drops = dropsOf(now) - dropsOf(before);
    const alerts: InternalAlert[] = [];
    const events = now.events - before.events + drops;
    if (drops > 0) {
      const byGroup = this.#newGroups(now.losses());
      if (drops / events > this.#limits.threshold && this.#claim(nowMs)) {
        alerts.push(falcoDropAlert(droppedSince(now, before), events, byGroup));
      }
    }
    if (nowMs - this.#toldMs >= MINUTE_MS) {
      const found = sumAlerts(now, this.#told, () => this.#newTypes(now.losses()));
      alerts.push(...found);
      this.#told = now;
      if (found.length > 0) this.#toldMs = nowMs;
    }
    return { alerts, isStateStale: drops > 0 };
  }

  /** Drops by Falco's groups since the last look; looked at whenever there are any. */
  #newGroups(losses: Losses): GroupedDrops {
    const before = this.#groupsBefore;
    this.#groupsBefore = groupDrops(losses);
    return Object.fromEntries(
      Object.entries(this.#groupsBefore).map(([group, count]) => [group, count - (before[group] ?? 0)]),
    );
  }

  /** Drops by type since the last time. */
  #newTypes(losses: Losses): ReadonlyMap<string, number> {
    const before = this.#toldTypes;
    this.#toldTypes = dropsByType(losses);
    return new Map([...this.#toldTypes].map(([type, count]) => [type, count - (before.get(type) ?? 0)]));
  }

  #claim(nowMs: number): boolean {
    const { rate, maxBurst } = this.#limits;
    this.#bucket = Math.min(maxBurst, this.#bucket + (rate * (nowMs - this.#filledMs)) / 1_000);
    this.#filledMs = nowMs;
    if (this.#bucket < 1) return false;
    this.#bucket--;
    return true;
  }
}

/** What the kernel's programs cannot see here. The essential ones are not among them: without those the start fails. */
export function blindSpotAlerts(spots: readonly string[]): readonly InternalAlert[] {
  return spots.map((spot) => {
    // The kernel's verifier writes pages; the first line says what is wrong.
    const [sentence = ''] = spot.split('\n');
    const [unseen = '', ...reason] = sentence.split(': ');
    return {
      what: 'blind spot',
      priority: 'Warning',
      message: `Not seen on this host: ${unseen}.`,
      fields: { unseen, reason: reason.join(': ') },
    };
  });
}

/** An engine that stopped answering, or answers again. */
export function engineAlert({ engine: { name, socket }, status, reason }: EngineChange): InternalAlert {
  const said = status === 'silent' ? 'does not answer' : 'answers again';
  return {
    what: 'container engine',
    priority: status === 'silent' ? 'Warning' : 'Notice',
    message: `${name} ${said}.`,
    fields: { engine: name, socket, reason },
  };
}

const droppedSince = ({ dropped: now }: LossCounters, { dropped: before }: LossCounters): LossCounters['dropped'] => ({
  lifecycleFull: now.lifecycleFull - before.lifecycleFull,
  bulkFull: now.bulkFull - before.bulkFull,
  noScratch: now.noScratch - before.noScratch,
  recursion: now.recursion - before.recursion,
});

const dropsOf = ({ dropped }: LossCounters): number =>
  dropped.lifecycleFull + dropped.bulkFull + dropped.noScratch + dropped.recursion;

const causeNames = {
  lifecycle_ring_full: 'lifecycleFull',
  bulk_ring_full: 'bulkFull',
  scratch_in_use: 'noScratch',
  recursion: 'recursion',
} as const;

/** Only those that lost something. */
function causesOf({ dropped: now }: LossCounters, { dropped: before }: LossCounters): Record<string, number> {
  const all = Object.entries(causeNames).map(([name, key]) => [name, now[key] - before[key]] as const);
  return Object.fromEntries(all.filter(([, count]) => count > 0));
}

/** Since the last ones, which is a minute at the most. */
function sumAlerts(now: LossCounters, before: LossCounters, types: () => ReadonlyMap<string, number>): InternalAlert[] {
  const drops = dropsOf(now) - dropsOf(before);
  const alerts = now.lostAlerts - before.lostAlerts;
  const pending = now.pending - before.pending;
  const found: InternalAlert[] = [];
  const say = (what: string, count: number, message: string, causes: InternalAlert['fields'] = {}) => {
    if (count > 0) found.push({ what, priority: 'Warning', message, fields: { count, ...causes } });
  };
  const details = drops > 0 ? { ...causesOf(now, before), ...mostOf(types()) } : {};
  say('events dropped', drops, `${drops} events dropped within a minute.`, details);
  say('alerts lost', alerts, `${alerts} alerts lost within a minute.`);
  say('containers unknown', pending, `${pending} alerts within a minute lack what a container engine would have told.`);
  return found;
}

/** The types that lost most, with their counts. */
function mostOf(types: ReadonlyMap<string, number>): { readonly types?: string } {
  const most = [...types].filter(([, count]) => count > 0).toSorted(([, one], [, other]) => other - one);
  if (most.length === 0) return {};
  const shown = most.slice(0, MOST_TYPES).map(([type, count]) => `${type} ${count}`);
  return { types: shown.join(', ') + (most.length > MOST_TYPES ? ', …' : '') };
}
