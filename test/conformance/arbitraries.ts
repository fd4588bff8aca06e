import fc from 'fast-check';
import { toByteString } from '../../rules/language/byte-string.ts';
import { fieldText, makeCatalogue, readFieldTable } from '../../rules/language/catalogue.ts';
import type { Bind, FieldValue } from '../../rules/language/field.ts';
import type { ReferenceEvent } from './reference.ts';

/** Conditions and events made at random, over a small table of fields. */
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
export const catalogue = makeCatalogue(readFieldTable(table));
export const typeOf: Readonly<Record<string, ReferenceEvent['type'] extends (name: string) => infer T ? T : never>> =
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

export const { condition } = fc.letrec<{ condition: string; group: string }>((tie) => ({
  condition: fc.oneof({ maxDepth: 4, withCrossShrink: true }, check, tie('group'), tie('group')),
  group: fc.oneof(
    fc.array(tie('condition'), { minLength: 2, maxLength: 4 }).map((parts) => `(${parts.join(' and ')})`),
    fc.array(tie('condition'), { minLength: 2, maxLength: 4 }).map((parts) => `(${parts.join(' or ')})`),
    tie('condition').map((part) => `not ${part}`),
    tie('condition').map((part) => `not (${part})`),
  ),
}));

export type Event = Readonly<Record<string, FieldValue | undefined>>;
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined, freq: 4 });
const addressBytes = fc.constantFrom(
  Uint8Array.of(10, 0, 0, 1),
  Uint8Array.of(192, 168, 1, 1),
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
);
export const event: fc.Arbitrary<Event> = fc
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

export const bind: Bind<{ current: Event }> = (use) => (holder) => holder.current[fieldText(use)];
