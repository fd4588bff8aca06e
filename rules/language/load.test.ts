import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { loadRules } from './load.ts';
import { printCondition } from './print.ts';

const rule = (condition: string): string =>
  `- rule: r\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n`;
const list = (name: string, items: string): string => `- list: ${name}\n  items: [${items}]\n`;
const macro = (name: string, condition: string): string => `- macro: ${name}\n  condition: ${condition}\n`;

function outcomeOf(texts: readonly string[]) {
  const files = texts.map((text, index) => ({ path: `${index}.yaml`, text }));
  const { ruleSet, errors, files: outcomes } = loadRules(files, { fields: fieldCatalogue });
  return {
    errors: errors.map(({ message }) => message),
    rules: ruleSet.rules.map(({ condition, resolved, parsed, eventSet, output }) => ({
      parsed: printCondition(parsed),
      resolved: printCondition(resolved),
      kind: condition.kind,
      types: [...eventSet.names],
      output,
    })),
    lists: ruleSet.lists,
    macros: ruleSet.macros.map(({ name, isUsed, resolved }) => [name, isUsed, printCondition(resolved)]),
    unused: outcomes.at(-1)?.diagnostics.filter(({ code }) => code.startsWith('LOAD_UNUSED')).length,
  };
}

describe('loadRules', () => {
  const opens = 'evt.type = open and proc.name in (l)';
  it.for([
    { what: 'nothing', later: list('other', 'x') },
    { what: 'a list', later: list('l', 'x, y') },
    { what: 'a list by the same list', later: list('l', 'a, b') },
    { what: 'a list by an empty one', later: list('l', '') },
    { what: 'a list in a list', later: list('inner', 'z') },
    { what: 'the items of a list', later: '- list: l\n  items: [c]\n  override: {items: append}\n' },
    { what: 'a word that becomes a list', later: list('a', 'p, q') },
    { what: 'a word of the condition that becomes a list', later: list('open', 'close') },
    { what: 'a word that becomes a list with an odd name', later: list('"b c"', 'p') },
    { what: 'a macro', later: macro('m', 'user.uid = 7') },
    { what: 'a macro by the same macro', later: macro('m', 'user.uid = 0') },
    { what: 'a macro in a macro', later: macro('n', 'user.uid = 8') },
    { what: 'the condition', later: '- rule: r\n  condition: and fd.num = 1\n  override: {condition: append}\n' },
    { what: 'the output', later: '- rule: r\n  output: p\n  override: {output: append}\n' },
    { what: 'the whole rule', later: rule('evt.type = close') },
  ])('gives what one file would give when a later file changes $what', ({ later }) => {
    const first =
      list('inner', 'i') +
      list('l', 'a, inner, "b c"') +
      macro('n', 'user.uid = 0') +
      macro('m', 'n') +
      rule(`${opens} and m`);
    const together = outcomeOf([first + later]);
    expect(outcomeOf([first, later])).toEqual(together);
    expect(outcomeOf([first, later, list('unused', 'u')])).toEqual(outcomeOf([first + later + list('unused', 'u')]));
    expect(together.errors).toEqual([]);
  });

  it('says again what it said of a rule that a later file leaves alone', () => {
    const file = { path: 'a.yaml', text: rule('evt.type = open and evt.dir = <') };
    const { files } = loadRules([file, { path: 'b.yaml', text: list('x', 'y') }], { fields: fieldCatalogue });
    const codes = files.map(({ diagnostics }) => diagnostics.map(({ code }) => code));
    expect(codes).toEqual([['LOAD_DEPRECATED_ITEM'], ['LOAD_DEPRECATED_ITEM', 'LOAD_UNUSED_LIST']]);
  });
});
