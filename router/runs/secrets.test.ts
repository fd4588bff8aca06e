import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeSecrets } from './secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, 'secrets'));
writeFileSync(join(folder, 'outside'), 'no');
const secrets = makeSecrets(join(folder, 'secrets'), {
  LANNER_SECRET_A: 'from env',
  LANNER_SECRET_B: 'b',
  PATH: '/bin',
});
const write = (name: string, text: string) => writeFileSync(join(folder, 'secrets', name), text);

describe('makeSecrets', () => {
  it('reads the file first, without its line end, and anew each time', () => {
    write('A', 'from file\n');
    expect(secrets('A')).toBe('from file');
    write('A', 'rotated\n\n');
    expect(secrets('A')).toBe('rotated\n');
  });

  it('falls back to the environment', () => {
    expect(secrets('B')).toBe('b');
  });

  it.for(['NONE', 'PATH', '../outside', '', 'a/b', '.', '__proto__'])('has no secret %j', (name) => {
    expect(secrets(name)).toBeUndefined();
  });

  it('takes no half of a secret that is too long', () => {
    write('LONG', 'x'.repeat(70_000));
    expect(secrets('LONG')).toBeUndefined();
  });
});
