import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { isWarning } from './diagnostic.ts';
import { loadRules } from './load.ts';
import { printCondition } from './print.ts';

/** What the original would tell of one file: everything up to the first error. */
function tell(text: string): readonly string[] {
  const { files } = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });
  const codes = files.flatMap(({ diagnostics }) => diagnostics.map(({ code }) => code));
  const end = codes.findIndex((code) => !isWarning(code));
  return (end === -1 ? codes : codes.slice(0, end + 1)).map((code) => code.replace('LOAD_', ''));
}

function conditionsOf(text: string): readonly string[] {
  const { ruleSet } = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });
  return ruleSet.rules.map(({ resolved }) => printCondition(resolved));
}

const rule = (rest = ''): string =>
  `- rule: r\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n${rest}`;
const change = (rest: string): string => `${rule()}- rule: r\n${rest}`;

describe('a rule file', () => {
  it.for([
    { what: 'a list without items to append', text: '- list: l\n  append: true\n', codes: ['ERR_YAML_VALIDATE'] },
    { what: 'a list with a null item', text: '- list: l\n  items: [a, ~]\n', codes: ['ERR_YAML_VALIDATE'] },
    { what: 'a list with one text as items', text: '- list: l\n  items: a\n', codes: ['ERR_YAML_VALIDATE'] },
    { what: 'a macro without condition to append', text: '- macro: m\n  append: true\n', codes: ['ERR_YAML_VALIDATE'] },
    {
      what: 'a wrong override beside append: true',
      text: '- list: l\n  items: []\n  append: true\n  override: {items: add}\n',
      codes: ['DEPRECATED_ITEM', 'ERR_YAML_VALIDATE'],
    },
    {
      what: 'append that is no truth value',
      text: '- list: l\n  items: []\n  append: maybe\n',
      codes: ['ERR_YAML_VALIDATE'],
    },
    { what: 'a macro that uses itself', text: '- macro: m\n  condition: not m\n', codes: ['ERR_VALIDATE'] },
    {
      what: 'macros in a circle',
      text: '- macro: a\n  condition: evt.type = open\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n',
      codes: ['ERR_VALIDATE'],
    },
    {
      what: 'an item that is a list and a macro',
      text: '- macro: l\n  list: l\n  items: []\n',
      codes: ['UNKNOWN_KEY', 'UNUSED_LIST'],
    },
    {
      what: 'a document that cannot be parsed after one that is odd',
      text: '- odd: 1\n---\n- [\n',
      codes: ['ERR_YAML_PARSE'],
    },
    { what: 'an engine version in hexadecimal', text: '- required_engine_version: 0x10\n', codes: [] },
    { what: 'an engine version in octal', text: '- required_engine_version: 0100\n', codes: ['ERR_VALIDATE'] },
    {
      what: 'an engine version that is no octal number',
      text: '- required_engine_version: 08\n',
      codes: ['ERR_YAML_VALIDATE'],
    },
    { what: 'the largest engine version', text: '- required_engine_version: 4294967295\n', codes: ['ERR_VALIDATE'] },
    { what: 'a larger one', text: '- required_engine_version: 4294967296\n', codes: ['ERR_YAML_VALIDATE'] },
    { what: 'an engine version with a suffix', text: '- required_engine_version: 0.62.0-rc1\n', codes: [] },
    {
      what: 'an engine version with two numbers',
      text: '- required_engine_version: 0.62\n',
      codes: ['ERR_YAML_VALIDATE'],
    },
    {
      what: 'plugin alternatives that are null',
      text: '- required_plugin_versions:\n  - {name: a, version: 0.1.0, alternatives: }\n',
      codes: ['ERR_YAML_VALIDATE'],
    },
    {
      what: 'one plugin in two requirements',
      text: '- required_plugin_versions:\n  - {name: a, version: 0.1.0}\n  - {name: a, version: 0.2.0}\n',
      codes: [],
    },
    {
      what: 'a plugin version that is none, and alternatives that are no list',
      text: '- required_plugin_versions:\n  - {name: a, version: x, alternatives: 1}\n',
      codes: ['ERR_YAML_VALIDATE'],
    },
    {
      what: 'a plugin version in an alternative that is none',
      text: '- required_plugin_versions:\n  - {name: a, version: 1.0.0, alternatives: [{name: b, version: 1.0}]}\n',
      codes: ['ERR_VALIDATE'],
    },
    { what: 'a duration in hexadecimal', text: rule('  capture_duration: 0x10\n'), codes: [] },
    { what: 'a duration with a fraction', text: rule('  capture_duration: 1.5\n'), codes: ['ERR_YAML_VALIDATE'] },
    { what: 'tags with a null', text: rule('  tags: [a, null]\n'), codes: ['ERR_YAML_VALIDATE'] },
    {
      what: 'values of an exception that are null',
      text: rule('  exceptions:\n    - name: e\n      fields: [proc.name]\n      values:\n'),
      codes: ['ERR_YAML_VALIDATE'],
    },
    {
      what: 'two exceptions of one name, and then a wrong key',
      text: rule('  exceptions: [{name: e, fields: [proc.name]}, {name: e, fields: [proc.name]}]\n  capture: maybe\n'),
      codes: ['ERR_YAML_VALIDATE'],
    },
    {
      what: 'fields of exceptions of a rule that is skipped',
      text: rule('  source: k8s\n  exceptions: [{name: e, fields: [no.such]}]\n'),
      codes: ['UNKNOWN_SOURCE'],
    },
    {
      what: 'a rule that gets an unknown source',
      text: rule() + rule('  source: nosuch\n'),
      codes: ['UNKNOWN_SOURCE', 'ERR_VALIDATE'],
    },
    {
      what: 'a rule of another source that is defined again without one',
      text: rule('  source: nosuch\n') + rule(),
      codes: ['UNKNOWN_SOURCE', 'ERR_VALIDATE'],
    },
    {
      what: 'a toggle of another source',
      text: change('  enabled: false\n  source: x\n'),
      codes: ['DEPRECATED_ITEM', 'ERR_VALIDATE'],
    },
    { what: 'a toggle that is no truth value', text: change('  enabled: maybe\n'), codes: ['ERR_YAML_VALIDATE'] },
    { what: 'a toggle that is null', text: change('  enabled:\n'), codes: ['ERR_YAML_VALIDATE'] },
    {
      what: 'an append of no exceptions',
      text: change('  exceptions: []\n  append: true\n'),
      codes: ['DEPRECATED_ITEM'],
    },
    { what: 'an append of null', text: change('  exceptions:\n  append: true\n'), codes: ['DEPRECATED_ITEM'] },
    {
      what: 'an append of neither condition nor exceptions',
      text: change('  desc: x\n  append: true\n'),
      codes: ['DEPRECATED_ITEM', 'ERR_VALIDATE'],
    },
    {
      what: 'a toggle with the source',
      text: change('  enabled: false\n  source: syscall\n'),
      codes: ['DEPRECATED_ITEM'],
    },
    {
      what: 'an append with a key that it ignores',
      text: change('  condition: and proc.name = x\n  enabled: maybe\n  append: true\n'),
      codes: ['DEPRECATED_ITEM'],
    },
    {
      what: 'an override with an empty source',
      text: change('  desc: x\n  source:\n  override: {desc: replace}\n'),
      codes: [],
    },
    {
      what: 'an override with a word too few',
      text: change('  desc: x\n  override: {desc: }\n'),
      codes: ['ERR_YAML_VALIDATE'],
    },
    {
      what: 'an output that only was %container.info',
      text: rule().replace('output: o', 'output: "%container.info"'),
      codes: ['DEPRECATED_ITEM', 'ERR_COMPILE_OUTPUT'],
    },
    {
      what: 'an output with %container.info twice',
      text: rule().replace('output: o', 'output: "%container.info o %container.info"'),
      codes: ['DEPRECATED_ITEM'],
    },
    {
      what: 'a deprecated field in an output that does not compile',
      text: rule().replace('output: o', 'output: "%evt.dir %no.such"'),
      codes: ['ERR_COMPILE_OUTPUT'],
    },
    {
      what: 'a needless regex in a condition that does not compile',
      text: rule().replace('= open', '= open and proc.name regex a and evt.dir = < and no.such = 1'),
      codes: ['DEPRECATED_ITEM', 'ERR_COMPILE_CONDITION'],
    },
    {
      what: 'a needless regex and a field as text in a condition that is forgiven',
      text: rule('  skip-if-unknown-filter: true\n').replace(
        '= open',
        '= open and proc.name regex a and no.such = fd.name',
      ),
      codes: ['UNKNOWN_FILTER'],
    },
    {
      what: 'a forgiving rule whose output has a transformer that does not fit',
      text: rule('  skip-if-unknown-filter: true\n').replace('output: o', 'output: "%toupper(proc.pid)"'),
      codes: ['UNKNOWN_FILTER'],
    },
    {
      what: 'a forgiving rule whose output ends in %',
      text: rule('  skip-if-unknown-filter: true\n').replace('output: o', 'output: "100%"'),
      codes: ['ERR_COMPILE_OUTPUT'],
    },
    {
      what: 'a forgiving rule whose output ends in a number',
      text: rule('  skip-if-unknown-filter: true\n').replace('output: o', 'output: "%10"'),
      codes: ['ERR_COMPILE_OUTPUT'],
    },
    {
      what: 'a forgiving rule with an unknown event type',
      text: rule('  skip-if-unknown-filter: true\n').replace('= open', '= nosuch'),
      codes: ['UNKNOWN_FILTER'],
    },
    {
      what: 'a forgiving rule with an argument too many',
      text: rule('  skip-if-unknown-filter: true\n').replace('= open', '= open and proc.name[1] = x'),
      codes: ['UNKNOWN_FILTER'],
    },
    {
      what: 'a forgiving rule with an argument too few',
      text: rule('  skip-if-unknown-filter: true\n').replace('= open', '= open and evt.arg = x'),
      codes: ['ERR_COMPILE_CONDITION'],
    },
    {
      what: 'a list with an unknown escape',
      text: rule().replace('condition: evt.type = open', `condition: evt.type = open and proc.name in ("a\\.b")`),
      codes: ['LIKELY_TYPO'],
    },
    {
      what: 'a forgiven macro with an unknown field',
      text: `- macro: m\n  condition: no.such = x\n${rule('  skip-if-unknown-filter: true\n').replace('= open', '= open and m')}`,
      codes: ['UNKNOWN_FILTER'],
    },
    {
      what: 'a forgiven rule with a wrong constant behind the unknown field',
      text: rule('  skip-if-unknown-filter: true\n').replace('= open', '= open and no.such = 1 and proc.pid = x'),
      codes: ['UNKNOWN_FILTER'],
    },
    {
      what: 'a forgiving rule with a wrong constant before the unknown field',
      text: rule('  skip-if-unknown-filter: true\n').replace('= open', '= open and proc.pid = x and no.such = 1'),
      codes: ['ERR_COMPILE_CONDITION'],
    },
    {
      what: 'a forgiving rule whose exception has an unknown field',
      text: rule('  skip-if-unknown-filter: true\n  exceptions: [{name: e, fields: [no.such]}]\n'),
      codes: ['ERR_VALIDATE'],
    },
  ])('with $what gives $codes', ({ text, codes }) => {
    expect(tell(text)).toEqual(codes);
  });

  it.for([
    {
      what: 'lists are put into lists one level deep',
      text: '- list: a\n  items: [x]\n- list: b\n  items: [a]\n- list: c\n  items: [b]\n',
      gives: 'proc.name in (a)',
    },
    {
      what: 'the text of a list is searched for the lists that follow',
      text: '- list: c\n  items: [b]\n- list: b\n  items: [a]\n- list: a\n  items: [x]\n',
      gives: 'proc.name in (x)',
    },
    {
      what: 'a list that was appended to sees itself',
      text: '- list: c\n  items: [x]\n- list: c\n  items: [c]\n  override: {items: append}\n',
      gives: 'proc.name in (x, x, c)',
    },
    { what: 'an empty list leaves empty brackets', text: '- list: c\n  items: []\n', gives: 'proc.name in ()' },
    {
      what: 'items with blanks get quotes',
      text: '- list: c\n  items: [a b, "\'c d\'", \'"e f"\']\n',
      gives: 'proc.name in ("a b", "c d", "e f")',
    },
  ])('$what', ({ text, gives }) => {
    const conditions = conditionsOf(text + rule().replace('= open', '= open and proc.name in (c)'));
    expect(conditions).toEqual([`(evt.type = open and ${gives})`]);
  });

  it('tells the mistake behind any number of warnings', () => {
    const odd = Array.from({ length: 1_500 }, (_, index) => `  odd${index}: 1\n`).join('');
    const { ok, errors, warnings } = loadRules(
      [{ path: 'r.yaml', text: rule(odd) + rule().replace('INFO', 'HIGH').replace('rule: r', 'rule: s') }],
      { fields: fieldCatalogue },
    );
    expect({ ok, errors: errors.length, warnings: warnings.length }).toEqual({ ok: false, errors: 1, warnings: 1_000 });
  });

  it('tells all mistakes of all files in one go', () => {
    const broken = (name: string) => rule().replace('r\n', `${name}\n`).replace('= open', '= open and no.such = 1');
    const { errors } = loadRules(
      [
        { path: 'a.yaml', text: `- macro: m\n  condition: (\n${broken('x')}` },
        { path: 'b.yaml', text: broken('y').replace('INFO', 'HIGH') + broken('z').replace('output: o', 'output: "%"') },
      ],
      { fields: fieldCatalogue },
    );
    expect(errors.map(({ code, source }) => `${source.path} ${code}`)).toEqual([
      'a.yaml LOAD_ERR_COMPILE_CONDITION',
      'a.yaml LOAD_ERR_COMPILE_CONDITION',
      'b.yaml LOAD_ERR_YAML_VALIDATE',
      'b.yaml LOAD_ERR_COMPILE_OUTPUT',
      'b.yaml LOAD_ERR_COMPILE_CONDITION',
    ]);
  });
});

describe('nesting', () => {
  /** Each macro holds the one before it. */
  const chain = (depth: number, wrap: (inner: string) => string): string => {
    const macros = ['- macro: m0\n  condition: evt.type = open\n'];
    for (let index = 1; index < depth; index++)
      macros.push(`- macro: m${index}\n  condition: ${wrap(`m${index - 1}`)}\n`);
    return macros.join('') + rule().replace('evt.type = open', `m${depth - 1}`);
  };

  it.for([
    { what: 'negations', wrap: (inner: string) => `not ${inner}`, most: 600 },
    { what: 'groups', wrap: (inner: string) => `proc.name = a or (fd.name = b and ${inner})`, most: 300 },
  ])('of $what through macros is taken to $most levels and refused beyond', ({ wrap, most }) => {
    expect(tell(chain(most - 10, wrap)).filter((code) => code.startsWith('ERR'))).toEqual([]);
    expect(tell(chain(most + 10, wrap))).toEqual(['ERR_VALIDATE']);
    expect(tell(chain(5_000, wrap))).toEqual(['ERR_VALIDATE']);
  });

  it('through macros that are defined in the wrong order is refused, too', () => {
    const macros = Array.from({ length: 3_000 }, (_, index) => `- macro: m${index}\n  condition: evt.type = open\n`);
    const appends = Array.from(
      { length: 2_999 },
      (_, index) => `- macro: m${index}\n  condition: or m${index + 1}\n  override: {condition: append}\n`,
    );
    expect(tell(macros.join('') + appends.join(''))).toContain('ERR_VALIDATE');
  });
});
