import { describe, expect, it } from 'vitest';
import { matchesName } from './name-pattern.ts';

describe('matchesName', () => {
  it.for([
    ['*', '', true],
    ['a*', 'abc', true],
    ['*c', 'abc', true],
    ['a*c', 'abc', true],
    ['a*b*c', 'abc', true],
    ['ab*bc', 'abc', false],
    ['a*b*c', 'acb', false],
    ['a**c', 'ac', true],
    ['a.c', 'abc', false],
    ['abc', 'abcd', false],
  ] as const)('%s on %s: %s', ([pattern, name, expected]) => {
    expect(matchesName(name, pattern)).toBe(expected);
  });

  it('takes no time that grows with the number of stars', () => {
    const started = performance.now();
    expect(matchesName('a'.repeat(100_000).concat('b'), '*a'.repeat(200))).toBe(false);
    expect(performance.now() - started).toBeLessThan(500);
  });
});
