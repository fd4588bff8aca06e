import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { loadRules } from './load.ts';
import { printCondition } from './print.ts';

/** The condition of a rule with these exceptions, or what was told. */
function fold(exceptions: string, rest = ''): string {
  const text = `- rule: r\n  desc: d\n  condition: evt.type = open or evt.type = close\n  output: o\n  priority: INFO\n  exceptions: ${exceptions}\n${rest}`;
  const { errors, ruleSet } = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });
  const [rule] = ruleSet.rules;
  return errors[0]?.message ?? (rule === undefined ? 'no rule' : printCondition(rule.resolved));
}

const open = '(evt.type = open or evt.type = close)';

describe('exceptions', () => {
  it.for([
    { what: 'none', exceptions: '[]', gives: open },
    { what: 'null', exceptions: '', gives: open },
    { what: 'without values', exceptions: '[{name: e, fields: proc.name}]', gives: open },
    {
      what: 'one field',
      exceptions: '[{name: e, fields: proc.name, values: [a, b c]}]',
      gives: `(${open} and not proc.name in (a, "b c"))`,
    },
    {
      what: 'one field and a modifier',
      exceptions: '[{name: e, fields: proc.name, comps: " startswith anyof ", values: [a]}]',
      gives: `(${open} and not proc.name startswith anyof (a))`,
    },
    {
      what: 'one row',
      exceptions: '[{name: e, fields: [proc.name, proc.pid], values: [[a, 1]]}]',
      gives: `(${open} and not (proc.name = a and proc.pid = 1))`,
    },
    {
      what: 'two rows',
      exceptions: '[{name: e, fields: [proc.name], values: [[a], [b]]}]',
      gives: `(${open} and not (proc.name = a or proc.name = b))`,
    },
    {
      what: 'a list in a row',
      exceptions: '[{name: e, fields: [proc.name, fd.name], comps: [in, pmatch], values: [[[a, b c], /etc]]}]',
      gives: `(${open} and not (proc.name in (a, "b c") and fd.name pmatch (/etc)))`,
    },
    {
      what: 'a value with brackets of its own',
      exceptions: '[{name: e, fields: [proc.name], comps: [in], values: [["(a,b)"]]}]',
      gives: `(${open} and not proc.name in (a, b))`,
    },
    {
      what: 'a value with brackets of its own and a blank',
      exceptions: '[{name: e, fields: [proc.name], comps: [in], values: [["(a, b)"]]}]',
      gives: `(${open} and not proc.name in (a, b))`,
    },
    {
      what: 'a null among the values, which is no value',
      exceptions: '[{name: e, fields: proc.name, values: [~]}]',
      gives: `(${open} and not proc.name in ())`,
    },
    {
      what: 'operators that are null, and so the default',
      exceptions: '[{name: e, fields: [proc.name], comps: , values: [[a]]}]',
      gives: `(${open} and not proc.name = a)`,
    },
    {
      what: 'no operators, and so the default',
      exceptions: '[{name: e, fields: proc.name, comps: [], values: [a]}]',
      gives: `(${open} and not proc.name in (a))`,
    },
    {
      what: 'a transformer as field and as value',
      exceptions: '[{name: e, fields: [tolower(proc.name)], values: [[tolower(proc.pname)]]}]',
      gives: `(${open} and not tolower(proc.name) = tolower(proc.pname))`,
    },
    {
      what: 'two exceptions',
      exceptions: '[{name: e, fields: proc.name, values: [a]}, {name: f, fields: proc.pname, values: [b]}]',
      gives: `(${open} and not proc.name in (a) and not proc.pname in (b))`,
    },
  ])('with $what make the condition', ({ exceptions, gives }) => {
    expect(fold(exceptions)).toBe(gives);
  });

  it.for([
    { exceptions: '{}', says: 'exceptions must be a list of maps' },
    { exceptions: '[e]', says: 'an exception must be a map with name and fields' },
    { exceptions: '[{fields: proc.name}]', says: 'name is missing' },
    { exceptions: '[{name: e}]', says: 'exception e needs fields' },
    { exceptions: '[{name: e, fields: [[a]]}]', says: 'fields must be a list of texts' },
    { exceptions: '[{name: e, fields: proc.name, values: a}]', says: 'values must be a list' },
    {
      exceptions: '[{name: e, fields: proc.name, comps: [in]}]',
      says: 'exception e: fields is one text, so comps must be, too',
    },
    {
      exceptions: '[{name: e, fields: [proc.name], comps: in}]',
      says: 'exception e: fields is a list, so comps must be, too',
    },
    { exceptions: '[{name: e, fields: [proc.name], comps: [in, in]}]', says: 'exception e: 1 fields but 2 comps' },
    {
      exceptions: '[{name: e, fields: [proc.name], comps: [=  anyof]}]',
      says: 'exception e: unknown operator "=  anyof"',
    },
    {
      exceptions: '[{name: e, fields: proc.name, values: [[a]]}]',
      says: 'exception e has one field, so its values must be texts, not lists',
    },
    {
      exceptions: '[{name: e, fields: [proc.name], values: [a]}]',
      says: 'exception e: each of values must be a list with one entry for each of proc.name',
    },
    {
      exceptions: '[{name: e, fields: [proc.name], values: [[a, b]]}]',
      says: 'exception e has 1 fields (proc.name) but this row has 2 values',
    },
    {
      exceptions: '[{name: e, fields: [proc.name], comps: [in], values: [[[[a]]]]}]',
      says: 'an exception value must be a text or a list of texts',
    },
    { exceptions: '[{name: e, fields: ""}]', says: 'fields is empty' },
    { exceptions: '[{name: e, fields: [""]}]', says: 'fields has an empty text' },
    { exceptions: '[{name: e, fields: proc.name, comps: ""}]', says: 'comps is empty' },
    { exceptions: '[{name: e, fields: proc.name, values: [""]}]', says: 'an exception value is empty' },
    { exceptions: '[{name: e, fields: [proc.name], values: [[""]]}]', says: 'an exception value is empty' },
    {
      exceptions: '[{name: e, fields: [proc.name], values: [~]}]',
      says: 'exception e: each of values must be a list with one entry for each of proc.name',
    },
    { exceptions: '[{name: e, fields: }]', says: 'the new exception e needs fields' },
    { exceptions: '[{name: e, fields: []}]', says: 'the new exception e needs fields' },
    { exceptions: '[{name: e, fields: {a: b}}]', says: 'the new exception e needs fields' },
  ])('refuse $exceptions', ({ exceptions, says }) => {
    expect(fold(exceptions)).toBe(says);
  });

  it('of an append give values to those that exist, and otherwise add', () => {
    const append = (exceptions: string): string =>
      fold(
        '[{name: e, fields: proc.name, values: [a]}]',
        `- rule: r\n  exceptions: ${exceptions}\n  override: {exceptions: append}\n`,
      );
    expect(append('[{name: e, values: [b]}]')).toBe(`(${open} and not proc.name in (a, b))`);
    expect(append('[{name: f, fields: [proc.pid], values: [[1]]}]')).toBe(
      `(${open} and not proc.name in (a) and not proc.pid = 1)`,
    );
    expect(append('[{name: e, comps: in, values: [b]}]')).toContain('has its fields and comps already');
    expect(append('[{name: f, values: [b]}]')).toBe('the new exception f needs fields');
  });

  it('that replace others get the usual defaults and checks', () => {
    const replace = (exceptions: string): string =>
      fold(
        '[{name: e, fields: proc.name, values: [a]}]',
        `- rule: r\n  exceptions: ${exceptions}\n  override: {exceptions: replace}\n`,
      );
    expect(replace('[{name: f, fields: proc.pname, values: [b]}]')).toBe(`(${open} and not proc.pname in (b))`);
    expect(replace('[{name: f, fields: proc.pnmae, values: [b]}]')).toContain('unknown field proc.pnmae');
  });
});
