import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileContains } from './automaton.ts';

const lowerCase = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

describe('compileContains, any case', () => {
  it.for([
    { name: 'a word with a rare byte', word: 'glibc_tunables', text: 'PATH=/bin GLIBC_Tunables=x', found: true },
    { name: 'a word cut off by the end of the text', word: 'glibc_tunables', text: 'x GLIBC_TUNABLE', found: false },
    { name: 'a word that begins where a wrong one ended', word: 'a_a_b', text: 'A_A_A_B', found: true },
    { name: 'a word of letters only', word: 'abc', text: 'xAbCx', found: true },
    { name: 'a byte that only looks like a capital', word: '_\u00e9', text: '_\u00c9', found: false },
    { name: 'a byte that 32 more would make a letter of', word: '_[', text: '_{', found: false },
    { name: 'an empty word', word: '', text: '', found: true },
  ])('$name', ({ word, text, found }) => {
    expect(compileContains([word], 'any-case')(text)).toBe(found);
  });

  it('finds one word as it finds it among others', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'B', '_', '/', '1', '\u00e9'), maxLength: 5 });
    const text = fc.string({
      unit: fc.constantFrom('a', 'A', 'b', 'B', '_', '/', '1', '\u00e9', '\u00c9'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(word, text, (written, searched) => {
        const lower = lowerCase(written);
        const expected = lowerCase(searched).includes(lower);
        expect(compileContains([lower], 'any-case')(searched)).toBe(expected);
        expect(compileContains([lower, 'zzzz'], 'any-case')(searched)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});
