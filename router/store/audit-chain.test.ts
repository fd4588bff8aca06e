import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { link, NONE, verifyLines } from './audit-chain.ts';

/** Line ends, quotes, and what looks like the end of a line of the log. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
  fc.constantFrom('\n', '\r\n', `","hash":"${'0'.repeat(64)}"}`, '\u2028', '\u001b[2J', 'x'.repeat(65_536)),
);

function chainOf(texts: readonly string[]): string[] {
  let head = NONE;
  return texts.map((text) => {
    const linked = link(head, { kind: 'decision', detail: text }, 1_000);
    head = linked.head;
    return linked.line;
  });
}

describe('the audit log', () => {
  it('is a chain of JSON lines, whatever they tell', () => {
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 5 }), (texts) => {
        const lines = chainOf(texts);
        expect(lines.map((line) => JSON.parse(line).detail)).toEqual(texts);
        expect(lines.join('')).not.toContain('\n');
        expect(verifyLines(lines)).toMatchObject({ ok: true, first: 1, entries: texts.length });
      }),
    );
  });

  it('may begin later than at its first line', () => {
    expect(verifyLines(chainOf(['a', 'b', 'c']).slice(1))).toMatchObject({ ok: true, first: 2, head: { seq: 3 } });
    expect(verifyLines([])).toMatchObject({ ok: true, entries: 0 });
  });

  it.for<{ name: string; change: (lines: string[]) => void; at: number; reason: string }>([
    {
      name: 'a word was changed',
      change: (lines) => lines.splice(1, 1, (lines[1] ?? '').replace('"b"', '"x"')),
      at: 2,
      reason: 'changed',
    },
    {
      name: 'the hash was changed',
      change: (lines) => lines.splice(1, 1, (lines[1] ?? '').replace(/.{66}$/, `${'0'.repeat(64)}"}`)),
      at: 2,
      reason: 'changed',
    },
    { name: 'a line was taken out', change: (lines) => lines.splice(1, 1), at: 2, reason: 'does not follow' },
    {
      name: 'two lines were swapped',
      change: (lines) => lines.splice(0, 2, lines[1] ?? '', lines[0] ?? ''),
      at: 2,
      reason: 'does not follow',
    },
    {
      name: 'a line was put in',
      change: (lines) => lines.splice(1, 0, chainOf(['x'])[0] ?? ''),
      at: 2,
      reason: 'does not follow',
    },
    {
      name: 'a line was repeated',
      change: (lines) => lines.splice(1, 0, lines[0] ?? ''),
      at: 2,
      reason: 'does not follow',
    },
    {
      name: 'a line was written anew, hash and all',
      change: (lines) => lines.splice(0, 1, chainOf(['x'])[0] ?? ''),
      at: 2,
      reason: 'does not follow',
    },
    { name: 'something else stands there', change: (lines) => lines.splice(2, 0, 'hello'), at: 3, reason: 'no line' },
  ])('is broken when $name', ({ change, at, reason }) => {
    const lines = chainOf(['a', 'b', 'c']);
    change(lines);
    expect(verifyLines(lines)).toEqual({ ok: false, at, reason: expect.stringContaining(reason) });
  });
});
