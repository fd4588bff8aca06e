import { forget, type Limited, type LimitState, limit } from './gate-limits.ts';
import { type MemoryState, remember } from './gate-memory.ts';
import type { Dedupe, Playbook, RunTrigger, Scope } from './playbook.ts';
import type { GuardNote } from './run.ts';
import { whyNotNow } from './schedule.ts';
import { describeSilence, holds } from './silence.ts';

/** What a playbook remembers between alerts: plain JSON. */
export type GateState = {
  /** Of the alerts that `by` takes together. */
  readonly memory: MemoryState | undefined;
  readonly dedupe: DedupeState | undefined;
  /** Of the whole playbook. */
  readonly limits: LimitState | undefined;
};

/** A window of `dedupe`, and what earlier ones held back whose summaries have not been written. */
export type DedupeState = {
  readonly untilMs: number;
  readonly held: number;
  readonly ended: readonly { readonly untilMs: number; readonly held: number }[];
};

export type Decision =
  | { readonly kind: 'start'; readonly trigger: RunTrigger; readonly guards: readonly GuardNote[] }
  | {
      readonly kind: 'held';
      readonly guard: HoldingGuard;
      readonly detail: string;
      /** When the window ends, for the first alert that it holds back: then a summary is due. */
      readonly summaryAtMs?: number;
      /** The playbook has just stopped itself. */
      readonly stops?: true;
    };

type HoldingGuard = 'silence' | 'schedule' | 'count' | 'sequence' | 'dedupe' | 'runs' | 'blast_radius' | 'stopped';

export type Decided = { readonly decision: Decision; readonly state: GateState };

/** Unwritten summaries that a group keeps; each is written within seconds after its window. */
const MOST_ENDED = 8;

/**
 * Pure: whether an alert that matches the playbook starts a run, and what is remembered of it. `nowMs` is the router's
 * time; `count` and `sequence` go by the time of the events, which may come late.
 */
export function decide(playbook: Playbook, scope: Scope, state: GateState, nowMs: number): Decided {
  const hold = (guard: HoldingGuard, detail: string, more: { summaryAtMs?: number; stops?: true } = {}): Decision => ({
    kind: 'held',
    guard,
    detail,
    ...more,
  });
  const quiet = whyQuiet(playbook, scope, nowMs);
  if (quiet !== undefined) return { decision: hold(quiet.guard, quiet.detail), state };

  const { memory: wanted } = playbook.on;
  const remembered = wanted === undefined ? undefined : remember(wanted, scope, state.memory, nowMs);
  let next: GateState = { ...state, memory: remembered?.state };
  if (wanted !== undefined && remembered?.trigger === undefined)
    return { decision: hold(wanted.kind, remembered?.detail ?? ''), state: next };
  const trigger = remembered?.trigger ?? { kind: 'alert', count: 1, alerts: [scope.alertId] };

  if (state.limits?.stopped !== undefined)
    return { decision: hold('stopped', `it has stopped itself: ${state.limits.stopped.reason}`), state: next };
  const { dedupe } = playbook;
  const open = dedupe === undefined ? undefined : openWindow(state.dedupe, nowMs);
  if (open !== undefined) {
    const held = open.held + 1;
    const detail = `alert ${held + 1} of its kind before ${new Date(open.untilMs).toISOString()}`;
    next = { ...next, dedupe: { ...open, held } };
    return { decision: hold('dedupe', detail, held === 1 ? { summaryAtMs: open.untilMs } : {}), state: next };
  }
  const limited: Limited = limit(playbook.limits, scope, state.limits, nowMs);
  if (limited.kind === 'held') {
    const stops = limited.guard === 'blast_radius' ? ({ stops: true } as const) : {};
    return { decision: hold(limited.guard, limited.detail, stops), state: { ...next, limits: limited.state } };
  }
  next = { ...next, limits: limited.state };
  if (dedupe !== undefined) next = { ...next, dedupe: newWindow(dedupe, state.dedupe, nowMs) };
  const guards: GuardNote[] = [
    ...(remembered === undefined ? [] : [{ guard: trigger.kind, detail: remembered.detail }]),
    ...(dedupe === undefined ? [] : [{ guard: 'dedupe', detail: 'the first of its kind' }]),
    ...limited.notes,
  ];
  return { decision: { kind: 'start', trigger, guards }, state: next };
}

/** Whether anything is remembered between its alerts. */
export function hasMemory({ on, dedupe, limits }: Playbook): boolean {
  return (on.memory ?? dedupe ?? limits.runs ?? limits.blast) !== undefined;
}

/** What the summary of a window tells, and the state without it. */
export function closeWindow(
  state: DedupeState | undefined,
  untilMs: number,
): { readonly held: number; readonly state: DedupeState | undefined } {
  if (state === undefined) return { held: 0, state };
  if (state.untilMs === untilMs)
    return { held: state.held, state: state.ended.length === 0 ? undefined : { ...state, held: 0 } };
  const held = state.ended.find((window) => window.untilMs === untilMs)?.held ?? 0;
  return { held, state: { ...state, ended: state.ended.filter((window) => window.untilMs !== untilMs) } };
}

/** A person says that the playbook may go on: what it has touched counts no more. */
export function resume(state: LimitState | undefined): LimitState | undefined {
  return state === undefined ? undefined : forget(state);
}

function openWindow(state: DedupeState | undefined, nowMs: number): DedupeState | undefined {
  return state !== undefined && nowMs < state.untilMs ? state : undefined;
}

function newWindow({ forMs }: Dedupe, before: DedupeState | undefined, nowMs: number): DedupeState {
  const ended = before === undefined ? [] : before.ended;
  const last = before === undefined || before.held === 0 ? [] : [{ untilMs: before.untilMs, held: before.held }];
  return { untilMs: nowMs + forMs, held: 0, ended: [...ended, ...last].slice(-MOST_ENDED) };
}

/** What needs no memory: silences and hours. */
export function whyQuiet(
  { silences, schedule }: Playbook,
  scope: Scope,
  nowMs: number,
): { readonly guard: 'silence' | 'schedule'; readonly detail: string } | undefined {
  const silence = silences.find((one) => holds(one, scope, nowMs));
  if (silence !== undefined) return { guard: 'silence', detail: describeSilence(silence) };
  const detail = schedule === undefined ? undefined : whyNotNow(schedule, nowMs);
  return detail === undefined ? undefined : { guard: 'schedule', detail };
}
