import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lineOf } from './bench.ts';
import { tableOf, withTable } from './table.ts';

const lines = [
  lineOf({ bench: 'one', value: 2, unit: 'ms', target: { at: 'most', value: 3 } }),
  lineOf({
    bench: 'two',
    value: 1.5,
    unit: 'ns',
    baseline: { what: 'none', value: 1 },
    spread: { count: 3, min: 1, median: 1.5, max: 2 },
    target: { at: 'most', value: 1.234567 },
  }),
  lineOf({ bench: 'three', value: 7, unit: 'MB' }),
];

it('has a row for each figure, and says how to repeat it', () => {
  const [first, , ...rest] = tableOf(lines, '2026-11-28').split('\n');
  expect(first).toMatch(/^2026-11-28, .*, Node .*; commit [0-9a-f]{12}(\+changes)?\. Repeat it.*bench -- all/);
  expect(rest).toEqual([
    '| figure | value | least to most | target |',
    '| --- | --- | --- | --- |',
    '| one | 2 ms |  | at most 3: met |',
    '| two | 1.5 ns; × 1.5 of 1 (none) | 1 to 2, 3 samples | at most 1.235: **missed** |',
    '| three | 7 MB |  |  |',
  ]);
});

it('takes the place of the table that the README has, and of nothing else', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const once = withTable(readme, 'new');
  expect(withTable(once, 'newer')).toBe(once.replace('new', 'newer'));
  expect(once.split('new\n')).toHaveLength(2);
  expect(() => withTable('no table', 'new')).toThrow('no table between');
});
