import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { keepRunning } from './child.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-child-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(script: string, flags: readonly string[]) {
  const path = join(folder, 'child.mjs');
  writeFileSync(path, script);
  return keepRunning({ name: 'child', flags, argv: [path], log: () => undefined });
}

describe('a child', () => {
  it('that needs other flags of Node is started with them, once', async () => {
    const child = run(
      `if (process.execArgv.includes('--stack-size=900')) process.send({ kind: 'ready', lines: process.execArgv });
       else process.send({ kind: 'flags', flags: ['--stack-size=900'] });
       process.channel.unref();`,
      ['--no-warnings'],
    );
    expect(await child.started).toEqual({ status: 'ready', ready: { lines: ['--stack-size=900'] } });
    await child.close(1_000);
  });

  it('that never has flags that it is content with ends as one that fails', async () => {
    const child = run(`process.send({ kind: 'flags', flags: ['--no-warnings'] }, () => process.exit(3));`, []);
    expect(await child.started).toEqual({ status: 'ended', code: 3 });
    await child.close(1_000);
  });
});
