import type { Outcome } from '../command.ts';
import type { Playbook, Step } from './playbook.ts';
import type { Attempt, Run, StepState } from './run.ts';

/** What happened to a run since it was last asked. */
export type RunEvent =
  | { readonly kind: 'resumed'; readonly nowMs: number }
  | { readonly kind: 'step_started'; readonly step: string; readonly params: unknown; readonly nowMs: number }
  /** The guard said no. */
  | { readonly kind: 'step_skipped'; readonly step: string; readonly reason: string; readonly nowMs: number }
  | {
      readonly kind: 'step_ended';
      readonly step: string;
      readonly outcome: Outcome;
      readonly detail: string;
      readonly startedMs: number;
      readonly nowMs: number;
      /** Whether trying again can help. */
      readonly retry: boolean;
      /** What the other side asked for (`Retry-After`). */
      readonly retryAfterMs: number | undefined;
      /** 0 (inclusive) to 1 (exclusive), for the jitter. */
      readonly random: number;
    };

/** What to do next; a run that is over gets none. */
type RunCommand =
  /** Look at the guard, fill in the parameters, act. */
  | { readonly kind: 'begin'; readonly step: Step; readonly attempt: number }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'finish' };

export type Advance = { readonly run: Run; readonly command: RunCommand };

/** Outcomes after which the run goes on as if all were well. `gone`: what was to be acted on needs no action any more. */
const fine: ReadonlySet<Outcome> = new Set(['done', 'skipped', 'gone']);

/** A run before its first step. */
export function makeRun(playbook: Playbook, about: Omit<Run, 'playbook' | 'state' | 'steps' | 'finishedMs'>): Run {
  const steps = playbook.steps.map(
    ({ id, uses }): StepState => ({
      id,
      uses,
      state: 'waiting',
      detail: '',
      params: undefined,
      attempts: [],
      notBeforeMs: 0,
    }),
  );
  return { ...about, playbook: playbook.name, state: 'running', steps, finishedMs: undefined };
}

/**
 * Pure: what the run becomes and what is to be done next. Commands are carried out by router/runs; a test only reads
 * them. Steps run in their order; the first that fails for good ends the run, unless it says `on_error: continue`.
 */
export function advance(playbook: Playbook, run: Run, event: RunEvent): Advance {
  switch (event.kind) {
    case 'resumed':
      return next(playbook, run, event.nowMs);
    case 'step_started':
      return next(playbook, change(run, event.step, { state: 'running', params: event.params }), event.nowMs);
    case 'step_skipped':
      return next(playbook, change(run, event.step, { state: 'skipped', detail: event.reason }), event.nowMs);
    case 'step_ended':
      return next(playbook, end(playbook, run, event), event.nowMs);
  }
}

function end(playbook: Playbook, run: Run, event: RunEvent & { readonly kind: 'step_ended' }): Run {
  const step = playbook.steps.find(({ id }) => id === event.step);
  const state = run.steps.find(({ id }) => id === event.step);
  if (step === undefined || state === undefined) throw new Error(`playbook ${playbook.name} has no step ${event.step}`);
  const { outcome, detail, startedMs, nowMs } = event;
  const attempts: Attempt[] = [...state.attempts, { startedMs, finishedMs: nowMs, outcome, detail }];
  const again =
    event.retry && (outcome === 'failed' || outcome === 'timed_out') && attempts.length < step.retry.attempts;
  if (!again) return change(run, event.step, { state: outcome, detail, attempts });
  const notBeforeMs = nowMs + Math.max(event.retryAfterMs ?? 0, backoffMs(step.retry, attempts.length, event.random));
  return change(run, event.step, { state: 'waiting', detail, attempts, notBeforeMs });
}

/** Full back-off less up to a half, so that many runs that failed together do not come back together. */
export function backoffMs(retry: Step['retry'], failed: number, random: number): number {
  const full = Math.min(retry.mostMs, retry.backoffMs * 2 ** Math.min(failed - 1, 30));
  return Math.round(full * (1 - random / 2));
}

function next(playbook: Playbook, run: Run, nowMs: number): Advance {
  for (const [index, state] of run.steps.entries()) {
    const step = playbook.steps[index];
    // The playbook was changed while the run waited: what is left of the run has no meaning any more.
    if (step === undefined || step.id !== state.id || step.uses !== state.uses) {
      const detail = 'the playbook was changed before this step had ended';
      return isOver(state)
        ? finish(run, nowMs, 'failed')
        : finish(change(run, state.id, { state: 'failed', detail }), nowMs, 'failed');
    }
    if (state.state === 'running') return { run, command: { kind: 'begin', step, attempt: state.attempts.length + 1 } };
    if (state.state === 'waiting') {
      const untilMs = state.notBeforeMs;
      if (untilMs > nowMs) return { run, command: { kind: 'wait', untilMs } };
      return { run, command: { kind: 'begin', step, attempt: state.attempts.length + 1 } };
    }
    if (!fine.has(state.state) && step.onError === 'stop') return finish(run, nowMs, 'failed');
  }
  return finish(run, nowMs, 'done');
}

function isOver({ state }: StepState): boolean {
  return state !== 'waiting' && state !== 'running';
}

function finish(run: Run, nowMs: number, state: 'done' | 'failed'): Advance {
  const finished = run.finishedMs === undefined ? { ...run, state, finishedMs: nowMs } : run;
  return { run: finished, command: { kind: 'finish' } };
}

function change(run: Run, id: string, to: Partial<StepState>): Run {
  return { ...run, steps: run.steps.map((step) => (step.id === id ? { ...step, ...to } : step)) };
}
