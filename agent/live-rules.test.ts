import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '#rules/fields';
import { loadRules } from '#rules/language/load';
import type { RuleSet } from '#rules/language/rule-set';
import { makeLiveRules } from './live-rules.ts';
import { stateCalls } from './state/changes.ts';
import { groupCalls } from './state/made-groups.ts';

const neededCalls = [...stateCalls, ...groupCalls];

function rulesOn(...conditions: readonly string[]): RuleSet {
  const text = conditions
    .map((condition, at) => `- rule: r${at}\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n`)
    .join('');
  const outcome = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });
  if (!outcome.ok) throw new Error(outcome.errors[0]?.message);
  return outcome.ruleSet;
}

/** What the kernel side is told, in order. */
function follow(first: RuleSet) {
  const told: (readonly string[] | 'drain')[] = [];
  const live = makeLiveRules(first, {
    options: { matching: 'first', dataFolder: '/nonexistent' },
    neededCalls,
    agentVersion: 'test',
    filtering: 'off',
    log: () => undefined,
  });
  live.attach(
    {
      setTypes: (types) => void told.push([...new Set(types)].toSorted()),
      setFilter: () => undefined,
      judge: () => undefined,
      drain() {
        told.push('drain');
        return false;
      },
    },
    () => undefined,
  );
  return { live, told };
}

const withNeeded = (...types: readonly string[]): readonly string[] =>
  [...new Set([...types, ...neededCalls])].toSorted();

describe('what is asked of the kernel', () => {
  it('is what the rules can match, and no more', () => {
    const { live } = follow(
      rulesOn('evt.type in (open, openat) and fd.name = /x', 'evt.type = connect and fd.sport = 1'),
    );
    expect(live.wanted().types.toSorted()).toEqual(['connect', 'open', 'openat']);
  });

  it('leaves out what a condition excludes, and includes all where it names no type', () => {
    const { live } = follow(rulesOn('evt.type in (open, openat) and evt.type != open and fd.name = /x'));
    expect(live.wanted().types).toEqual(['openat']);
    const { live: any } = follow(rulesOn('proc.name = x'));
    expect(any.wanted().types.length).toBeGreaterThan(100);
  });

  it('holds what state needs whatever the rules say, and between two rule sets what both want', () => {
    const { live, told } = follow(rulesOn('evt.type = connect and fd.sport = 1'));
    live.swap(rulesOn('evt.type = ptrace and proc.name = x', 'evt.type = chdir and proc.name = x'));
    expect(told).toEqual([withNeeded('connect', 'ptrace'), 'drain', withNeeded('ptrace')]);
  });
});
