import { describe, expect, it } from 'vitest';
import { whyNotNow } from './schedule.ts';

const monday = 0;
const tuesday = 1;
const every = [0, 1, 2, 3, 4, 5, 6];
const at = (hours: number, minutes = 0): number => hours * 60 + minutes;

describe('hours', () => {
  // 2026-01-05 is a Monday.
  it.for([
    { days: every, from: at(8), to: at(18), now: '2026-01-05T07:59:59Z', starts: false },
    { days: every, from: at(8), to: at(18), now: '2026-01-05T08:00:00Z', starts: true },
    { days: every, from: at(8), to: at(18), now: '2026-01-05T18:00:00Z', starts: false },
    { days: [tuesday], from: at(8), to: at(18), now: '2026-01-05T09:00:00Z', starts: false },
    { days: [monday], from: at(22), to: at(6), now: '2026-01-05T23:00:00Z', starts: true },
    { days: [monday], from: at(22), to: at(6), now: '2026-01-06T05:59:00Z', starts: true },
    { days: [monday], from: at(22), to: at(6), now: '2026-01-05T05:59:00Z', starts: false },
    { days: every, from: at(0), to: at(24), now: '2026-01-05T23:59:59Z', starts: true },
    // 02:30 in Vienna, in winter and in summer.
    { zone: 'Europe/Vienna', days: every, from: at(2), to: at(3), now: '2026-01-05T01:30:00Z', starts: true },
    { zone: 'Europe/Vienna', days: every, from: at(2), to: at(3), now: '2026-07-06T00:30:00Z', starts: true },
  ])('$days from $from to $to: $now starts $starts', ({ zone = 'UTC', days, from, to, now, starts }) => {
    const why = whyNotNow({ zone, hours: [{ days, from, to }], maintenance: [] }, Date.parse(now));
    expect(why).toBe(starts ? undefined : `outside its hours (${zone})`);
  });
});

describe('maintenance', () => {
  const fromMs = Date.UTC(2026, 0, 5);
  const schedule = {
    zone: 'UTC',
    hours: undefined,
    maintenance: [{ fromMs, toMs: fromMs + 10_000, reason: 'move' }],
  };
  it.for([
    { offsetMs: -1, why: undefined },
    { offsetMs: 0, why: 'maintenance until 2026-01-05T00:00:10.000Z: move' },
    { offsetMs: 9_999, why: 'maintenance until 2026-01-05T00:00:10.000Z: move' },
    { offsetMs: 10_000, why: undefined },
  ])('after $offsetMs ms: $why', ({ offsetMs, why }) => {
    expect(whyNotNow(schedule, fromMs + offsetMs)).toBe(why);
  });
});
