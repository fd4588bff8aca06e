import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const root = new URL('..', import.meta.url).pathname;

describe('infra/check.sh', () => {
  it.for(['types', 'style', 'unused', 'native', 'shell'])('%s', { timeout: 300_000 }, (name) => {
    const { status, stdout, stderr } = spawnSync('sh', ['infra/check.sh', name], { cwd: root, encoding: 'utf8' });
    expect({ status, said: status === 0 ? '' : `${stdout}${stderr}` }).toEqual({ status: 0, said: '' });
  });

  it('fails on a check that it does not know', () => {
    const { status } = spawnSync('sh', ['infra/check.sh', 'nonsense'], { cwd: root });
    expect(status).toBe(1);
  });
});
