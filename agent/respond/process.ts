import { readFileSync } from 'node:fs';

/** Field 22 of /proc/PID/stat in ticks since boot; `undefined` when there is no such process. */
export function readStartTicks(pid: number, proc = '/proc'): bigint | undefined {
  try {
    return parseStartTicks(readFileSync(`${proc}/${pid}/stat`, 'latin1'));
  } catch {
    // ENOENT and ESRCH both say that it is gone; nothing else can be done with a process that cannot be read.
    return undefined;
  }
}

/** The name in parentheses may hold blanks and parentheses of its own, so counting starts after the last one. */
export function parseStartTicks(stat: string): bigint | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields[19];
  return ticks !== undefined && /^\d+$/.test(ticks) ? BigInt(ticks) : undefined;
}
