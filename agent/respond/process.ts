import { readdirSync, readFileSync } from 'node:fs';

/** What /proc/PID/stat says of a process that runs now. */
export type ProcessStat = {
  /** Clock ticks since boot, of which Linux gives user space 100 a second: with the pid, which process is meant. */
  readonly startTicks: bigint;
  /** Nothing of it runs any more: it has ended and waits for its parent. */
  readonly isDead: boolean;
  /** Stopped by a signal; still a process. */
  readonly isStopped: boolean;
  readonly isKernelThread: boolean;
  readonly ppid: number;
  readonly sid: number;
  /** At most 15 bytes, as a byte string. */
  readonly name: string;
};

/** include/linux/sched.h. */
const PF_KTHREAD = 0x0020_0000;

/** Nanoseconds in the unit of `startTicks`. */
export const NS_PER_TICK = 10_000_000n;

/** `undefined` when there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    // ENOENT and ESRCH both say that it is gone; nothing else can be done with a process that cannot be read.
    return undefined;
  }
}

/**
 * proc(5): the name in parentheses may hold blanks and parentheses of its own, so counting starts after the last one:
 * the state (field 3) is 0, ppid 1, session 3, flags 6, num_threads (20) is 17, starttime (22) is 19. A leader that has ended while its threads
 * run on shows Z as well, so these are counted.
 */
export function parseStat(stat: string): ProcessStat | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', ppid = '', , sid = '', , , flags = ''] = fields;
  const [threads = '', ticks = ''] = [fields[17], fields[19]];
  if (!/^\d+$/.test(ticks)) return undefined;
  return {
    startTicks: BigInt(ticks),
    isDead: (state === 'Z' || state === 'X') && Number(threads) <= 1,
    isStopped: state === 'T',
    isKernelThread: (Number(flags) & PF_KTHREAD) !== 0,
    ppid: Number(ppid),
    sid: Number(sid),
    name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
  };
}

/** Every thread group that /proc shows. */
export function listPids(): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}
