import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { fieldText } from './catalogue.ts';
import { compileRuleSet } from './compile.ts';
import type { Bind } from './field.ts';
import { loadRules } from './load.ts';
import { measuredEvery } from './rule-time.ts';

const rule = (name: string, condition: string): string =>
  `- rule: ${name}\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n`;

const text = [
  rule('quick', 'evt.type = execve and user.uid = 5'),
  rule('slow', 'evt.type = execve and proc.env contains secret'),
  rule('other', 'evt.type = open and user.uid = 5'),
].join('');

/** A clock that only moves when the environment is read, and by 2 ns when it is read itself. */
function makeScene() {
  let ns = 0;
  const bind: Bind<{ uid: number }> = (use) => (scene) => {
    if (fieldText(use) === 'user.uid') return scene.uid;
    ns += 10_000;
    return 'A=b';
  };
  const nowNs = (): number => {
    ns += 2;
    return ns;
  };
  return { bind, nowNs };
}

describe('the time of rules', () => {
  const { ruleSet } = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });

  it('shows which rule is slow, and fires the same', () => {
    const { bind, nowNs } = makeScene();
    const compiled = compileRuleSet(ruleSet, bind, { matching: 'all', nowNs });
    const plain = compileRuleSet(ruleSet, bind, { matching: 'all' });
    for (let index = 1; index <= 10 * measuredEvery; index++) {
      const event = { uid: index % 7 };
      const fired = compiled.match('execve', event).map(({ name }) => name);
      expect(fired).toEqual(plain.match('execve', event).map(({ name }) => name));
    }
    const times = new Map(compiled.times.map(({ name, ...time }) => [name, time]));
    expect(times.get('slow')).toEqual({ evaluated: 10, totalNs: 10 * 10_002, longestNs: 10_002 });
    expect(times.get('other')).toEqual({ evaluated: 0, totalNs: 0, longestNs: 0 });
    expect(times.get('quick')?.longestNs).toBeLessThanOrEqual(2);
    expect(plain.times).toEqual([]);
  });

  it('stops the clock at the first rule that fires, when only that is asked for', () => {
    const { bind, nowNs } = makeScene();
    const compiled = compileRuleSet(ruleSet, bind, { matching: 'first', nowNs });
    for (let index = 0; index < 3 * measuredEvery; index++)
      expect(compiled.match('execve', { uid: 5 }).map(({ name }) => name)).toEqual(['quick']);
    expect(compiled.times.map(({ evaluated }) => evaluated)).toEqual([3, 0, 0]);
  });
});
