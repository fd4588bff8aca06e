import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import type { AppendOutput } from './append-output.ts';
import { fieldText } from './catalogue.ts';
import { compileRuleSet } from './compile.ts';
import type { Bind, FieldValue } from './field.ts';
import { loadRules } from './load.ts';

const text = `
- rule: Shell
  desc: d
  condition: evt.type = execve
  output: shell=%proc.name
  priority: NOTICE
  tags: [shell, host]
- rule: Open
  desc: d
  condition: evt.type = openat
  output: file=%fd.name
  priority: NOTICE
`;

const fields: Readonly<Record<string, FieldValue>> = {
  'proc.name': 'bash',
  'proc.pid': 7,
  'fd.name': '/etc/passwd',
  'evt.rawtime': 1_795_439_100_123_456_789n,
};
const bind: Bind<undefined> = (use) => () => fields[fieldText(use)];

/** What an alert of each rule says. */
function alerts(appendOutput: readonly AppendOutput[]) {
  const outcome = loadRules([{ path: 'rules.yaml', text }], { fields: fieldCatalogue, appendOutput });
  expect(outcome.errors.map(({ message }) => message)).toEqual([]);
  const compiled = compileRuleSet(outcome.ruleSet, bind, { matching: 'all' });
  return Object.fromEntries(
    compiled.rules.map((rule) => [
      rule.name,
      { text: rule.format(undefined), fields: rule.outputFields(undefined), tags: rule.tags },
    ]),
  );
}

describe('append_output', () => {
  it('adds text behind one blank, and the fields in it', () => {
    expect(alerts([{ text: 'pid=%proc.pid' }])).toEqual({
      Shell: { text: 'shell=bash pid=7', fields: { 'proc.name': 'bash', 'proc.pid': 7 }, tags: ['host', 'shell'] },
      Open: { text: 'file=/etc/passwd pid=7', fields: { 'fd.name': '/etc/passwd', 'proc.pid': 7 }, tags: [] },
    });
  });

  it('adds fields with their type, missing ones as null, and texts under a name', () => {
    const extraFields = [
      { kind: 'value', field: 'proc.pid' },
      { kind: 'value', field: 'user.name' },
      { kind: 'text', name: 'who', template: '%proc.name by %user.name' },
    ] as const;
    expect(alerts([{ rule: 'Open', extraFields }])['Open']).toEqual({
      text: 'file=/etc/passwd',
      fields: { 'fd.name': '/etc/passwd', 'proc.pid': 7, 'user.name': null, who: 'bash by <NA>' },
      tags: [],
    });
  });

  it('adds the suggested fields that an output does not print yet', () => {
    const names = fieldCatalogue.specs.filter(({ flags }) => flags.includes('suggested')).map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(['container.id', 'container.name']);
    const pieces = names.map((name) => `${name.replaceAll('.', '_')}=<NA>`);
    const [id, ...rest] = pieces;
    const after = alerts([{ rule: 'Shell', text: 'in=%tolower(container.id)', suggested: true }, { suggested: true }]);
    expect(after['Open']?.text).toBe(`file=/etc/passwd ${pieces.join(' ')}`);
    expect(after['Open']?.fields).toMatchObject({ 'container.id': null, 'k8s.pod.name': null });
    expect(after['Shell']?.text).toBe(`shell=bash in=<NA> ${rest.join(' ')}`);
    expect(id).toBe('container_id=<NA>');
  });

  it.for([
    { name: 'rule', match: { rule: 'Shell' }, fits: ['Shell'] },
    { name: 'tag', match: { tags: ['host'] }, fits: ['Shell'] },
    { name: 'all of several tags', match: { tags: ['host', 'container'] }, fits: [] },
    { name: 'source', match: { source: 'syscall' }, fits: ['Shell', 'Open'] },
    { name: 'source and rule', match: { source: 'k8s_audit', rule: 'Open' }, fits: [] },
    { name: 'nothing, which fits all', match: {}, fits: ['Shell', 'Open'] },
  ])('goes by $name', ({ match, fits }) => {
    const after = alerts([{ ...match, text: 'x', extraTags: ['team-a'] }]);
    const changed = Object.entries(after).filter(
      ([, alert]) => alert.text.endsWith(' x') && alert.tags.includes('team-a'),
    );
    expect(changed.map(([name]) => name)).toEqual(fits);
  });

  it('applies every entry that fits, in order, and no tag twice', () => {
    const after = alerts([
      { text: 'one', extraTags: ['host', 'a'] },
      { rule: 'Shell', text: 'two', extraTags: ['a'] },
    ]);
    expect(after['Shell']).toMatchObject({ text: 'shell=bash one two', tags: ['host', 'shell', 'a'] });
  });

  it.for([
    { field: { kind: 'value', field: 'proc.nmae' } as const, says: 'did you mean proc.name' },
    { field: { kind: 'value', field: 'proc.name and more' } as const, says: 'expected the name of one field' },
    { field: { kind: 'text', name: 'x', template: '100%' } as const, says: 'extra field x of append_output' },
  ])('says what is wrong with $field', ({ field, says }) => {
    const outcome = loadRules([{ path: 'rules.yaml', text }], {
      fields: fieldCatalogue,
      appendOutput: [{ extraFields: [field] }],
    });
    expect(outcome.ok).toBe(false);
    expect(outcome.errors.map(({ code, message }) => `${code} ${message}`).join('\n')).toContain(says);
  });
});
