import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { eventTypes } from './event-names.ts';
import { countCodes, holdsEvent } from './event-set.ts';
import { loadRules } from './load.ts';

function load(condition: string) {
  const text = `- rule: r\n  desc: d\n  condition: ${JSON.stringify(condition)}\n  output: o\n  priority: INFO\n`;
  const { ruleSet, errors, warnings } = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });
  const [rule] = ruleSet.rules;
  if (rule === undefined) throw new Error(errors[0]?.message);
  return { rule, warned: warnings.some(({ code }) => code === 'LOAD_NO_EVTTYPE') };
}

describe('the event set of a condition', () => {
  it.for([
    { condition: 'evt.type = open', holds: 'open' },
    { condition: 'evt.type in (open, connect, open)', holds: 'connect open' },
    { condition: 'syscall.type = open', holds: 'open' },
    { condition: 'evt.type = open or evt.type = close', holds: 'close open' },
    { condition: 'evt.type in (open, close) and evt.type in (close, read)', holds: 'close' },
    { condition: 'evt.type in (open, close) and evt.type != open', holds: 'close' },
    { condition: 'evt.type in (open, close) and not evt.type = open', holds: 'close' },
    { condition: 'not (evt.type != open or proc.name = x)', holds: 'open' },
    { condition: 'not (not evt.type = open)', holds: 'open' },
    { condition: 'evt.type = open and proc.name = x', holds: 'open' },
    { condition: 'evt.type = open and not proc.name = x', holds: 'open' },
    { condition: 'evt.type = open and evt.type = close', holds: '' },
    { condition: 'evt.type = getrandom', holds: 'getrandom' },
  ])('$condition', ({ condition, holds }) => {
    const { rule, warned } = load(condition);
    const held = [...eventTypes.keys()].filter((name) => holdsEvent(rule.eventSet, name)).sort();
    expect(held.join(' ')).toBe(holds);
    expect(warned).toBe(holds === '');
  });

  it.for([
    'proc.name = x',
    'evt.type = open or proc.name = x',
    'evt.type exists',
    'evt.type startswith open',
    'evt.type = anyof (open, close)',
    'evt.type != open',
    'not evt.type in (open, close)',
    'evt.type.is.open = 1',
  ])('%s says too little, which is warned about', (condition) => {
    const { rule, warned } = load(condition);
    expect(holdsEvent(rule.eventSet, 'connect')).toBe(true);
    expect(warned).toBe(true);
  });

  it('counts enter and exit codes of all versions, and two for all system calls without an event', () => {
    const count = (condition: string): number => countCodes(load(condition).rule.condition, eventTypes);
    expect(count('evt.type = open')).toBe(2);
    expect(count('evt.type in (execve, clone)')).toBe(24);
    expect(count('evt.type in (getrandom, statx)')).toBe(2);
    expect(count('evt.type = open and evt.type = close')).toBe(0);
    expect(count('not evt.type in (open, execve)')).toBe(count('evt.type != open') - 16);
  });
});
