import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../../rules/fields.ts';
import type { Node } from '../../rules/language/ast.ts';
import { toByteString } from '../../rules/language/byte-string.ts';
import { fieldText, makeCatalogue, readFieldTable } from '../../rules/language/catalogue.ts';
import { compileCondition, compileRuleSet } from '../../rules/language/compile.ts';
import type { Bind, FieldValue } from '../../rules/language/field.ts';
import { loadRules } from '../../rules/language/load.ts';
import { parseCondition } from '../../rules/language/parser.ts';
import { printCondition } from '../../rules/language/print.ts';
import { resolveNames } from '../../rules/language/resolve.ts';
import { sourceOf } from '../../rules/language/source.ts';
import { evaluate, type ReferenceEvent } from './reference.ts';

const table = {
  'evt.type': { type: 'CHARBUF', doc: '' },
  // The last two are parts of the first: what the whole rules out, the compiler takes for the parts, too.
  'fd.name': { type: 'FSPATH', doc: '' },
  'fd.directory': { type: 'FSPATH', doc: '' },
  'fd.filename': { type: 'FSPATH', doc: '' },
  'f.text': { type: 'CHARBUF', doc: '' },
  'f.path': { type: 'FSPATH', doc: '' },
  'f.number': { type: 'INT64', doc: '' },
  'f.count': { type: 'UINT64', doc: '' },
  'f.flag': { type: 'BOOL', doc: '' },
  'f.list': { type: 'CHARBUF', list: true, doc: '' },
  'f.address': { type: 'IPADDR', doc: '' },
  'f.net': { type: 'IPNET', doc: '' },
} as const;
const catalogue = makeCatalogue(readFieldTable(table));
const typeOf: Readonly<Record<string, ReferenceEvent['type'] extends (name: string) => infer T ? T : never>> =
  Object.fromEntries(Object.entries(table).map(([name, { type }]) => [name, type]));

/** Few letters, so that values meet constants often. */
const word = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '/', '.', 'é'), maxLength: 5 });
const path = fc
  .array(fc.constantFrom('etc', 'usr', 'bin', 'a', '*', 'b?'), { maxLength: 3 })
  .map((names) => `/${names.join('/')}`);
const plainPath = fc
  .array(fc.constantFrom('etc', 'usr', 'bin', 'a', 'bc', ''), { maxLength: 4 })
  .map((names) => `/${names.join('/')}`);
const integer = fc.integer({ min: -3, max: 3 });
const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '192.168.1.1', '::1', '2001:db8::7');
const network = fc.constantFrom('10.0.0.0/8', '10.0.0.2/31', '192.168.0.0/16', '::/1', '2001:db8::/32');
const quoted = (text: string): string => `"${text}"`;
const listOf = (of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(of.map(quoted), { maxLength: 6 }).map((items) => `(${items.join(', ')})`);
const textLeft = fc.constantFrom(
  'f.text',
  'f.path',
  'tolower(f.text)',
  'toupper(f.path)',
  'basename(f.path)',
  'concat(f.text, "b")',
);
const glob = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '*', '?', '/', '.'), maxLength: 5 });

const fileField = fc.constantFrom('fd.name', 'fd.directory', 'fd.filename');

const check = fc
  .oneof(
    fc.tuple(
      fileField,
      fc.constantFrom('=', '!=', 'contains', 'startswith', 'endswith', 'glob'),
      fc.oneof(path, word, plainPath).map(quoted),
    ),
    fc.tuple(fileField, fc.constantFrom('in', 'pmatch', 'startswith anyof'), listOf(fc.oneof(path, word))),
    fc.tuple(
      textLeft,
      fc.constantFrom('=', '==', '!=', 'contains', 'icontains', 'startswith', 'endswith'),
      word.map(quoted),
    ),
    fc.tuple(textLeft, fc.constantFrom('glob', 'iglob'), glob.map(quoted)),
    fc.tuple(textLeft, fc.constantFrom('in', 'intersects'), listOf(word)),
    fc.tuple(textLeft, fc.constant('pmatch'), listOf(path)),
    fc.tuple(
      textLeft,
      fc
        .tuple(
          fc.constantFrom('=', '!=', 'contains', 'startswith', 'endswith', 'icontains'),
          fc.constantFrom('oneof', 'anyof', 'allof'),
        )
        .map((words) => words.join(' ')),
      listOf(word),
    ),
    fc.tuple(
      fc.constantFrom('f.number', 'f.count', 'len(f.text)', 'len(f.list)'),
      fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
      fc.integer({ min: 0, max: 3 }).map(String),
    ),
    fc.tuple(fc.constant('f.number'), fc.constant('in'), listOf(integer.map(String))),
    fc.tuple(fc.constant('f.flag'), fc.constantFrom('=', '!='), fc.constantFrom('true', 'false')),
    fc.tuple(fc.constant('f.list'), fc.constantFrom('in', 'intersects'), listOf(word)),
    fc.tuple(fc.constant('f.address'), fc.constantFrom('=', '!='), address),
    fc.tuple(fc.constant('f.address'), fc.constant('in'), listOf(address)),
    fc.tuple(fc.constant('f.net'), fc.constantFrom('=', '!='), network),
    fc.tuple(fc.constant('f.net'), fc.constant('in'), listOf(network)),
    fc.tuple(fc.constantFrom(...Object.keys(table)), fc.constant('exists'), fc.constant('')),
    fc.tuple(
      fc.constant('f.text'),
      fc.constantFrom('=', '!=', 'contains', '<', '>='),
      fc.constantFrom('val(f.text)', 'tolower(f.text)'),
    ),
    fc.tuple(fc.constant('evt.type'), fc.constantFrom('=', '!='), fc.constantFrom('open', 'connect')),
  )
  .map((words) => words.join(' ').trim());

const { condition } = fc.letrec<{ condition: string; group: string }>((tie) => ({
  condition: fc.oneof({ maxDepth: 4, withCrossShrink: true }, check, tie('group'), tie('group')),
  group: fc.oneof(
    fc.array(tie('condition'), { minLength: 2, maxLength: 4 }).map((parts) => `(${parts.join(' and ')})`),
    fc.array(tie('condition'), { minLength: 2, maxLength: 4 }).map((parts) => `(${parts.join(' or ')})`),
    tie('condition').map((part) => `not ${part}`),
    tie('condition').map((part) => `not (${part})`),
  ),
}));

type Event = Readonly<Record<string, FieldValue | undefined>>;
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined, freq: 4 });
const addressBytes = fc.constantFrom(
  Uint8Array.of(10, 0, 0, 1),
  Uint8Array.of(192, 168, 1, 1),
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
);
const event: fc.Arbitrary<Event> = fc
  .record({
    'evt.type': fc.constantFrom('open', 'connect'),
    'fd.name': maybe(fc.oneof(plainPath, word).map(toByteString)),
    'f.text': maybe(word.map(toByteString)),
    'f.path': maybe(fc.oneof(plainPath, word).map(toByteString)),
    'f.number': maybe(integer),
    'f.count': maybe(fc.nat({ max: 3 })),
    'f.flag': maybe(fc.boolean()),
    'f.list': maybe(fc.array(word.map(toByteString), { maxLength: 3 })),
    'f.address': maybe(addressBytes),
    'f.net': maybe(addressBytes),
  })
  .map((fields) => ({ ...fields, ...partsOf(fields['fd.name']) }));

/** As an agent cuts them. */
function partsOf(name: string | undefined): Event {
  if (name === undefined) return {};
  const slash = name.lastIndexOf('/');
  return { 'fd.directory': slash <= 0 ? '/' : name.slice(0, slash), 'fd.filename': name.slice(slash + 1) };
}

const bind: Bind<{ current: Event }> = (use) => (holder) => holder.current[fieldText(use)];

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
