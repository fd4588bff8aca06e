import type { Outcome } from '../command.ts';

export type RunMode = 'enforce' | 'dry-run';

/** One attempt at one step. Parameters are as they were filled in, with secrets masked. */
export type Attempt = {
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly outcome: Outcome;
  readonly detail: string;
};

export type StepState = {
  readonly id: string;
  readonly uses: string;
  /** `waiting`: not yet its turn, or before its next attempt. */
  readonly state: 'waiting' | 'running' | Outcome;
  readonly detail: string;
  readonly params: unknown;
  readonly attempts: readonly Attempt[];
  /** Milliseconds since the epoch before which the next attempt must not begin. */
  readonly notBeforeMs: number;
};

/**
 * The journal of one execution of a playbook for one alert: plain JSON. Its state follows from its steps: `failed` when
 * a step failed, was refused or timed out and nothing said to go on; `done` otherwise.
 */
export type Run = {
  readonly id: string;
  readonly alert: string;
  readonly rule: string;
  readonly priority: string;
  readonly playbook: string;
  readonly node: string | undefined;
  readonly mode: RunMode;
  readonly state: 'running' | 'done' | 'failed';
  readonly steps: readonly StepState[];
  readonly startedMs: number;
  readonly finishedMs: number | undefined;
};
