import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linkOfProcess } from '../events/process-link.ts';
import { mayHoldOfLink } from './links.ts';
import { holdsOf, type PathLiteral } from './literals.ts';

const number = fc.nat({ max: 99 });
const link = fc
  .tuple(
    fc.oneof(fc.constantFrom('self', 'thread-self'), number),
    fc.oneof(
      fc.constant(''),
      number.map((task) => `/task/${task}`),
    ),
    fc.oneof(
      fc.constant('exe'),
      number.map((fd) => `fd/${fd}`),
    ),
  )
  .map(([process, task, end]) => `/proc/${process}${task}/${end}`);
/** What links are made of, and what not. */
const piece = fc.array(fc.constantFrom('/', 'proc', '/proc/', 'self', 'exe', 'fd/', '1', 'e', '.', 'etc', 'h'), {
  maxLength: 4,
});
const text = fc.oneof(
  piece.map((parts) => parts.join('')),
  link,
  link.chain((whole) => fc.nat({ max: whole.length }).map((length) => whole.slice(0, length))),
  link.chain((whole) => fc.nat({ max: whole.length }).map((from) => whole.slice(from))),
  link.map((whole) => whole.slice(0, whole.lastIndexOf('/'))),
);
const plain = fc.record({
  kind: fc.constantFrom('whole', 'prefix', 'under', 'folder', 'folder-prefix', 'suffix', 'inside'),
  texts: fc.array(text, { minLength: 1, maxLength: 3 }),
});
const glob = fc.record({
  kind: fc.constant('glob' as const),
  texts: fc
    .array(fc.constantFrom('/proc/', '*', '?', 'self', '/', 'fd', '[a-z]', 'exe', '.'), { minLength: 1, maxLength: 5 })
    .map((parts) => [parts.join('')]),
});
const literal: fc.Arbitrary<PathLiteral> = fc.oneof(plain as fc.Arbitrary<PathLiteral>, glob);

describe('the links of a process', () => {
  it('may fire whatever rule one of them fires', () => {
    fc.assert(
      fc.property(literal, link, fc.boolean(), (one, path, positive) => {
        expect(path).toMatch(linkOfProcess);
        if (holdsOf(one, path) !== positive) return;
        expect(mayHoldOfLink({ kind: 'path', literal: 0, positive, of: 'name' }, 0, [one])).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });

  it.for([
    { kind: 'prefix', text: '/etc/', positive: true, may: false },
    { kind: 'prefix', text: '/pro', positive: false, may: false },
    { kind: 'under', text: '/proc', positive: false, may: false },
    { kind: 'under', text: '/proc/self/fd', positive: true, may: true },
    { kind: 'whole', text: '/proc/self/exe', positive: true, may: true },
    { kind: 'whole', text: '/proc/self/environ', positive: true, may: false },
    { kind: 'suffix', text: '.log', positive: true, may: false },
    { kind: 'inside', text: '/.ssh/', positive: true, may: false },
    { kind: 'glob', text: '/proc/*/environ', positive: true, may: false },
    { kind: 'glob', text: '/proc/*/fd/*', positive: true, may: true },
  ] as const)('tell $kind $text, $positive', ({ kind, text, positive, may }) => {
    const literals = [{ kind, texts: [text] }];
    expect(mayHoldOfLink({ kind: 'path', literal: 0, positive, of: 'name' }, 0, literals)).toBe(may);
    // What a link leads to may be any file.
    expect(mayHoldOfLink({ kind: 'path', literal: 0, positive, of: 'file' }, 0, literals)).toBe(true);
  });
});
