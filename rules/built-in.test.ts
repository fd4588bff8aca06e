import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';

const root = new URL('..', import.meta.url).pathname;

const answer = z.looseObject({ untested: z.array(z.string()) });

describe('built-in rules', () => {
  it('pass their tests, and each is fired by one', () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--no-warnings', 'lanner.ts', 'rules', 'test', '--json'],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(answer.parse(JSON.parse(stdout)).untested).toEqual([]);
  });
});
