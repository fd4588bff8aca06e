import { describe, expect, test } from 'vitest';
import { Pace } from './pace.ts';

const MIB = 1 << 20;

describe('Pace', () => {
  test('a record after a rest is taken at once', () => {
    expect([0.5, 1, 1.1, 60_000].map((ms) => new Pace(MIB).isRested(ms))).toEqual([false, false, true, true]);
  });

  test.each([
    { name: 'a few: looks again soon', records: [1, 3, 1], waits: [1, 1, 1] },
    { name: 'none: waits to be woken', records: [2, 0], waits: [1, undefined] },
    { name: 'more: waits until it is worth it', records: [4, 100, 100], waits: [4, 4, 4] },
    { name: 'a few again: waits shorter', records: [25, 3], waits: [4, 1] },
    { name: 'many: waits only until enough are there', records: [50, 100, 150, 100], waits: [2, 2, 1, 1] },
    { name: 'a flood: looks often', records: [1_000, 100_000], waits: [1, 1] },
  ])('$name', ({ records, waits }) => {
    const pace = new Pace(MIB);
    expect(pace.begin()).toBe(1);
    expect(records.map((count) => pace.next(count))).toEqual(waits);
  });

  test('of a small ring it waits for less', () => {
    const pace = new Pace(MIB / 4);
    expect([10, 64, 32].map((records) => pace.next(records))).toEqual([3, 2, 2]);
    const tiny = new Pace(4_096);
    expect([4, 10, 3].map((records) => tiny.next(records))).toEqual([1, 1, 1]);
  });

  test('it begins anew', () => {
    const pace = new Pace(MIB);
    expect(pace.next(10)).toBe(4);
    expect(pace.begin()).toBe(1);
    expect(pace.next(100)).toBe(1);
  });
});
