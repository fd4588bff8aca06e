import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeFile } from './file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const unexpected = (reason: string): void => expect(reason).toBe('no failure');
const text = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('output to a file', () => {
  it('appends whole lines in order, for its owner alone', async () => {
    const file = makeFile({ path: join(folder, 'a'), rotateBytes: undefined, keep: 5 }, unexpected);
    const lines = Array.from({ length: 3_000 }, (_, number) => `line ${number}`);
    for (const line of lines) file.send(line, 4);
    await file.close(5_000);
    expect(text('a')).toBe(`${lines.join('\n')}\n`);
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o600);
    expect(file.counters()).toEqual({ written: 3_000, held: 0, lost: 0 });
  });

  it('begins another file before one grows too large, and keeps the latest', async () => {
    const file = makeFile({ path: join(folder, 'a'), rotateBytes: 40, keep: 2 }, unexpected);
    for (let number = 10; number < 30; number++) {
      file.send(`line number ${number}`, 4);
      await vi.waitFor(() => expect(file.counters().written).toBe(number - 9), { interval: 1 });
    }
    await file.close(1_000);
    expect(readdirSync(folder).sort()).toEqual(['a', 'a.1', 'a.2']);
    expect([text('a.2'), text('a.1'), text('a')].join('')).toBe(
      Array.from({ length: 6 }, (_, number) => `line number ${number + 24}\n`).join(''),
    );
  });

  it('goes on in a new file when the old one was moved away and the signal came', async () => {
    const file = makeFile({ path: join(folder, 'a'), rotateBytes: undefined, keep: 5 }, unexpected);
    file.send('before', 4);
    await vi.waitFor(() => expect(file.counters().written).toBe(1));
    renameSync(join(folder, 'a'), join(folder, 'moved'));
    file.send('meanwhile', 4);
    await vi.waitFor(() => expect(file.counters().written).toBe(2));
    file.reopen();
    file.send('after', 4);
    await file.close(1_000);
    expect([text('moved'), text('a')]).toEqual(['before\nmeanwhile\n', 'after\n']);
  });

  it('holds what cannot be written, says so once, and writes it when it can', async () => {
    const failed = vi.fn();
    const file = makeFile({ path: join(folder, 'later', 'a'), rotateBytes: undefined, keep: 5 }, failed);
    for (const line of ['a', 'b']) {
      file.send(line, 4);
      await vi.waitFor(() => expect(failed).toHaveBeenCalled());
    }
    expect(file.counters()).toEqual({ written: 0, held: 2, lost: 0 });
    mkdirSync(join(folder, 'later'));
    await vi.waitFor(() => expect(file.counters().written).toBe(2), { timeout: 5_000 });
    expect(text('later/a')).toBe('a\nb\n');
    expect(failed).toHaveBeenCalledTimes(1);
  });

  it('counts what it has no room for while the disk is full', async () => {
    const file = makeFile({ path: '/dev/full', rotateBytes: undefined, keep: 5 }, () => undefined);
    for (let number = 0; number < 10_500; number++) file.send(String(number), 4);
    const { written, held, lost } = file.counters();
    expect(written).toBe(0);
    expect(held + lost).toBe(10_500);
    expect(lost).toBeGreaterThan(0);
    await file.close(10);
  });
});
