import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { falcoContext } from './falco-context.ts';
import { loadRules } from './load.ts';
import { readYaml } from './yaml-reader.ts';

const rule = (more: string): string =>
  `- rule: R\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n${more}`;

/** As `type name`, with the place for what does not begin the file: `rule R @0:2`. */
function locations(text: string, code: string): readonly string[] {
  const file = { path: 'f.yaml', text };
  const { files } = loadRules([file], { fields: fieldCatalogue });
  const found = files[0]?.diagnostics.find((diagnostic) => diagnostic.code === code);
  if (found === undefined) throw new Error(`no ${code} in ${JSON.stringify(files[0]?.diagnostics.map((d) => d.code))}`);
  const context = falcoContext(found, new Map([[file.path, readYaml(file).documents]]));
  return context.locations.map(({ item_type, item_name, position: { line, column } }) =>
    `${item_type} ${item_name} @${line}:${column}`.replace('  ', ' '),
  );
}

const file = 'rules content @0:0';

describe('the context of a message, as Falco gives it', () => {
  it.for([
    { name: 'a file that is not YAML', text: '- rule: "a\n', code: 'LOAD_ERR_YAML_PARSE', is: ['value for @0:8'] },
    { name: 'a text instead of items', text: 'abc\n', code: 'LOAD_ERR_YAML_VALIDATE', is: [] },
    { name: 'an unknown item', text: '- rul: x\n', code: 'LOAD_UNKNOWN_ITEM', is: ['rules content item @0:2'] },
    {
      name: 'a list that nothing uses',
      text: '- list: l\n  items: [a]\n',
      code: 'LOAD_UNUSED_LIST',
      is: ['list l @0:2'],
    },
    {
      name: 'an entry of a list',
      text: '- list: l\n  items: [a, [b]]\n',
      code: 'LOAD_ERR_YAML_VALIDATE',
      is: ['list l @0:2', 'value for items @1:9', 'list item @1:13'],
    },
    {
      name: 'a missing key',
      text: '- rule: R\n  condition: evt.type = open\n  desc: d\n  priority: INFO\n',
      code: 'LOAD_ERR_YAML_VALIDATE',
      is: ['rule R @0:2'],
    },
    {
      name: 'a value of the wrong kind',
      text: rule('  tags: x\n'),
      code: 'LOAD_ERR_YAML_VALIDATE',
      is: ['rule R @0:2', 'value for tags @5:8'],
    },
    {
      name: 'the letter of a condition',
      text:
        '- macro: m\n  condition: >\n    evt.type = open\n    and nonsense.field = 1\n' +
        rule('').replace('evt.type = open', 'm'),
      code: 'LOAD_ERR_COMPILE_CONDITION',
      is: ['macro m @0:2', 'macro condition @1:13', 'condition expression @2:34'],
    },
    {
      name: 'an unknown macro, right below its rule',
      text: '- rule: R\n  desc: d\n  condition: evt.type = open and nothing\n  output: o\n  priority: INFO\n',
      code: 'LOAD_ERR_VALIDATE',
      is: ['rule R @0:2', 'condition expression @1:23'],
    },
    {
      name: 'an exception, right below its rule',
      text: rule('  exceptions:\n  - name: e\n    fields: [proc.name, fd.name]\n    values: [[a]]\n'),
      code: 'LOAD_ERR_VALIDATE',
      is: ['rule R @0:2', 'exception e @6:4'],
    },
    {
      name: 'an override that cannot be',
      text: rule('') + rule('  override: {priority: append}\n'),
      code: 'LOAD_ERR_YAML_VALIDATE',
      is: ['rule R @5:2', 'overrides @10:12', 'overrides priority @10:13'],
    },
    {
      name: 'the version of a plugin',
      text: '- required_plugin_versions:\n  - name: json\n    version: x\n',
      code: 'LOAD_ERR_VALIDATE',
      is: ['required plugin versions @1:2', 'required plugin versions entry json @1:4'],
    },
  ])('names $name', ({ text, code, is }) => {
    expect(locations(text, code)).toEqual([file, ...is]);
  });

  it('shows at most 80 letters to either side of the place', () => {
    const text = `- rule: R\n  desc: d\n  output: o\n  priority: INFO\n  condition: evt.type = open and proc.name = ${'x'.repeat(200)} and no.such = 1 and proc.name = ${'y'.repeat(200)}\n`;
    const yaml = { path: 'f.yaml', text };
    const diagnostic = loadRules([yaml], { fields: fieldCatalogue }).errors[0];
    if (diagnostic === undefined) throw new Error('the condition loads');
    const { snippet } = falcoContext(diagnostic, new Map([['f.yaml', readYaml(yaml).documents]]));
    const [line = '', caret = ''] = snippet.split('\n');
    expect(line).toHaveLength(160);
    expect(line.slice(caret.indexOf('^'))).toMatch(/^no\.such = 1.*\.\.\.$/);
    expect(line).toMatch(/^\.\.\.x/);
  });
});
