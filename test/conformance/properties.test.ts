import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../../rules/fields.ts';
import type { Node } from '../../rules/language/ast.ts';
import { compileCondition, compileRuleSet } from '../../rules/language/compile.ts';
import { loadRules } from '../../rules/language/load.ts';
import { parseCondition } from '../../rules/language/parser.ts';
import { printCondition } from '../../rules/language/print.ts';
import { resolveNames } from '../../rules/language/resolve.ts';
import { sourceOf } from '../../rules/language/source.ts';
import { bind, catalogue, condition, type Event, event, typeOf } from './arbitraries.ts';
import { evaluate } from './reference.ts';

function resolved(text: string) {
  const parsed = parseCondition(sourceOf('property', text));
  if (!parsed.ok) throw new Error(`${parsed.diagnostics[0].message}: ${text}`);
  const node = resolveNames(parsed.value, () => undefined);
  if (node === undefined) throw new Error('no macros here');
  return node;
}

function expected(text: string, at: Event): boolean {
  return evaluate(resolved(text), { value: (name) => at[name], type: (name) => typeOf[name] ?? 'CHARBUF' });
}

describe('conditions', () => {
  it('compiled agree with the reference interpreter', () => {
    fc.assert(
      fc.property(condition, fc.array(event, { minLength: 1, maxLength: 5 }), (text, events) => {
        const compiled = compileCondition(text, bind, catalogue);
        if (!compiled.ok) throw new Error(`${compiled.diagnostics[0].message}: ${text}`);
        const holder: { current: Event } = { current: {} };
        for (const at of events) {
          holder.current = at;
          expect(compiled.value(holder), text).toBe(expected(text, at));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('of a rule set fire for the same events, whatever is remembered of earlier ones', () => {
    fc.assert(
      fc.property(
        fc.array(condition, { minLength: 1, maxLength: 12 }),
        fc.array(event, { minLength: 5, maxLength: 30 }),
        (conditions, pool) => {
          const text = conditions
            .map(
              (one, index) =>
                `- rule: r${index}\n  desc: d\n  condition: ${JSON.stringify(one)}\n  output: o\n  priority: INFO\n  warn_evttypes: false\n`,
            )
            .join('');
          const outcome = loadRules([{ path: 'rules.yaml', text }], { fields: catalogue });
          expect(outcome.errors.map(({ message }) => message)).toEqual([]);
          const compiled = compileRuleSet(outcome.ruleSet, bind, { matching: 'all' });
          const holder: { current: Event } = { current: {} };
          for (let round = 0; round < 20; round++) {
            for (const at of pool) {
              holder.current = at;
              const fired = compiled.match(String(at['evt.type']), holder).map(({ name }) => name);
              expect(fired).toEqual(conditions.flatMap((one, index) => (expected(one, at) ? [`r${index}`] : [])));
            }
          }
        },
      ),
      { numRuns: 80 },
    );
  });

  it('print to what parses to the same tree', () => {
    const value = fc.string({
      unit: fc.constantFrom('a', '"', "'", '\\', ' ', '\n', '\t', '(', ')', ',', '=', '[', ']', 'é', '\b'),
      maxLength: 8,
    });
    const at = { source: sourceOf('', ''), span: { start: 0, end: 0 } };
    const literal = value.map((text) => ({ kind: 'literal', value: text, number: false, at }) as const);
    const field = fc.record({
      kind: fc.constant('field' as const),
      name: fc.constantFrom('a.b', 'proc.aname'),
      argument: fc.option(value, { nil: undefined }),
      at: fc.constant(at),
    });
    const transformer = fc.record({
      kind: fc.constant('transformer' as const),
      name: fc.constantFrom('tolower' as const, 'concat' as const, 'join' as const),
      operands: fc.array(fc.oneof(field, literal), { minLength: 1, maxLength: 3 }),
      argument: fc.constant(undefined),
      at: fc.constant(at),
    });
    const list = fc
      .array(literal, { maxLength: 3 })
      .map((values) => ({ kind: 'list', values, bare: false, at }) as const);
    const left = fc.oneof(field, transformer);
    const node = fc.letrec<{ node: Node }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.record({
          kind: fc.constant('check' as const),
          left,
          operator: fc.constantFrom('=' as const, 'glob' as const),
          modifier: fc.constant(undefined),
          right: fc.oneof(literal, transformer),
          at: fc.constant(at),
        }),
        fc.record({
          kind: fc.constant('check' as const),
          left,
          operator: fc.constantFrom('in' as const, 'pmatch' as const),
          modifier: fc.constant(undefined),
          right: list,
          at: fc.constant(at),
        }),
        fc.record({
          kind: fc.constant('check' as const),
          left,
          operator: fc.constant('!=' as const),
          modifier: fc.constantFrom('oneof' as const, 'allof' as const),
          right: list,
          at: fc.constant(at),
        }),
        fc.record({
          kind: fc.constant('check' as const),
          left,
          operator: fc.constant('exists' as const),
          modifier: fc.constant(undefined),
          right: fc.constant(undefined),
          at: fc.constant(at),
        }),
        fc.constantFrom('macro', 'notary', 'or_x').map((name) => ({ kind: 'name', name, at }) as const),
        tie('node').map((child) => ({ kind: 'not', child }) as const),
        fc.record({
          kind: fc.constantFrom('and' as const, 'or' as const),
          children: fc.array(tie('node'), { minLength: 2, maxLength: 3 }),
        }),
      ),
    })).node;
    const withoutPlaces = (tree: Node): string =>
      JSON.stringify(tree, (key, inner) => (key === 'at' ? undefined : inner));
    fc.assert(
      fc.property(node, (tree) => {
        const text = printCondition(tree, 'exact');
        const parsed = parseCondition(sourceOf('', text));
        expect(parsed.ok ? withoutPlaces(parsed.value) : `${parsed.diagnostics[0].message}: ${text}`).toBe(
          withoutPlaces(tree),
        );
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('hostile files', () => {
  const rule = (text: string): string =>
    `- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: ${JSON.stringify(text)}\n`;
  const bomb = [
    `- &a0 [x, x, x, x, x, x, x, x, x, x]`,
    ...Array.from({ length: 9 }, (_, n) => `- &a${n + 1} [${new Array(10).fill(`*a${n}`).join(', ')}]`),
  ].join('\n');
  const macroBomb = [
    '- macro: m0\n  condition: evt.type = open\n',
    ...Array.from({ length: 40 }, (_, n) => `- macro: m${n + 1}\n  condition: m${n} or m${n}\n`),
    rule('m40'),
  ].join('');
  const macroChain = [
    '- macro: m0\n  condition: evt.type = open\n',
    ...Array.from({ length: 9_000 }, (_, n) => `- macro: m${n + 1}\n  condition: not m${n}\n`),
    rule('m9000'),
  ].join('');
  const listBomb = [
    ...Array.from({ length: 40 }, (_, n) => `- list: l${40 - n}\n  items: [l${39 - n}, l${39 - n}]\n`),
    '- list: l0\n  items: [x]\n',
    rule('evt.type = open and proc.name in (l40)'),
  ].join('');

  it.for([
    { name: 'parentheses 10,000 deep', text: rule(`${'('.repeat(10_000)}evt.type = open${')'.repeat(10_000)}`) },
    { name: 'negations 10,000 deep', text: rule(`${'not ('.repeat(10_000)}evt.type = open${')'.repeat(10_000)}`) },
    { name: 'transformers 10,000 deep', text: rule(`${'tolower('.repeat(10_000)}proc.name${')'.repeat(10_000)} = x`) },
    { name: 'a line of 1 MB', text: rule(`evt.type = open and proc.name = ${'x'.repeat(1_000_000)}`) },
    { name: 'a line of 1 MB without an end', text: rule(`evt.type = open and proc.name = '${'x'.repeat(1_000_000)}`) },
    { name: 'aliases of aliases', text: bomb },
    { name: 'macros of macros', text: macroBomb },
    { name: 'a long chain of macros', text: macroChain },
    { name: 'lists of lists', text: listBomb },
    { name: 'YAML nested 100,000 deep', text: '['.repeat(100_000) },
    {
      name: 'YAML indented 2,000 deep',
      text: Array.from({ length: 1_000 }, (_, n) => `${' '.repeat(n)}- `).join('\n'),
    },
    { name: 'dashes 100,000 deep', text: `${'- '.repeat(100_000)}x` },
    { name: '1 MiB of one letter', text: 'x'.repeat(1 << 20) },
    { name: '1 MiB of zeros', text: '\0'.repeat(1 << 20) },
    { name: '1 MiB of quotes', text: "- '".repeat((1 << 20) / 3) },
    { name: '1 MiB of lines with an error', text: '- @\n'.repeat((1 << 20) / 4) },
    { name: '1 MiB of list items', text: '- x\n'.repeat((1 << 20) / 4) },
    { name: '1 MiB of maps in braces', text: `${'- {a: b}, {a: b}, {a: b}, [c]\n'.repeat(19_999)}` },
    { name: '1 MiB of braces', text: `- [${'{a: b}, '.repeat(8_000)}]\n`.repeat(16) },
    {
      name: '1 MiB of exceptions',
      text: `${rule('evt.type = open')}  exceptions:\n${'  - {name: e, fields: [proc.name], values: [[a]]}\n'.repeat(19_000)}`,
    },
    {
      name: '1 MiB of exceptions in blocks, and a mistake',
      text: `${rule('evt.type = open')}  exceptions:\n${`  - name: ${'e'.repeat(90)}\n    fields: [no.such]\n`.repeat(9_000)}`,
    },
    {
      name: '1 MiB of output',
      text: rule('a').replace('output: o', `output: "${'%proc.name '.repeat(5_900)}"`) + rule('a'),
    },
    {
      name: 'a quantifier bomb',
      text: rule(`evt.type = open and proc.name regex '((((a{100}){100}){100}){100}){100}'`),
    },
  ])('$name gives an error within a second', { retry: 2 }, ({ text }) => {
    // Processor time: other tests run beside this one.
    const before = process.cpuUsage();
    const outcome = loadRules([{ path: 'hostile.yaml', text }], { fields: fieldCatalogue });
    const { user, system } = process.cpuUsage(before);
    expect(outcome.errors.length).toBeGreaterThan(0);
    expect((user + system) / 1_000).toBeLessThan(1_000);
  });

  it('any text of 1 KiB is read without a crash', () => {
    const letters = fc.constantFrom(
      '-',
      ' ',
      '\n',
      ':',
      'rule',
      'macro',
      'condition',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '&a',
      '*a',
      '|',
      '>',
      '%',
      '(',
      ')',
      'not ',
      'a.b',
      '=',
      '\t',
      '#',
      '!',
      '\0',
      '\u{1f600}',
    );
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 200 }), (parts) => {
        loadRules([{ path: 'random.yaml', text: parts.join('') }], { fields: fieldCatalogue });
      }),
      { numRuns: 500 },
    );
  });

  it('any condition and output is judged without a crash', () => {
    const letters = fc.constantFrom(
      '(',
      ')',
      'not ',
      'and ',
      ' or ',
      'evt.type',
      'proc.name',
      '=',
      ' in ',
      '[',
      ']',
      '"',
      "'",
      '\\',
      ',',
      'tolower(',
      '%',
      '*',
      'val(',
      ' oneof ',
      '1',
      'x',
      '.',
    );
    const text = fc.array(letters, { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, (condition, output) => {
        const file = `- rule: r\n  desc: d\n  priority: INFO\n  condition: ${JSON.stringify(condition || 'x')}\n  output: ${JSON.stringify(output || 'x')}\n`;
        loadRules([{ path: 'random.yaml', text: file }], { fields: fieldCatalogue });
      }),
      { numRuns: 2_000 },
    );
  });
});
