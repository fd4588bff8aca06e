import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';

/**
 * Takes a folder for this process, so that two routers never start two Redis servers over one file and two agents never
 * write one spool. The lock names its owner (pid and start time); one whose owner is gone is taken over. Answers the pid
 * of a living owner.
 */
export function takeLock(
  path: string,
): { readonly ok: true; release(): void } | { readonly ok: false; readonly owner: number } {
  // Asked first: on a disk that takes nothing more it can still be read.
  const holder = livingOwner(path);
  if (holder !== undefined) return { ok: false, owner: holder };
  const mine = `${path}.${process.pid}`;
  try {
    writeFileSync(mine, `${process.pid} ${startTicks(process.pid)}\n`, { mode: 0o600 });
    for (let tries = 0; tries < 3; tries++) {
      try {
        // A link, so that nobody ever reads a lock that does not name its owner yet.
        linkSync(mine, path);
        return { ok: true, release: () => releaseLock(path) };
      } catch (error) {
        if (!isCode(error, 'EEXIST')) throw error;
      }
      const owner = livingOwner(path);
      if (owner !== undefined) return { ok: false, owner };
      dropStale(path, `${mine}.stale`);
    }
    return { ok: false, owner: livingOwner(path) ?? 0 };
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Takes away the lock of an owner that is gone. When another process was quicker, it is theirs that went: it goes back. */
function dropStale(path: string, aside: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return; // another process has done it
    throw error;
  }
  if (livingOwner(aside) !== undefined) linkSync(aside, path);
  unlinkSync(aside);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
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
