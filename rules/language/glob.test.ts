import { describe, expect, it } from 'vitest';
import { compileGlob } from './glob.ts';

describe('compileGlob', () => {
  it.for([
    { pattern: '', fits: [''], not: ['a'] },
    { pattern: 'abc', fits: ['abc'], not: ['ab', 'abcd', 'ABC'] },
    { pattern: '*', fits: ['', 'a', '/.a/b'], not: [] },
    { pattern: '/usr/*', fits: ['/usr/', '/usr/bin/x', '/usr/.x'], not: ['/usr', 'x/usr/a'] },
    { pattern: '*.so', fits: ['.so', 'a/b.so'], not: ['a.so.1'] },
    { pattern: 'a*a', fits: ['aa', 'aba', 'aaa'], not: ['a', 'ab'] },
    { pattern: '*b*', fits: ['b', 'abc'], not: ['ac', ''] },
    { pattern: 'a*b*c', fits: ['abc', 'axbybzc'], not: ['acb', 'abcd'] },
    { pattern: 'a**b', fits: ['ab', 'axb'], not: ['a'] },
    { pattern: 'a?c', fits: ['abc', 'a/c', 'a.c'], not: ['ac', 'abbc'] },
    { pattern: '[a-c]x', fits: ['ax', 'cx'], not: ['dx', '-x', 'x'] },
    { pattern: '[!a-c]x', fits: ['dx', '/x'], not: ['ax', 'x'] },
    { pattern: '[^a]', fits: ['b'], not: ['a', ''] },
    { pattern: '[]a]', fits: [']', 'a'], not: ['b', '[]a]'] },
    { pattern: '[!]a]', fits: ['b'], not: [']', 'a'] },
    { pattern: '[a-]', fits: ['a', '-'], not: ['b'] },
    { pattern: '[\\]x]', fits: [']', 'x'], not: ['\\'] },
    { pattern: '[[:digit:]_]', fits: ['5', '_'], not: ['a', ':', 'd'] },
    { pattern: '[![:space:]]', fits: ['a'], not: [' ', '\t'] },
    { pattern: '[[:nosuch:]]', fits: [], not: ['n', ':'] },
    { pattern: '[abc', fits: ['[abc'], not: ['a'] },
    { pattern: '\\*\\?\\[', fits: ['*?['], not: ['a?['] },
    { pattern: '\\a', fits: ['a'], not: ['\\a'] },
    { pattern: 'a\\', fits: [], not: ['a', 'a\\'] },
  ])('$pattern', ({ pattern, fits, not }) => {
    const matches = compileGlob(pattern);
    expect(fits.filter((value) => !matches(value))).toEqual([]);
    expect(not.filter(matches)).toEqual([]);
  });

  it('iglob folds the case of pattern, sets and value', () => {
    const matches = compileGlob('A[B-D]?*[!x]', 'iglob');
    expect(['acZy', 'ACzY', 'aBcdE'].filter(matches)).toHaveLength(3);
    expect(['aecd', 'abcX', 'abcx'].filter(matches)).toEqual([]);
  });

  it.for([
    // What glibc's fnmatch says with FNM_CASEFOLD: classes are not folded, all else is.
    { pattern: '[[:upper:]]', fits: 'AB' },
    { pattern: '[[:lower:]]', fits: 'ab' },
    { pattern: '[^[:upper:]]', fits: 'ab1' },
    { pattern: '[[:upper:]a]', fits: 'aAB' },
    { pattern: '[A-A]', fits: 'aA' },
    { pattern: '[!A]', fits: 'bB1' },
    { pattern: '[Z-b]', fits: '' },
  ])('iglob folds $pattern as glibc does', ({ pattern, fits }) => {
    const matches = compileGlob(pattern, 'iglob');
    expect([...'aAbB1'].filter(matches).join('')).toBe(fits);
  });

  it('? stands for one byte, as the value is bytes', () => {
    expect(compileGlob('??')('\u00c3\u00a9')).toBe(true);
    expect(compileGlob('[\u00c3]?')('\u00c3\u00a9')).toBe(true);
  });

  it('takes no time for patterns that make others backtrack', () => {
    const matches = compileGlob(`${'*a'.repeat(50)}*b`);
    const start = performance.now();
    expect(matches('a'.repeat(20_000))).toBe(false);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
