import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;
/** open(2): only a place to start from, without the right to read. Node has no name for it. */
const O_PATH = 0o10000000;

/**
 * Reads a file that somebody else may have made: no link is followed, nothing but a regular file is read (a pipe would
 * block for ever), and no more than `mostBytes` of it. `undefined` when that cannot be.
 */
export function readBounded(path: string, mostBytes: number): string | undefined {
  try {
    const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!fstatSync(file).isFile()) return undefined;
      return readUpTo(file, mostBytes);
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined; // Not there, a link, or gone: nothing is known then.
  }
}

/**
 * Reads a file below a folder without leaving it: each part is opened from the one before and none may be a link, so
 * that `/etc` of a container which points to `/` of the host leads nowhere.
 */
export function readWithin(folder: string, parts: readonly string[], mostBytes: number): string | undefined {
  let at = -1;
  try {
    at = openSync(folder, O_PATH | O_DIRECTORY);
    for (const part of parts.slice(0, -1)) {
      const next = openSync(`/proc/self/fd/${at}/${part}`, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      closeSync(at);
      at = next;
    }
    return readBounded(`/proc/self/fd/${at}/${parts.at(-1)}`, mostBytes);
  } catch {
    return undefined; // As above.
  } finally {
    if (at >= 0) closeSync(at);
  }
}

function readUpTo(file: number, mostBytes: number): string {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total < mostBytes) {
    const chunk = Buffer.allocUnsafe(Math.min(65_536, mostBytes - total));
    const bytes = readSync(file, chunk, 0, chunk.length, null);
    if (bytes === 0) break;
    total += bytes;
    chunks.push(chunk.subarray(0, bytes));
  }
  return Buffer.concat(chunks).toString('utf8');
}
