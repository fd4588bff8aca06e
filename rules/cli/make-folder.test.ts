import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from './make-folder.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lanner-folder-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('makeFolder', () => {
  it('makes a folder and those above it, for the owner only', () => {
    makeFolder(join(root, 'a/b/c'));
    for (const path of ['a', 'a/b', 'a/b/c']) expect(statSync(join(root, path)).mode & 0o777).toBe(0o700);
  });

  it('leaves a folder that is there, and the target of a link, as they are', () => {
    symlinkSync(root, join(root, 'link'));
    makeFolder(root);
    makeFolder(join(root, 'link'));
    makeFolder(join(root, 'link/a'));
    expect(statSync(join(root, 'a')).isDirectory()).toBe(true);
  });

  it.for([
    { path: '/proc/lanner', code: 'ENOENT' },
    { path: '/proc/lanner/data/redis', code: 'ENOENT' },
    { path: '/proc/1/lanner', code: 'ENOENT' },
    { path: '/sys/lanner', code: 'EPERM' },
    { path: '/dev/null/lanner', code: 'ENOTDIR' },
  ])('fails at once with $code for $path', ({ path, code }) => {
    expect(() => makeFolder(path)).toThrow(expect.objectContaining({ code }));
  });

  it('fails when a file is in the way', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => makeFolder(join(root, 'file'))).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  });
});
