import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import type { Pidfds } from '#native';
import { readStat } from './process.ts';

/** A process by its whole identity. */
export type ProcessIdentity = { readonly pid: number; readonly startTicks: bigint };

/** A process that is held: its number cannot come to mean another one. */
export type HeldProcess = ProcessIdentity & {
  /** `false`: it has ended. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): boolean;
  close(): void;
};

/**
 * Takes hold of a process, or says `undefined` when it is gone. Its start time is read after the descriptor was opened:
 * had the number been given away before, the start time would be another one.
 */
export function hold({ pid, startTicks }: ProcessIdentity, pidfds: Pidfds): HeldProcess | undefined {
  let descriptor: number;
  try {
    descriptor = pidfds.openPidfd(pid);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  if (readStat(pid)?.startTicks !== startTicks) {
    close();
    return undefined;
  }
  return {
    pid,
    startTicks,
    signal(signal) {
      try {
        pidfds.signalPidfd(descriptor, constants.signals[signal]);
        return true;
      } catch (error) {
        if (isGone(error)) return false;
        throw error;
      }
    },
    close,
  };
}

/** EINVAL: the number is that of a thread, whose process had it no longer when it was asked for. */
function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EINVAL');
}
