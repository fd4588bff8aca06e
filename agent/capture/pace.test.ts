import { describe, expect, test } from 'vitest';
import { Pace } from './pace.ts';

const MIB = 1 << 20;
const rings = { lifecycleBytes: MIB, bulkBytes: 8 * MIB };

describe('Pace', () => {
  test('a record after a rest is taken at once', () => {
    expect([0.5, 1, 1.1, 60_000].map((ms) => new Pace(rings).isRested(ms))).toEqual([false, false, true, true]);
  });

  test.each([
    { name: 'a few: looks again soon', records: [1, 3, 1], waits: [1, 1, 1] },
    { name: 'none: waits to be woken', records: [2, 0], waits: [1, undefined] },
    {
      name: 'more and more: waits until it is worth it, at most twice as long as before',
      records: [10, 20, 40, 40],
      waits: [2, 4, 8, 8],
    },
    {
      name: 'no load yet, but a program that was started: looks again soon',
      records: [4, 4, 0],
      waits: [2, 4, undefined],
    },
    { name: 'a few again: waits shorter', records: [25, 3], waits: [2, 1] },
    { name: 'many: waits only until enough are there', records: [50, 100, 150, 100], waits: [2, 2, 1, 1] },
    { name: 'a flood: looks often', records: [1_000, 100_000], waits: [1, 1] },
  ])('of processes, $name', ({ records, waits }) => {
    const pace = new Pace(rings);
    expect(pace.begin()).toBe(1);
    expect(records.map((count) => pace.next(count, 0))).toEqual(waits);
  });

  test.each([
    { name: 'none: waits to be woken', records: [2, 0], waits: [1, undefined] },
    { name: 'more: waits until it is worth it', records: [100, 200, 400, 600], waits: [2, 4, 4, 4] },
    { name: 'many: waits only until enough are there', records: [300, 600, 1_200, 600], waits: [2, 2, 1, 1] },
    { name: 'a flood: looks often', records: [1_000, 100_000], waits: [1, 1] },
  ])('of others, $name', ({ records, waits }) => {
    const pace = new Pace(rings);
    expect(records.map((count) => pace.next(0, count))).toEqual(waits);
  });

  test('of both, the ring that fills sooner decides', () => {
    const pace = new Pace(rings);
    expect([pace.next(10, 300), pace.next(100, 10)]).toEqual([2, 2]);
  });

  test('what may fire a rule waits no longer because processes come and go', () => {
    const pace = new Pace(rings);
    expect([10, 20, 40, 40].map((records) => pace.next(records, 5))).toEqual([2, 4, 4, 4]);
  });

  test('of a small ring it waits for less', () => {
    const pace = new Pace({ lifecycleBytes: MIB / 4, bulkBytes: MIB / 4 });
    expect([10, 20, 64, 32].map((records) => pace.next(records, 0))).toEqual([2, 3, 2, 2]);
    expect([32, 32].map((records) => pace.next(0, records))).toEqual([2, 2]);
    const tiny = new Pace({ lifecycleBytes: 4_096, bulkBytes: 4_096 });
    expect([4, 10, 3].map((records) => tiny.next(records, 0))).toEqual([1, 1, 1]);
  });

  test('it begins anew', () => {
    const pace = new Pace(rings);
    expect([pace.next(10, 0), pace.next(10, 0)]).toEqual([2, 4]);
    expect(pace.begin()).toBe(1);
    expect(pace.next(100, 0)).toBe(1);
  });
});
