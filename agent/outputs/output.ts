import type { Alert } from '#rules/alert';
import type { SpoolCounters } from '../spool/spool.ts';

/** Where alerts go. `write` never blocks and never throws: an output that cannot keep up counts what it loses. */
export type Output = {
  readonly name: string;
  write(alert: Alert): void;
  counters(): OutputCounters;
  /** For those who move a file away: what is written from now on goes to a new one. */
  reopen?(): void;
  /** Hands on what it holds, within `withinMs`; may be called twice. */
  close(withinMs: number): Promise<void>;
};

export type OutputCounters = {
  readonly written: number;
  /** Accepted but not yet handed on. */
  readonly held: number;
  /** Lost: the output's bound was reached, or the other side refused for good. */
  readonly lost: number;
  /** Kept back by the output's own rate. */
  readonly limited?: number;
  /** Of these that it holds, in memory only: a kill of this process loses them. Where there is a spool. */
  readonly exposed?: number;
  readonly spool?: SpoolCounters;
};
