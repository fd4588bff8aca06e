import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { loadRules } from './load.ts';
import { type Selection, selectRules, unusedSelections } from './selection.ts';

const rule = (name: string, more: string): string =>
  `- rule: ${name}\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n  ${more}\n`;
const text =
  rule('Shell in container', 'tags: [shell, container]') +
  rule('Shell on host', 'tags: [shell]') +
  rule('Miner', 'enabled: false');
const { rules } = loadRules([{ path: 'rules.yaml', text }], { fields: fieldCatalogue }).ruleSet;

const by = (action: Selection['action'], what: Selection['by'], pattern: string): Selection => ({
  action,
  by: what,
  pattern,
});

describe('a selection of rules', () => {
  it.for<{ name: string; selections: readonly Selection[]; enabled: readonly string[] }>([
    {
      name: 'without entries leaves what the files say',
      selections: [],
      enabled: ['Shell in container', 'Shell on host'],
    },
    { name: 'disables by name', selections: [by('disable', 'rule', 'Shell on host')], enabled: ['Shell in container'] },
    { name: 'disables by pattern', selections: [by('disable', 'rule', 'Shell*')], enabled: [] },
    {
      name: 'enables what its file disables',
      selections: [by('enable', 'rule', 'Miner')],
      enabled: ['Shell in container', 'Shell on host', 'Miner'],
    },
    { name: 'goes by tag', selections: [by('disable', 'tag', 'container')], enabled: ['Shell on host'] },
    {
      name: 'lets the last entry decide',
      selections: [by('disable', 'rule', '*'), by('enable', 'tag', 'shell'), by('disable', 'rule', '*host')],
      enabled: ['Shell in container'],
    },
    {
      name: 'takes no part of a name',
      selections: [by('disable', 'rule', 'Shell')],
      enabled: ['Shell in container', 'Shell on host'],
    },
  ])('$name', ({ selections, enabled }) => {
    expect(selectRules(rules, selections).flatMap((one) => (one.enabled ? [one.name] : []))).toEqual(enabled);
  });

  it('tells which entries name nothing', () => {
    const misspelt = by('disable', 'rule', 'Shel in container');
    expect(unusedSelections(rules, [by('enable', 'tag', 'shell'), misspelt])).toEqual([misspelt]);
  });
});
