import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { alert, perform } from '../support/action.ts';
import { hostile } from '../support/hostile.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-log-'));
beforeAll(() => chmodSync(folder, 0o755));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const numbered = z.looseObject({ record: z.looseObject({ index: z.int() }) });

const linesOf = (file: string): readonly unknown[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

describe('log', () => {
  it('writes the alert as one line, in a file and a folder for the owner only', async () => {
    const file = join(folder, 'new/alerts.jsonl');
    const answer = await perform('log', { file });
    expect(answer).toEqual({ status: 'done', detail: `wrote ${statSync(file).size} bytes to ${file}` });
    expect(linesOf(file)).toEqual([
      { alert_id: 'an-alert', playbook: 'a-playbook', alert: JSON.parse(JSON.stringify(alert)) },
    ]);
    expect([statSync(file).mode & 0o777, statSync(join(folder, 'new')).mode & 0o777]).toEqual([0o600, 0o700]);
  });

  it('appends whole lines when many write at once, and moves a full file once', async () => {
    const file = join(folder, 'many.jsonl');
    const record = 'x'.repeat(10_000);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => perform('log', { file, record: { index, record }, most_mb: 1.5 })),
    );
    expect(answers.filter(({ status }) => status !== 'done')).toEqual([]);
    const all = [...linesOf(`${file}.1`), ...linesOf(file)];
    expect(all.map((line) => numbered.parse(line).record.index).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 200 }, (_, index) => index),
    );
    expect(statSync(`${file}.1`).size).toBeGreaterThanOrEqual(1.5 * 1024 * 1024);
  });

  it('keeps as many full files as it is told to', async () => {
    const file = join(folder, 'kept.jsonl');
    const record = 'x'.repeat(1_000);
    for (let index = 0; index < 6; index += 1)
      await perform('log', { file, record: { index, record }, most_mb: 0.000_5, keep: 3 });
    const kept = ['', '.1', '.2', '.3'].map((end) =>
      linesOf(`${file}${end}`).map((line) => numbered.parse(line).record.index),
    );
    expect(kept).toEqual([[5], [4], [3], [2]]);
    expect(existsSync(`${file}.4`)).toBe(false);
  });

  it('says why it cannot write', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    expect(await perform('log', { file: join(folder, 'a-file/below') })).toMatchObject({
      status: 'failed',
      retry: false,
    });
    expect(await perform('log', { file: '/dev/full' })).toMatchObject({ status: 'failed', retry: true });
    expect(await perform('log', { file: '/proc/nowhere/file' })).toMatchObject({ status: 'failed', retry: false });
  });

  it.for([
    'relative.log',
    '/',
    '/var/log/',
    '/var/log/../etc/passwd',
    '/var//log/x',
    '/var/log/./x',
    '/var/log/a\nb',
    '/var/log/a\0b',
  ])('refuses the path %j', async (file) => {
    expect(await perform('log', { file })).toMatchObject({ status: 'failed', retry: false });
  });

  it('writes nothing in a dry run', async () => {
    const file = join(folder, 'dry/x');
    expect(await perform('log', { file }, { mode: 'dry-run' })).toEqual({
      status: 'skipped',
      detail: `would write a line to ${file}`,
    });
    expect(() => statSync(join(folder, 'dry'))).toThrow('ENOENT');
  });

  it('keeps hostile values inside their line, and inside the folder', async () => {
    const file = join(folder, 'hostile.jsonl');
    let count = 0;
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        expect(await perform('log', { file, record: { text } })).toMatchObject({ status: 'done' });
        const lines = linesOf(file);
        expect(lines).toHaveLength(++count);
        expect(lines.at(-1)).toMatchObject({ record: { text } });
        const named = await perform('log', { file: `${folder}/named/${text.slice(0, 40)}.log` }, { mode: 'dry-run' });
        if (named.status === 'skipped') expect(named.detail).toContain(`${folder}/named/`);
        expect(named.status === 'skipped' && /\/\.\.\//.test(named.detail)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});
