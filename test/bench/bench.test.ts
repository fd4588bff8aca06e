import { describe, expect, it } from 'vitest';
import { jsonOf, lineOf, percentile, spreadOf } from './bench.ts';

describe('percentile', () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index);

  it.for([
    { share: 0, value: 1 },
    { share: 0.5, value: 50 },
    { share: 0.95, value: 95 },
    { share: 0.99, value: 99 },
    { share: 1, value: 100 },
  ])('$share of 1 to 100 is $value', ({ share, value }) => {
    expect(percentile(samples, share)).toBe(value);
  });

  it('refuses no samples', () => {
    expect(() => percentile([], 0.5)).toThrow('no samples');
  });
});

describe('spreadOf', () => {
  it('says how many samples, and how far apart', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ count: 3, min: 1, median: 2, max: 3 });
  });
});

describe('lineOf', () => {
  it('adds ratio, verdict, machine and commit', () => {
    const line = lineOf({
      bench: 'x',
      value: 2.00004,
      unit: 'ms',
      baseline: { what: 'bare', value: 4 },
      target: { at: 'most', value: 3 },
    });
    expect(line).toMatchObject({ value: 2, ratio: 0.5, met: true });
    expect(line.machine).toContain(process.versions.node);
    expect(line.commit).toMatch(/^[0-9a-f]{12}(\+changes)?$/);
  });

  it('says when a target is missed', () => {
    expect(lineOf({ bench: 'x', value: 2, unit: 'ms', target: { at: 'least', value: 3 } }).met).toBe(false);
  });
});

it('a line of JSON has all keys, whatever the figure has', () => {
  const keys = 'baseline bench commit machine met ratio spread target unit value'.split(' ');
  const bare: unknown = JSON.parse(jsonOf(lineOf({ bench: 'x', value: 2, unit: 'ms' })));
  expect(bare).toMatchObject({ value: 2, baseline: null, met: null });
  expect(Object.keys(Object(bare)).toSorted()).toEqual(keys);
  const whole = lineOf({
    bench: 'x',
    value: 2,
    unit: 'ms',
    baseline: { what: 'bare', value: 4 },
    spread: spreadOf([1, 2, 3]),
    target: { at: 'most', value: 3 },
  });
  expect(JSON.parse(jsonOf(whole))).toEqual(whole);
});
