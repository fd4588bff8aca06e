import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readProcess } from './proc-folder.ts';
import { ThreadTimes } from './thread-times.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const own = readProcess(process.pid);
const S = 1e9;
const TID = 5_000_001;

function setUp({ startedS = 50 } = {}) {
  if (own === undefined) throw new Error('this process runs');
  const proc = mkdtempSync(join(tmpdir(), 'lanner-threads-'));
  folders.push(proc);
  const ticks = Math.round(own.startNs / 1e7);
  const stat = (user: number, system: number, start: number) =>
    `1 (a ) b) R ${new Array(10).fill(0).join(' ')} ${user} ${system} 0 0 0 0 0 0 ${start} 0\n`;
  const of = join(proc, String(own.pid));
  mkdirSync(join(of, 'task', String(TID)), { recursive: true });
  writeFileSync(join(of, 'stat'), stat(0, 0, ticks));
  const world = { nowMs: 0 };
  const put = (user: number, system: number, start: number, ns: number) => {
    writeFileSync(join(of, 'task', String(TID), 'stat'), stat(user, system, start));
    writeFileSync(join(of, 'task', String(TID), 'schedstat'), `${ns} 7 9\n`);
  };
  const times = new ThreadTimes({ startedNs: startedS * S, nowMs: () => world.nowMs, proc });
  return { times, world, put, process: own };
}

const totals = { threadRates: false, threadTotals: true };

describe('the time of a thread since capturing began', () => {
  it('is all of it for one that began later, without what it had before for another', () => {
    const { times, put, process } = setUp();
    put(0, 0, 4_000, 100);
    times.begin(totals);
    put(0, 0, 4_000, 350);
    expect(times.total(process, TID)).toBe(250);
    put(0, 0, 6_000, 400);
    expect(times.total(process, TID)).toBe(400);
  });

  it('is not known when what it had before is not', () => {
    const { times, put, process } = setUp();
    put(0, 0, 4_000, 100);
    expect(times.total(process, TID)).toBeUndefined();
    times.begin(totals);
    // Another thread has its number by now.
    put(0, 0, 4_001, 120);
    expect(times.total(process, TID)).toBeUndefined();
    expect(times.total(process, TID + 1)).toBeUndefined();
    expect(times.total({ ...process, startNs: process.startNs - S }, TID)).toBeUndefined();
  });
});

describe('the CPU that a thread uses', () => {
  it('is that between the last two samples', async () => {
    const { times, world, put, process } = setUp();
    put(100, 10, 6_000, 0);
    await times.sample();
    expect(times.rate(process, TID)).toBeUndefined();
    world.nowMs = 2_000;
    put(200, 30, 6_000, 0);
    await times.sample();
    expect(times.rate(process, TID)).toEqual({ user: 50, system: 10 });
    put(300, 30, 6_000, 0);
    expect(times.rate(process, TID)).toEqual({ user: 50, system: 10 });
  });

  it('is not known of a thread that came since, or has ended', async () => {
    const { times, world, put, process } = setUp();
    put(100, 10, 6_000, 0);
    await times.sample();
    world.nowMs = 1_000;
    put(1, 0, 6_100, 0);
    await times.sample();
    expect(times.rate(process, TID)).toBeUndefined();
    world.nowMs = 2_000;
    await times.sample();
    expect(times.rate(process, TID)).toEqual({ user: 0, system: 0 });
    put(1, 0, 6_200, 0);
    expect(times.rate(process, TID)).toBeUndefined();
    times.use({ threadRates: false, threadTotals: false });
  });
});
