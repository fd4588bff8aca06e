import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlainYaml } from './plain-yaml.ts';
import { readYaml, type Value } from './yaml-reader.ts';

const builtIn = fileURLToPath(new URL('../', import.meta.url));
const published = fileURLToPath(new URL('../../../shared/conformance/rules/', import.meta.url));
const files = [builtIn, published].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'))
    .map((name) => ({ name, text: readFileSync(folder + name, 'utf8') })),
);

/** What a value says and where; where a list or map ends, or nothing stands, is of no interest. */
function flatten(value: Value): unknown {
  switch (value.kind) {
    case 'null':
      return 'null';
    case 'text':
      return [
        'text',
        value.text,
        value.at.span,
        value.toSource().pieces.map(({ start, at, verbatim }) => [start, at, verbatim]),
      ];
    case 'list':
      return ['list', value.at.span.start, value.items.map(flatten)];
    case 'map':
      return [
        'map',
        value.at.span.start,
        value.entries.map(({ key, keyAt, value }) => [key, keyAt.span, flatten(value)]),
      ];
  }
}

function read(text: string): unknown {
  const result = readYaml({ path: 'x.yaml', text });
  return result.ok ? result.documents.map(flatten) : 'an error';
}

/** A tab in a comment means nothing, and makes the plain reader give up. */
const byPackage = (text: string): unknown => read(`${text}#\t\n`);

describe('the plain YAML reader', () => {
  it.for(files)('reads $name, and as the package does', ({ text }) => {
    expect(readPlainYaml(text)).toBeDefined();
    expect(read(text)).toEqual(byPackage(text));
  });

  it.for([
    { name: 'a plain scalar over lines', text: '- a: one\n    two\n  b: c\n' },
    {
      name: 'a folded block with lines indented more',
      text: '- a: >\n    x\n      y\n\n    z\n  b: |-\n    p\n     q\n',
    },
    { name: 'a list at the indent of its key', text: '- a:\n  - b\n  - c: d\n    e: [f, "g, h", [i]]\n' },
    { name: 'quotes', text: `- a: 'it''s'\n  b: "say \\"x\\" \\\\"\n  c: [ 'a', "b" ] # why\n` },
    { name: 'keys without a value', text: '- a:\n  b: ~\n  c: null # none\n' },
    { name: 'text beyond ASCII', text: '- a: größer # ü\n' },
  ])('reads $name', ({ text }) => {
    expect(readPlainYaml(text)).toBeDefined();
    expect(read(text)).toEqual(byPackage(text));
  });

  it.for([
    '- a: b: c\n',
    '- a: &x b\n- *x\n',
    '- !tag a\n',
    '- a: "\\x41"\n',
    '- {a: b}\n',
    '- a: b\n c: d\n',
    '- a: [b, c\n',
    '- a: >+\n    b\n\n',
    '---\n- a: b\n',
    '- a: b',
    'a: b\n',
    '- a:\tb\n',
    '- ? a\n',
    "- 'a\n",
  ])('leaves %j to the package', (text) => {
    expect(readPlainYaml(text)).toBeUndefined();
  });

  it('agrees with the package on whatever it reads', () => {
    const indent = fc.constantFrom('', '', ' ', '  ', '  ', '    ', '      ');
    const word = fc.constantFrom(
      ...[
        'a',
        'bc',
        'a b',
        '-1',
        '-',
        '- ',
        'k:',
        'k: ',
        'k: v',
        '>',
        '|',
        '>-',
        '|-',
        '[',
        ']',
        ', ',
        '[a, b]',
        '[a,',
        'b]',
        '"q"',
        "'s'",
      ],
      ...[
        "'it''s'",
        '"e\\""',
        '#c',
        ' # c',
        '~',
        'null',
        ':',
        'x:y',
        '&a',
        '*a',
        '!t',
        '{',
        '}',
        '?',
        '%',
        '<',
        '=',
        '(x)',
        '.',
        '/p',
        ' ',
      ],
    );
    const line = fc.tuple(indent, fc.array(word, { maxLength: 4 })).map(([blanks, words]) => blanks + words.join(''));
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 8 }), (lines) => {
        const text = `- ${lines.join('\n')}\n`;
        if (readPlainYaml(text) === undefined) return;
        accepted++;
        expect(read(text)).toEqual(byPackage(text));
      }),
      { numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });
});
