import { describe, expect, it } from 'vitest';
import { toByteString } from './byte-string.ts';
import { checkPattern, compilePattern, isNeedless } from './regex.ts';

describe('compilePattern', () => {
  it.for([
    { pattern: 'abc', fits: ['abc'], not: ['xabc', 'abcx', 'ABC', ''] },
    { pattern: '', fits: [''], not: ['a'] },
    { pattern: '^a.c$', fits: ['abc', 'aéc'], not: ['a\nc', 'ac'] },
    { pattern: 'a|bc', fits: ['a', 'bc'], not: ['ac', 'abc'] },
    { pattern: '(ab)+', fits: ['ab', 'abab'], not: ['aba', ''] },
    { pattern: '[[:alpha:]_][^0-9]?', fits: ['a', '_x'], not: ['1', 'a1'] },
    { pattern: 'a{2,3}', fits: ['aa', 'aaa'], not: ['a', 'aaaa'] },
    { pattern: 'a\\.b\\/c', fits: ['a.b/c'], not: ['axb/c'] },
    { pattern: '[]x]+', fits: [']x'], not: ['a'] },
    { pattern: '\\x41\\t', fits: ['A\t'], not: ['x41t'] },
  ])('$pattern matches whole values', ({ pattern, fits, not }) => {
    expect(checkPattern(pattern)).toBeUndefined();
    const matches = compilePattern(toByteString(pattern));
    expect(fits.filter((value) => !matches(toByteString(value)))).toEqual([]);
    expect(not.filter((value) => matches(toByteString(value)))).toEqual([]);
  });

  it('takes linear time where others take exponential', () => {
    const matches = compilePattern('(a*)*b');
    const start = performance.now();
    expect(matches('a'.repeat(50_000))).toBe(false);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('checkPattern', () => {
  it.for([
    { pattern: '\\d+', says: '\\d is not part of the POSIX syntax of regular expressions; use [0-9]' },
    { pattern: '\\w', says: '\\w is not part of the POSIX syntax of regular expressions; use [A-Za-z0-9_]' },
    { pattern: '[\\s]', says: '\\s is not part of the POSIX syntax of regular expressions' },
    { pattern: 'a\\b', says: '\\b is not part of the POSIX syntax of regular expressions' },
    { pattern: '(a)\\1', says: '\\1 is not part of the POSIX syntax of regular expressions' },
    { pattern: '(?i)a', says: 'groups that begin with (? are not part of the POSIX syntax of regular expressions' },
    { pattern: 'a\\', says: 'a backslash ends the regular expression' },
    { pattern: '(a', says: 'not a regular expression: error parsing regexp: missing closing ): `(a`' },
    { pattern: '[a', says: 'not a regular expression: error parsing regexp: missing closing ]: `[a`' },
    {
      pattern: '*a',
      says: 'not a regular expression: error parsing regexp: missing argument to repetition operator: `*`',
    },
    { pattern: 'a{1001}', says: 'not a regular expression: error parsing regexp: invalid repeat count: `{1001}`' },
  ])('refuses $pattern', ({ pattern, says }) => {
    expect(checkPattern(pattern)).toBe(says);
  });

  it.for(['a\\ b', 'a\\\tb', '[(?]', '\\(\\?', '[[:alpha:]\\-]', '\\n'])('takes %s', (pattern) => {
    expect(checkPattern(pattern)).toBeUndefined();
  });
});

describe('repetition signs in a row', () => {
  it.for([
    { pattern: 'a+?', value: '', matches: true },
    { pattern: 'a*?b', value: 'aab', matches: true },
    { pattern: 'a**', value: 'aaa', matches: true },
    { pattern: 'a++', value: '', matches: false },
    { pattern: '(a|b)+*', value: '', matches: true },
    { pattern: '[+?]+', value: '+?', matches: true },
    { pattern: '[]*?]+', value: ']*?', matches: true },
    { pattern: '[^]*?]', value: '*', matches: false },
    { pattern: '[[:alpha:]*?]+', value: 'a*?', matches: true },
    { pattern: 'a\\*?', value: 'a', matches: true },
    { pattern: 'a\\?+', value: 'a??', matches: true },
  ])('are one: $pattern of "$value" is $matches', ({ pattern, value, matches }) => {
    expect(checkPattern(pattern)).toBeUndefined();
    expect(compilePattern(pattern)(value)).toBe(matches);
  });
});

describe('isNeedless', () => {
  it.for([
    { pattern: 'abc', needless: true },
    { pattern: '^abc$', needless: true },
    { pattern: '.*abc.*', needless: true },
    { pattern: '^.*', needless: true },
    { pattern: '.*', needless: true },
    { pattern: '$', needless: true },
    // What is not at the very end is special, as in the original.
    { pattern: '^.+abc', needless: false },
    { pattern: 'abc.?$', needless: false },
    { pattern: '.', needless: false },
    { pattern: '', needless: true },
    { pattern: 'a.c', needless: false },
    { pattern: 'a|b', needless: false },
    { pattern: '..abc', needless: false },
    { pattern: '^^abc', needless: false },
    { pattern: 'a\\.c', needless: false },
    { pattern: '(abc)', needless: false },
  ])('of $pattern is $needless', ({ pattern, needless }) => {
    expect(isNeedless(pattern)).toBe(needless);
  });
});
