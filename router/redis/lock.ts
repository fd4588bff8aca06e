import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';

/**
 * Takes the data folder for this process, so that two routers never start two Redis servers over one file. The lock
 * names its owner (pid and start time); one whose owner is gone is taken over. Answers the pid of a living owner.
 */
export function takeLock(
  path: string,
): { readonly ok: true; release(): void } | { readonly ok: false; readonly owner: number } {
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, `${process.pid} ${startTicks(process.pid)}\n`);
      closeSync(file);
      return { ok: true, release: () => releaseLock(path) };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const owner = livingOwner(path);
      if (owner !== undefined) return { ok: false, owner };
      unlinkSync(path);
    }
  }
  return { ok: false, owner: 0 };
}

function releaseLock(path: string): void {
  if (livingOwner(path) === process.pid) unlinkSync(path);
}

function livingOwner(path: string): number | undefined {
  try {
    const [pid = '', ticks = ''] = readFileSync(path, 'utf8').trim().split(' ');
    return ticks !== '' && startTicks(Number(pid)) === ticks ? Number(pid) : undefined;
  } catch {
    return undefined; // Released meanwhile.
  }
}

/** Field 22 of proc(5)'s stat: with the pid it says which process this is. Empty when there is none, or it has ended. */
export function startTicks(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch {
    return '';
  }
}
