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
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      // A link, so that nobody ever reads a lock that does not name its owner yet.
      if (link(mine, path)) return { ok: true, release: () => releaseLock(path) };
      const owner = livingOwner(path);
      if (owner !== undefined) return { ok: false, owner };
      if (replaceStale(mine, path)) return { ok: true, release: () => releaseLock(path) };
      Atomics.wait(pause, 0, 0, PAUSE_MS);
    }
    return { ok: false, owner: livingOwner(path) ?? 0 };
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Somebody else is at the takeover, which takes well under a millisecond. */
const PAUSE_MS = 5;
const MOST_TRIES = 200;
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Puts our lock in the place of one whose owner is gone; whether we did. One process at a time, or a lock that was just
 * taken over would be taken for the stale one: whoever is at it holds a lock of its own meanwhile.
 */
function replaceStale(mine: string, path: string): boolean {
  const guard = `${path}.takeover`;
  if (!link(mine, guard)) {
    // Killed in the middle of it.
    if (livingOwner(guard) === undefined) rmSync(guard, { force: true });
    return false;
  }
  try {
    if (livingOwner(path) !== undefined) return false;
    renameSync(mine, path);
    return true;
  } finally {
    rmSync(guard, { force: true });
  }
}

/** Whether the name was free. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function releaseLock(path: string): void {
  if (livingOwner(path) === process.pid) unlinkSync(path);
}

/** The pid of the process that holds the lock; `undefined`: nobody does. */
export function livingOwner(path: string): number | undefined {
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
