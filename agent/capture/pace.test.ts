import { describe, expect, test } from 'vitest';
import { Pace } from './pace.ts';

describe('Pace', () => {
  test('a record after a rest is taken at once', () => {
    expect([0.5, 1, 1.1, 60_000].map((ms) => new Pace().isRested(ms))).toEqual([false, false, true, true]);
  });

  test.each([
    { name: 'a few: looks again soon', records: [1, 3, 1], waits: [1, 1, 1] },
    { name: 'none: waits to be woken', records: [2, 0], waits: [1, undefined] },
    { name: 'more: waits until it is worth it', records: [4, 100, 100], waits: [4, 4, 4] },
    { name: 'a few again: waits shorter', records: [25, 3], waits: [4, 1] },
    { name: 'many: waits only until enough are there', records: [50, 100, 150, 100], waits: [2, 2, 1, 1] },
    { name: 'a flood: looks often', records: [1_000, 100_000], waits: [1, 1] },
  ])('$name', ({ records, waits }) => {
    const pace = new Pace();
    expect(pace.begin()).toBe(1);
    expect(records.map((count) => pace.next(count))).toEqual(waits);
  });

  test('it begins anew', () => {
    const pace = new Pace();
    expect(pace.next(10)).toBe(4);
    expect(pace.begin()).toBe(1);
    expect(pace.next(100)).toBe(1);
  });
});
