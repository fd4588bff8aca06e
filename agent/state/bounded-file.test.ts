import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readBounded, readWithin } from './bounded-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-bounded-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, 'root/etc'), { recursive: true });
mkdirSync(join(folder, 'outside'));
writeFileSync(join(folder, 'root/etc/passwd'), 'inside');
writeFileSync(join(folder, 'outside/passwd'), 'outside');
symlinkSync('../../outside/passwd', join(folder, 'root/etc/link'));
symlinkSync(join(folder, 'outside'), join(folder, 'root/elsewhere'));
execFileSync('mkfifo', [join(folder, 'root/etc/pipe')]);

describe('files that somebody else made', () => {
  it('reads a file, up to its bound', () => {
    expect(readBounded(join(folder, 'root/etc/passwd'), 100)).toBe('inside');
    expect(readBounded(join(folder, 'root/etc/passwd'), 3)).toBe('ins');
  });

  it.for(['root/etc/link', 'root/etc/pipe', 'root/etc', 'root/etc/absent', '../../../dev/zero'])(
    'does not read %s',
    (path) => expect(readBounded(join(folder, path), 100)).toBeUndefined(),
  );

  it('does not leave the folder', () => {
    const open = readdirSync('/proc/self/fd').length;
    const root = join(folder, 'root');
    expect(readWithin(root, ['etc', 'passwd'], 100)).toBe('inside');
    expect(readWithin(root, ['elsewhere', 'passwd'], 100)).toBeUndefined();
    expect(readWithin(root, ['etc', 'link'], 100)).toBeUndefined();
    expect(readWithin(root, ['absent', 'passwd'], 100)).toBeUndefined();
    expect(readWithin(join(folder, 'absent'), ['etc', 'passwd'], 100)).toBeUndefined();
    expect(readdirSync('/proc/self/fd')).toHaveLength(open);
  });

  it('reads what a process sees as its root', () =>
    expect(readWithin('/proc/self/root', ['etc', 'passwd'], 100_000)).toMatch(/^root:/m));
});
