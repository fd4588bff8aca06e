import { describe, expect, it } from 'vitest';
import { locate } from './source.ts';
import { readYaml, type Value } from './yaml-reader.ts';

/** As JSON would have it; every scalar is a text. */
function plain(value: Value): unknown {
  switch (value.kind) {
    case 'null':
      return null;
    case 'text':
      return value.text;
    case 'list':
      return value.items.map(plain);
    case 'map':
      return Object.fromEntries(value.entries.map(({ key, value }) => [key, plain(value)]));
  }
}

function read(text: string): unknown {
  const { documents } = readYaml({ path: 'r.yaml', text });
  return documents.length === 1 && documents[0] !== undefined ? plain(documents[0]) : documents.map(plain);
}

/** `line:column: message` of every error. */
function complain(text: string): readonly string[] {
  const result = readYaml({ path: 'r.yaml', text });
  return result.ok
    ? []
    : result.diagnostics.map(({ message, source, span }) => {
        const { line, column } = locate(source, span.start);
        return `${line}:${column}: ${message}`;
      });
}

describe('readYaml: what it reads', () => {
  it.for([
    { what: 'nothing', text: '', gives: [] },
    { what: 'only comments', text: '# a\n  # b\n', gives: [] },
    { what: 'scalars as their text', text: '- 1\n- true\n- 0x10\n- 1.0\n', gives: ['1', 'true', '0x10', '1.0'] },
    {
      what: 'null in all its spellings',
      text: '- ~\n- null\n- Null\n- NULL\n-\n',
      gives: [null, null, null, null, null],
    },
    { what: 'null in quotes as a text', text: `- "null"\n- '~'\n- ""\n`, gives: ['null', '~', ''] },
    { what: 'nULL as a text', text: '- nULL\n', gives: ['nULL'] },
    { what: 'several documents', text: '- a\n---\n- b\n...\n---\n', gives: [['a'], ['b'], null] },
    {
      what: 'aliases of a scalar, a list and a map',
      text: '- &a x\n- &b [*a]\n- &c {k: *b}\n- *c\n',
      gives: ['x', ['x'], { k: ['x'] }, { k: ['x'] }],
    },
    { what: 'the latest of two equal anchors', text: '- &a x\n- &a y\n- *a\n', gives: ['x', 'y', 'y'] },
    { what: 'a byte order mark', text: '\ufeff- a: b\n', gives: [{ a: 'b' }] },
    { what: 'CR LF', text: '- a: >\r\n    b\r\n    c\r\n  d: e\r\n', gives: [{ a: 'b c\n', d: 'e' }] },
    { what: 'tabs between tokens', text: '- a:\tb\n  c:\t[d,\te]\n', gives: [{ a: 'b', c: ['d', 'e'] }] },
    {
      what: 'block scalars',
      text: '- |\n  a\n   b\n\n  c\n- >-\n  a\n  b\n\n  c\n- |+\n  a\n\n',
      gives: ['a\n b\n\nc\n', 'a b\nc', 'a\n\n'],
    },
    { what: 'a document without an end of line', text: '- a: b', gives: [{ a: 'b' }] },
    { what: 'quoted keys', text: `- "a": 1\n  'b c': 2\n`, gives: [{ a: '1', 'b c': '2' }] },
    { what: 'unknown tags', text: '- !mine a\n- !!str b\n', gives: ['a', 'b'] },
    { what: 'a merge key as any other', text: '- &a {k: v}\n- <<: *a\n', gives: [{ k: 'v' }, { '<<': { k: 'v' } }] },
    // Like yaml-cpp: nothing between commas is a null, and a comma at the end is none.
    { what: 'commas with nothing between them', text: '- [a,,b, ,\n c,]\n', gives: [['a', null, 'b', null, 'c']] },
    { what: 'a comma with nothing before it', text: '- [,a]\n', gives: [[null, 'a']] },
    // Like yaml-cpp: brackets and quotes need no indent.
    {
      what: 'brackets whose lines are indented too little',
      text: '- l:\n    k: [a,\n    b, [c,\nd]\n]\n    m: n\n',
      gives: [{ l: { k: ['a', 'b', ['c', 'd']], m: 'n' } }],
    },
    {
      what: 'braces whose lines are indented too little',
      text: '- k: {a: b,\nc: d}\n  e: f\n',
      gives: [{ k: { a: 'b', c: 'd' }, e: 'f' }],
    },
    {
      what: 'quotes whose lines are indented too little',
      text: `- a: "b\nc"\n  d: 'e\n  f'\n  g: h\n`,
      gives: [{ a: 'b c', d: 'e f', g: 'h' }],
    },
  ])('$what', ({ text, gives }) => {
    expect(complain(text)).toEqual([]);
    expect(read(text)).toEqual(gives);
  });

  it('keeps both of two equal keys, for the reader to choose', () => {
    const [document] = readYaml({ path: 'r.yaml', text: '- a: 1\n  a: 2\n' }).documents;
    const [map] = document?.kind === 'list' ? document.items : [];
    expect(map?.kind === 'map' && map.entries.map(({ key, value }) => [key, plain(value)])).toEqual([
      ['a', '1'],
      ['a', '2'],
    ]);
  });
});

describe('readYaml: what it refuses', () => {
  it.for([
    { what: 'a quote that is never closed', text: '- a: "b\n- c: d\n', place: '1:6: this " has no closing "' },
    { what: 'text behind a quoted one', text: '- [a, "b"c]\n', place: '1:10: missing , or :' },
    { what: 'a bracket that is never closed', text: '- a: [b\n- c: d\n', place: '2:1' },
    { what: 'a tab as indent', text: '- a: b\n\tc: d\n', place: '2:' },
    { what: 'keys that do not line up', text: '- a: b\n c: d\n', place: '2:1' },
    {
      what: 'an alias of nothing',
      text: '- &shell a\n- *shel\n',
      place: '2:3: unresolved alias *shel: nothing above is marked &shel; did you mean shell?',
    },
    {
      what: 'an alias of what holds it',
      text: '- &a [*a]\n',
      place: '1:7: unresolved alias *a: nothing above is marked &a',
    },
    { what: 'a scalar that begins with %', text: '- a: %b\n', place: '1:6' },
    { what: 'an unknown escape', text: '- a: "b\\.c"\n', place: '1:' },
    { what: 'a map in a scalar', text: '- a: b: c\n', place: '1:6' },
    { what: 'a second document with a mistake', text: '- a\n---\n- [\n', place: '4:1' },
  ])('$what', ({ text, place }) => {
    const [first = ''] = complain(text);
    expect(first.slice(0, place.length)).toBe(place);
  });

  it('gives the documents before the mistake', () => {
    expect(readYaml({ path: 'r.yaml', text: '- a\n---\n- [\n' }).documents.map(plain)).toEqual([['a']]);
  });
});

describe('readYaml: what would do harm', () => {
  const nest = (depth: number): string => `- ${'['.repeat(depth)}${']'.repeat(depth)}\n`;
  it.for([
    {
      what: 'a line of a megabyte',
      text: `- a: ${'x'.repeat(1 << 20)}\n`,
      says: '1:1: a line of more than 65536 characters',
    },
    { what: 'many lines', text: '- a\n'.repeat(20_001), says: '20001:1: more than 20000 lines' },
    { what: 'many megabytes', text: `${'#'.repeat(60_000)}\n`.repeat(150), says: '1:1: the file has more than' },
    { what: 'deep brackets', text: nest(10_000), says: '1:3: more than 100 nested brackets' },
    {
      what: 'deep brackets with words between',
      text: `- ${'[a, '.repeat(150)}${']'.repeat(150)}\n`,
      says: 'nested more than 100 deep',
    },
    {
      what: 'deep blocks',
      text: Array.from({ length: 150 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
      says: 'nested more than 100 deep',
    },
  ])('$what is refused, and soon', ({ text, says }) => {
    const start = performance.now();
    expect(complain(text)[0]).toContain(says);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it('aliases that multiply are one value, however often it is named', () => {
    const lines = ['- &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 60; level++)
      lines.push(`- &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(', ')}]`);
    const [document] = readYaml({ path: 'r.yaml', text: `${lines.join('\n')}\n` }).documents;
    const last = document?.kind === 'list' ? document.items.at(-1) : undefined;
    expect(last?.kind === 'list' && new Set(last.items).size).toBe(1);
  });

  it('a mistake in every line is told twenty times', () => {
    expect(complain(`- "a\n${'\t- b: [c: "d\n'.repeat(5_000)}`).length).toBeLessThanOrEqual(20);
  });
});
