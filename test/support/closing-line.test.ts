import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
let folder: string;

// Inside the project, so that the files find Vitest.
beforeEach(() => {
  folder = mkdtempSync(join(root, '.build/closing-line-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs Vitest on one file of `lines`, with the reporter alone. */
function runTests(lines: readonly string[], ci: 'true' | 'false') {
  const config = `import { ClosingLine } from '${root}test/support/closing-line.ts';
    export default { test: { root: '${folder}', reporters: [new ClosingLine()] } };`;
  writeFileSync(join(folder, 'vitest.config.ts'), config);
  writeFileSync(join(folder, 'a.test.ts'), [`import { it, describe, beforeAll } from 'vitest';`, ...lines].join('\n'));
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(folder, 'vitest.config.ts')],
    { cwd: folder, encoding: 'utf8', env: { ...process.env, CI: ci } },
  );
  return { status, last: stdout.trimEnd().split('\n').at(-1) };
}

const passing = `it('a', () => undefined);`;
const failing = `it('b', () => { throw new Error('b'); });`;
const leftOut = `it[${JSON.stringify('skip')}]('c', () => undefined);`;
const unready = `describe('d', () => { beforeAll(() => { throw new Error('d'); }); it('e', () => undefined); });`;

describe('the closing line', { timeout: 60_000 }, () => {
  it.for([
    { name: 'all passed', lines: [passing], status: 0, last: '1 passed, 0 failed' },
    { name: 'one failed', lines: [passing, failing], status: 1, last: '1 passed, 1 failed' },
    { name: 'one skipped', lines: [passing, leftOut], status: 0, last: '1 passed, 0 failed, 1 skipped' },
    { name: 'a file that does not load', lines: [`throw new Error('x');`], status: 1, last: '0 passed, 1 failed' },
  ])('$name', ({ lines, status, last }) => {
    expect(runTests(lines, 'false')).toEqual({ status, last });
  });

  it('counts a failed hook', () => {
    const { status, last } = runTests([passing, unready], 'false');
    expect(status).toBe(1);
    expect(last).toMatch(/^1 passed, [1-9]/);
  });

  it('a skipped test fails the run in CI', () => {
    expect(runTests([passing, leftOut], 'true')).toEqual({ status: 1, last: '1 passed, 0 failed, 1 skipped' });
  });
});
