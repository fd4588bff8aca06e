import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernelCondition } from '#playbooks/language/kernel-condition';
import { fieldCatalogue } from '#rules/fields';
import { checkText, compileChecked } from '#rules/language/compile-text';
import type { FieldValue } from '#rules/language/field';
import { encodeReflexTests, firedBy, makeReflexTable, type ProgramFacts, reflexLayout } from './reflex-tables.ts';

/** The facts as the rules' fields have them. */
const fields: Readonly<Record<string, (facts: ProgramFacts) => FieldValue | undefined>> = {
  'proc.name': ({ name }) => name,
  'proc.pname': ({ parentName }) => parentName,
  'proc.exepath': ({ path }) => path,
  'proc.exe': ({ argument }) => argument,
  'proc.tty': ({ tty }) => tty,
  'user.uid': ({ uid }) => uid,
  'user.loginuid': ({ loginUid }) => (loginUid === 0xffff_ffff ? -1 : loginUid),
  'proc.is_exe_upper_layer': ({ flags = 0 }) => (flags & 4) !== 0,
  'proc.is_exe_from_memfd': ({ flags = 0 }) => (flags & 8) !== 0,
  'container.id': ({ place }) => (place === 1 ? 'host' : '0123456789ab'),
  'evt.type': ({ call }) => (call === 59 ? 'execve' : 'execveat'),
};

const texts = ['a', 'ab', 'abc', 'b', 'bab', '/tmp/ab', '/tmp', '/usr/bin/ab', 'ba'];
const text = fc.constantFrom(...texts);
const textOperator = fc.constantFrom('=', '!=', 'startswith', 'endswith');
const textField = fc.constantFrom('proc.name', 'proc.pname', 'proc.exepath', 'proc.exe');
const number = fc.constantFrom('0', '1', '2', '1000', '-1');
const clause = fc.oneof(
  fc.tuple(textField, textOperator, text).map((parts) => parts.join(' ')),
  fc
    .tuple(textField, fc.array(text, { minLength: 1, maxLength: 3 }))
    .map(([field, list]) => `${field} in (${list.join(', ')})`),
  fc.tuple(textField, text, text).map(([field, from, to]) => `${field} glob "${from}*${to}"`),
  fc
    .tuple(
      fc.constantFrom('user.uid', 'proc.tty'),
      fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
      fc.constantFrom('0', '1', '2', '1000'),
    )
    .map((parts) => parts.join(' ')),
  fc.tuple(fc.constantFrom('=', '!='), number).map(([operator, value]) => `user.loginuid ${operator} ${value}`),
  fc.constantFrom(
    'container.id = host',
    'container.id != host',
    'proc.is_exe_upper_layer = true',
    'proc.is_exe_from_memfd = false',
    'evt.type = execve',
    'evt.type in (execve, execveat)',
    'evt.type != execveat',
  ),
);
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small' },
    clause,
    fc
      .tuple(tie('condition'), fc.constantFrom('and', 'or'), tie('condition'))
      .map(([a, word, b]) => `(${a}) ${word} (${b})`),
    tie('condition').map((inner) => `not (${inner})`),
  ),
}));
const facts = fc.record({
  name: text,
  parentName: text,
  path: text,
  argument: text,
  uid: fc.constantFrom(0, 1, 2, 1_000),
  loginUid: fc.constantFrom(0, 1, 0xffff_ffff),
  tty: fc.constantFrom(0, 1, 34_816),
  flags: fc.constantFrom(0, 4, 8, 12, 256),
  place: fc.constantFrom(1, 2),
  call: fc.constantFrom(59, 322),
});

function compile(written: string) {
  const checked = checkText(written, fieldCatalogue);
  if (!checked.ok) throw new Error(`${written}: ${checked.diagnostics[0].message}`);
  const translated = kernelCondition(checked.value);
  if (!translated.ok) throw new Error(`${written}: ${translated.refusals[0].reason}`);
  const holds = compileChecked<ProgramFacts>(checked.value, ({ spec }) => fields[spec.name]);
  return { formula: translated.formula, holds };
}

describe('the table of reflexes', () => {
  it('fires exactly where the conditions hold', () => {
    fc.assert(
      fc.property(
        fc.array(condition, { minLength: 1, maxLength: 4 }),
        fc.array(facts, { minLength: 8, maxLength: 8 }),
        (written, programs) => {
          const compiled = written.map(compile);
          const table = makeReflexTable(compiled.map(({ formula }) => formula));
          if (!table.ok) throw new Error(table.reason);
          for (const program of programs) {
            const wanted = compiled.flatMap(({ holds }, at) => (holds(program) ? [at] : []));
            expect(firedBy(table.tests, program)).toEqual(wanted);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('fires only where the condition holds, whatever is not known', () => {
    fc.assert(
      fc.property(
        condition,
        facts,
        fc.array(fc.constantFrom('name', 'path', 'place', 'parentName')),
        (written, program, hidden) => {
          const { formula, holds } = compile(written);
          const table = makeReflexTable([formula]);
          if (!table.ok) throw new Error(table.reason);
          const known = Object.fromEntries(
            Object.entries(program).filter(([name]) => !hidden.some((one) => one === name)),
          );
          if (firedBy(table.tests, known).length > 0) expect(holds(program)).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('leads forward only, and within its size', () => {
    const { formula } = compile(
      `proc.name in (${Array.from({ length: 300 }, (_, at) => `n${at}`).join(', ')}) and not user.uid = 0`,
    );
    const table = makeReflexTable([formula, formula, formula]);
    if (!table.ok) throw new Error(table.reason);
    for (const [at, { yes, no, otherwise }] of table.tests.entries())
      for (const to of [yes, no, otherwise]) expect(to).toBeGreaterThan(at);
    const { mostTests, test, end } = reflexLayout;
    const bytes = encodeReflexTests([table.tests, table.tests]);
    expect(bytes).toHaveLength(2 * mostTests * test.size);
    const view = new DataView(bytes.buffer);
    // The second bank's tests lead into the second bank, and out of it where the first's lead out of the first.
    for (const [at, { no }] of table.tests.entries()) {
      expect(view.getUint16(at * test.size + test.no, true)).toBe(no);
      expect(view.getUint16((mostTests + at) * test.size + test.no, true)).toBe(no < end ? mostTests + no : no);
    }
    expect(makeReflexTable([formula, formula, formula, formula])).toMatchObject({ ok: false });
    expect(makeReflexTable(Array.from({ length: 25 }, () => formula))).toMatchObject({ ok: false });
  });
});
