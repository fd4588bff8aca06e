import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

const folder = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const schema: object = JSON.parse(readFileSync(folder('../schema/rules.schema.json'), 'utf8'));
// Values may have one of several types; that is not sloppiness here.
const validate = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false }).compile(schema);

/** What an editor would underline in the first document that has something. */
function underline(text: string): string {
  for (const document of parseAllDocuments(text, { uniqueKeys: false })) {
    if (!validate(document.toJS())) return JSON.stringify(validate.errors);
  }
  return 'nothing';
}

const ruleFilesIn = (path: string): readonly { readonly name: string; readonly text: string }[] =>
  readdirSync(path)
    .filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'))
    .map((name) => ({ name, text: readFileSync(path + name, 'utf8') }));

const published = folder('../../../shared/conformance/rules/');
const shipped = ruleFilesIn(folder('../'));

describe('the schema of rule files', () => {
  it.for([...shipped, ...(existsSync(published) ? ruleFilesIn(published) : [])])('accepts $name', ({ text }) => {
    expect(underline(text)).toBe('nothing');
  });

  it.for(shipped)('is named in the first line of $name', ({ text }) => {
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./schema/rules.schema.json');
  });

  const rule = '- rule: r\n  desc: d\n  condition: c\n  output: o\n  priority: INFO\n';
  it.for([
    { what: 'an empty file', text: '' },
    { what: 'null items', text: '-\n-\n' },
    { what: 'a priority in any case', text: rule.replace('INFO', 'iNformational') },
    { what: 'numbers and truth values as texts', text: '- list: l\n  items: [1, true, 2.5, a]\n' },
    { what: 'an enable toggle', text: '- rule: r\n  enabled: no\n' },
    { what: 'an override', text: '- rule: r\n  tags: [a]\n  override: {tags: append}\n' },
    {
      what: 'both forms of exceptions',
      text: `${rule}  exceptions: [{name: e, fields: f.x, values: [a]}, {name: f, fields: [f.x], comps: [in], values: [[[a]]]}]\n`,
    },
    {
      what: 'requirements',
      text: '- required_engine_version: 0.31.0\n- required_plugin_versions: [{name: json, version: 0.7.0, alternatives: [{name: j, version: 0.1.0}]}]\n',
    },
  ])('accepts $what', ({ text }) => {
    expect(underline(text)).toBe('nothing');
  });

  it.for([
    { what: 'a map', text: 'rule: r\n' },
    { what: 'an item of no kind', text: '- rul: r\n' },
    { what: 'a misspelt key', text: rule.replace('desc', 'descr') },
    { what: 'another key', text: `${rule}  severity: high\n` },
    { what: 'a rule without condition', text: '- rule: r\n  desc: d\n  output: o\n  priority: INFO\n' },
    { what: 'a priority that is none', text: rule.replace('INFO', 'WARN') },
    { what: 'a condition that is a list', text: rule.replace('condition: c', 'condition: [c]') },
    { what: 'an empty text', text: rule.replace('desc: d', 'desc: ""') },
    { what: 'enabled: 1', text: `${rule}  enabled: 1\n` },
    { what: 'tags that are one text', text: `${rule}  tags: a\n` },
    { what: 'a null among the items', text: '- list: l\n  items: [a, null]\n' },
    { what: 'a list without items', text: '- list: l\n' },
    { what: 'a list with a blank in its name', text: '- list: a b\n  items: []\n' },
    { what: 'a macro that no condition can name', text: '- macro: a-b\n  condition: c\n' },
    {
      what: 'an override of what cannot be overridden',
      text: '- rule: r\n  source: a\n  override: {source: replace}\n',
    },
    {
      what: 'an append of what can only be replaced',
      text: '- rule: r\n  priority: INFO\n  override: {priority: append}\n',
    },
    { what: 'an exception without a name', text: `${rule}  exceptions: [{fields: f.x}]\n` },
    { what: 'null values of an exception', text: `${rule}  exceptions: [{name: e, fields: f.x, values: }]\n` },
    { what: 'a duration with a fraction', text: `${rule}  capture_duration: 1.5\n` },
  ])('refuses $what', ({ text }) => {
    expect(underline(text)).not.toBe('nothing');
  });
});
