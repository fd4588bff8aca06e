import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Spool } from './spool.ts';

let data: string;
let folder: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'lanner-spool-'));
  folder = join(data, 'spool');
});
/** A spool that is left as it is stands for an agent that was killed; its files are closed when the test is over. */
const opened: Spool[] = [];
afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.close();
  rmSync(data, { recursive: true, force: true });
});

const MIB = 1024 * 1024;
const log = vi.fn();
const open = (maxBytes = MIB) => {
  const spool = new Spool({ folder, maxBytes, log });
  opened.push(spool);
  return spool;
};
const recordOf = (number: number, output = '') => ({
  number,
  text: JSON.stringify({ time: '2026-11-23T14:00:00Z', rule: `rule ${number}`, priority: 'Notice', output }),
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

async function append(spool: Spool, numbers: readonly number[], output = '') {
  const outcome = await spool.append(numbers.map((number) => recordOf(number, output)));
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.places;
}

async function readAll(spool: Spool): Promise<readonly number[]> {
  const numbers: number[] = [];
  for (;;) {
    const records = await spool.read(7, MIB);
    if (records.length === 0) return numbers;
    for (const { number, text } of records) {
      expect(JSON.parse(text)).toMatchObject({ rule: `rule ${number}` });
      numbers.push(number);
    }
  }
}

const segments = () => readdirSync(folder).filter((name) => name.endsWith('.v1'));

describe('spool', () => {
  it('gives back after a kill what was not acknowledged, and goes on counting', async () => {
    const killed = open();
    await append(killed, range(1, 30));
    killed.acknowledge(10);
    await vi.waitFor(() => expect(readdirSync(folder)).toContain('cursor.json'), { timeout: 5_000 });
    const next = open();
    expect(next.counters()).toMatchObject({ waiting: 20, lost: 0, damaged: 0, torn: 0 });
    expect(next.lastNumber).toBe(30);
    expect(await readAll(next)).toEqual(range(11, 30));
    await append(next, [31]);
    next.acknowledge(30);
    await next.close();
    expect(await readAll(open())).toEqual([31]);
  });

  it('sends everything again when there is no cursor, or half of one', async () => {
    await append(open(), range(1, 5));
    expect(open().counters().waiting).toBe(5);
    writeFileSync(join(folder, 'cursor.json'), '{"version":1,"ackno');
    expect(await readAll(open())).toEqual(range(1, 5));
  });

  it('keeps nothing but the cursor when all is acknowledged, and never gives a number twice', async () => {
    const spool = open();
    await append(spool, range(1, 5));
    spool.acknowledge(5);
    await spool.close();
    expect(readdirSync(folder)).toEqual(['cursor.json']);
    expect(open().lastNumber).toBe(5);
  });

  it('is for its owner only', async () => {
    const spool = open();
    await append(spool, range(1, 5));
    spool.acknowledge(3);
    await spool.close();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('begins a segment when one is full, and deletes those that are acknowledged', async () => {
    const spool = open(8 * MIB);
    for (const number of range(1, 40)) await append(spool, [number], 'x'.repeat(10_000));
    expect(segments().length).toBe(4);
    spool.acknowledge(39);
    await vi.waitFor(() => expect(segments().length).toBe(1));
    await spool.close();
    expect(await readAll(open())).toEqual([40]);
  });

  it('gives up its oldest segments when it is full, counts what waited there, and says so once', async () => {
    log.mockClear();
    const spool = open(256 * 1024);
    for (const number of range(1, 100)) spool.leave(await append(spool, [number], 'x'.repeat(10_000)));
    const { waiting, lost, bytes } = spool.counters();
    expect(bytes).toBeLessThanOrEqual(256 * 1024);
    expect(lost).toBeGreaterThan(70);
    expect(waiting + lost).toBe(100);
    expect(await readAll(spool)).toEqual(range(lost + 1, 100));
    expect(log.mock.calls.filter(([, message]) => String(message).includes('full'))).toHaveLength(1);
    expect(await readAll(open(256 * 1024))).toEqual(range(lost + 1, 100));
  });

  it('drops under the reader without losing its place', async () => {
    const spool = open(256 * 1024);
    for (const number of range(1, 20)) spool.leave(await append(spool, [number], 'x'.repeat(10_000)));
    const first = await spool.read(3, MIB);
    expect(first.map(({ number }) => number)).toEqual([1, 2, 3]);
    for (const number of range(21, 40)) spool.leave(await append(spool, [number], 'x'.repeat(10_000)));
    const rest = await readAll(spool);
    const { lost } = spool.counters();
    expect(lost).toBeGreaterThan(0);
    expect(rest).toEqual(range(4 + lost, 40));
  });

  it('reads on in the segment that is being written', async () => {
    const spool = open();
    const numbers: number[] = [];
    for (const number of range(1, 50)) {
      const places = await append(spool, [2 * number - 1, 2 * number]);
      // The first of each pair stays in memory until something waits on the disk.
      spool.leave(spool.waiting === 0 ? places.slice(1) : places);
      if (number % 3 === 0) numbers.push(...(await spool.read(2, MIB)).map((record) => record.number));
    }
    numbers.push(...(await readAll(spool)));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.at(-1)).toBe(100);
    expect(spool.counters()).toMatchObject({ waiting: 0, lost: 0 });
  });

  it('leaves an end that was cut off, and counts it apart from damage', async () => {
    await append(open(), range(1, 9));
    const [name = ''] = segments();
    const path = join(folder, name);
    writeFileSync(path, readFileSync(path).subarray(0, -3));
    log.mockClear();
    const spool = open();
    expect(spool.counters()).toMatchObject({ torn: 1, damaged: 0, lost: 0, waiting: 8 });
    expect(log).toHaveBeenCalledWith('warn', expect.stringContaining('damaged'), { damaged: 0, torn: 1 });
    // It is never written behind the cut.
    await append(spool, [10]);
    expect(await readAll(open())).toEqual([...range(1, 8), 10]);
  });

  it('reads around damage and counts one alert lost for it', async () => {
    await append(open(), range(1, 9));
    const [name = ''] = segments();
    const path = join(folder, name);
    const bytes = readFileSync(path);
    bytes.fill(0, 200, 210);
    writeFileSync(path, bytes);
    const spool = open();
    expect(spool.counters()).toMatchObject({ torn: 0, damaged: 1, lost: 1, waiting: 8 });
    expect(await readAll(spool)).toHaveLength(8);
  });

  it('leaves files alone that are not its own, and segments of another form', async () => {
    await append(open(), [1]);
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    writeFileSync(join(folder, '0000000000000009.v2'), 'of a later agent');
    const spool = open();
    expect(await readAll(spool)).toEqual([1]);
    spool.acknowledge(1);
    await spool.close();
    expect(readdirSync(folder)).toEqual(['0000000000000009.v2', 'cursor.json', 'notes.txt']);
  });

  it('counts what is gone or no alert when it is read back', async () => {
    const spool = open();
    spool.leave(await append(spool, range(1, 3)));
    const stray = await spool.append([{ number: 4, text: '{"rule":"half an alert"}' }]);
    if (stray.ok) spool.leave(stray.places);
    expect(await readAll(spool)).toEqual([1, 2, 3]);
    expect(spool.counters()).toMatchObject({ waiting: 0, lost: 1 });
    spool.leave(await append(spool, range(5, 9)));
    for (const name of segments()) rmSync(join(folder, name));
    expect(await readAll(spool)).toEqual([]);
    expect(spool.counters()).toMatchObject({ waiting: 0, lost: 6 });
  });

  it('says once that the disk refuses, and works again when it does', async () => {
    log.mockClear();
    writeFileSync(folder, 'in the way');
    const spool = open();
    for (let times = 0; times < 3; times++) {
      expect(await spool.append([recordOf(1)])).toMatchObject({ ok: false, reason: expect.stringContaining('EEXIST') });
    }
    expect(spool.counters()).toMatchObject({ refused: 3, segments: 0 });
    expect(log.mock.calls.map(([level]) => level)).toEqual(['warn']);
    rmSync(folder);
    expect(await spool.append([recordOf(1)])).toMatchObject({ ok: true });
    expect(log).toHaveBeenLastCalledWith('info', 'the spool can be used again');
    expect(await readAll(open())).toEqual([1]);
  });

  it('may be closed twice, also when nothing was ever written', async () => {
    const spool = open();
    await spool.close();
    await spool.close();
    expect(readdirSync(data)).toEqual([]);
  });

  it('does not mind a segment of another run that grew garbage', async () => {
    await append(open(), [1, 2]);
    const [name = ''] = segments();
    appendFileSync(join(folder, name), Buffer.alloc(5_000));
    expect(await readAll(open())).toEqual([1, 2]);
  });
});
