import type { Outcome } from '../command.ts';
import type { OutputValue, RunTrigger } from './playbook.ts';

/**
 * `dry-run` fills in, checks and asks, and does nothing; `shadow` fills in and checks, and does not even ask: nothing
 * leaves the router.
 */
export type RunMode = 'enforce' | 'dry-run' | 'shadow';

/** One attempt at one step. Parameters are as they were filled in, with secrets masked. */
export type Attempt = {
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly outcome: Outcome;
  readonly detail: string;
};

/** What became of a question. `late`: nobody answered in time. */
export type Answer = {
  readonly verdict: 'approved' | 'denied' | 'late';
  /** Who, and by which way; empty when nobody did. */
  readonly by: string;
  readonly way: string;
  readonly atMs: number;
};

/** That people were asked before a step. */
export type Approval = { readonly id: string; readonly untilMs: number; readonly answer?: Answer };

export type StepState = {
  /** The step's id; `ID[2]` for the third item of its `foreach`, `ID/undo` for what undoes it. */
  readonly id: string;
  readonly uses: string;
  /** `waiting`: not yet its turn, or before its next attempt. */
  readonly state: 'waiting' | 'running' | Outcome;
  readonly detail: string;
  readonly params: unknown;
  readonly attempts: readonly Attempt[];
  /** Milliseconds since the epoch before which the next attempt must not begin. */
  readonly notBeforeMs: number;
  /** alert/playbook/step/target: whoever sees the same key twice acts once. */
  readonly key?: string;
  readonly approval?: Approval;
  readonly item?: OutputValue;
  readonly outputs?: Readonly<Record<string, OutputValue>>;
};

/** What let the run start, or counted when it did. */
export type GuardNote = { readonly guard: string; readonly detail: string };

/**
 * The journal of one execution of a playbook for one alert: plain JSON. Its state follows from its steps: `failed` when
 * a step failed, was refused or timed out and nothing said to go on; `done` otherwise. What `undo_after` has planned may
 * still lie ahead of a run that is over.
 */
export type Run = {
  readonly id: string;
  readonly alert: string;
  readonly rule: string;
  readonly priority: string;
  readonly playbook: string;
  /** The commit whose playbook it is; `undefined`: of a file. */
  readonly revision?: string | undefined;
  readonly node: string | undefined;
  readonly mode: RunMode;
  readonly trigger?: RunTrigger | undefined;
  readonly guards?: readonly GuardNote[] | undefined;
  /** The playbook's steps when it started: what has changed since is not gone on with. */
  readonly plan: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly steps: readonly StepState[];
  readonly startedMs: number;
  readonly finishedMs: number | undefined;
};
