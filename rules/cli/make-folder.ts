import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder for its owner's eyes only, and those above it; one that is there stays as it is. Throws the system's
 * error when it cannot be made. Not `mkdirSync` with `recursive`: below /proc it asks the kernel without end
 * (mkdir answers ENOENT there although the folder above exists, and libuv takes that for a missing parent).
 */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  const outcome = tryMake(folder);
  if (outcome === 'made') return;
  const above = dirname(folder);
  if (above !== folder) makeFolder(above);
  mkdirIfMissing(folder);
}

function tryMake(folder: string): 'made' | 'no parent' {
  try {
    mkdirIfMissing(folder);
    return 'made';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'no parent';
    throw error;
  }
}

function mkdirIfMissing(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // A read-only disk answers EROFS for a folder that exists, too.
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
