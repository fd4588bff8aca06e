import type { Alert } from '#rules/alert';

/** A page that somebody has to acknowledge, as it is kept. */
export type PageRecord = {
  readonly id: string;
  /** The pager's own: the same for what is the same incident. */
  readonly key: string;
  readonly alert: Alert;
  readonly alertId: string;
  readonly playbook: string;
  /** What the page says, for those who are told later: parameters of `page` without `via`. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Destinations, one after the other. */
  readonly targets: readonly string[];
  /** The last one that was told. */
  readonly at: number;
  readonly ackWithinMs: number;
  readonly startedMs: number;
  /** `exhausted`: everybody was told, and nobody has acknowledged it. */
  readonly state: 'open' | 'exhausted' | 'acknowledged' | 'resolved';
  /** Who acknowledged or resolved it, by which way, when. */
  readonly by?: string;
  readonly way?: string;
  readonly atMs?: number;
};

/** What is to be done, and when it is to be looked at next; `undefined`: never. */
export type Next = { readonly record: PageRecord; readonly dueMs: number | undefined };

export type PageVerb = 'acknowledge' | 'resolve';

/** What nobody resolves is forgotten after so long. */
export const FORGET_MS = 7 * 24 * 3_600_000;

/** Pure: an incident begins, or one more alert of it comes: `undefined` changes nothing. */
export function begin(fresh: PageRecord, before: PageRecord | undefined): Next | undefined {
  // The same step again, after a crash.
  if (before?.alertId === fresh.alertId && before.playbook === fresh.playbook) return undefined;
  if (before?.state === 'open' || before?.state === 'acknowledged') return undefined;
  return { record: fresh, dueMs: fresh.startedMs + fresh.ackWithinMs };
}

/** Pure: whom to tell now, and the record after that. `undefined`: it is not time, or somebody has acknowledged it. */
export function escalate(
  record: PageRecord,
  nowMs: number,
): (Next & { readonly tell: string | undefined }) | undefined {
  const { state, at, targets, startedMs, ackWithinMs } = record;
  if (state !== 'open') {
    const isOld = state === 'resolved' || nowMs >= (record.atMs ?? startedMs) + FORGET_MS;
    return isOld ? { record, dueMs: undefined, tell: undefined } : undefined;
  }
  if (nowMs < startedMs + ackWithinMs * (at + 1)) return undefined;
  const tell = targets[at + 1];
  if (tell === undefined) return { record: { ...record, state: 'exhausted' }, dueMs: startedMs + FORGET_MS, tell };
  return { record: { ...record, at: at + 1 }, dueMs: startedMs + ackWithinMs * (at + 2), tell };
}

/** Pure: somebody has acknowledged or resolved it. `undefined`: that changes nothing. */
export function settle(
  record: PageRecord,
  verb: PageVerb,
  who: { readonly by: string; readonly way: string },
  nowMs: number,
): Next | undefined {
  const { state } = record;
  const isOver = state === 'resolved' || (verb === 'acknowledge' && state === 'acknowledged');
  if (isOver) return undefined;
  const to = verb === 'resolve' ? 'resolved' : 'acknowledged';
  return {
    record: { ...record, state: to, ...who, atMs: nowMs },
    dueMs: verb === 'resolve' ? undefined : nowMs + FORGET_MS,
  };
}
