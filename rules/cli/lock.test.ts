import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTicks, takeLock } from './lock.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-lock-'));
  path = join(folder, 'lock');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A pid that is in use, with a start time that is not its own: it was used again. */
const usedAgain = `${process.ppid} 1\n`;

describe('takeLock', () => {
  it('takes a free lock, names its owner, and gives it back', () => {
    const lock = takeLock(path);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid} ${startTicks(process.pid)}\n`);
    expect(readdirSync(folder)).toEqual(['lock']);
    if (lock.ok) lock.release();
    expect(existsSync(path)).toBe(false);
  });

  it('leaves a lock to its living owner', () => {
    const text = `${process.ppid} ${startTicks(process.ppid)}\n`;
    writeFileSync(path, text);
    expect(takeLock(path)).toEqual({ ok: false, owner: process.ppid });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('leaves nothing behind where it cannot write', () => {
    expect(() => takeLock('/proc/lanner.lock')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => takeLock(join(folder, 'missing/lock'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(readdirSync(folder)).toEqual([]);
  });

  it.for(['', 'garbage', '999999999 1\n', usedAgain])('takes over %j', (text) => {
    writeFileSync(path, text);
    expect(takeLock(path).ok).toBe(true);
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  it('is given to one of many that come at once', async () => {
    writeFileSync(path, usedAgain);
    const script = `
      const { takeLock } = await import(${JSON.stringify(new URL('./lock.ts', import.meta.url).href)});
      process.stdout.write('here');
      process.stdin.once('data', () => process.stdout.write(takeLock(${JSON.stringify(path)}).ok ? ' mine' : ' theirs'));
      process.stdin.once('end', () => process.exit());`;
    const racers = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    await Promise.all(racers.map(({ stdout }) => once(stdout, 'data')));
    for (const { stdin } of racers) stdin.write('go');
    const answers = await Promise.all(racers.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])));
    for (const { stdin } of racers) stdin.end();
    expect(answers.filter((answer) => answer === ' mine')).toHaveLength(1);
  });
});
