import { describe, expect, it } from 'vitest';
import type { ActionCatalogue } from '#playbooks/language/playbook';
import { checkBundle } from './bundle.ts';

const actions: ActionCatalogue = { get: () => undefined, has: () => false, keys: () => [].values() };
const rule = (field: string) =>
  `- rule: r\n  desc: d\n  condition: evt.type = open and ${field} = a\n  output: o\n  priority: NOTICE\n`;
const file = (path: string, text: string) => ({ path, text });
const check = (rules: readonly { path: string; text: string }[], passed?: readonly { path: string; text: string }[]) =>
  checkBundle({ commit: 'c', rules, playbooks: [] }, actions, passed);

describe('rules that have passed', () => {
  const good = [file('rules/a.yaml', rule('fd.name')), file('rules/b.yaml', '')];
  const bad = [file('rules/a.yaml', rule('fd.nam')), file('rules/b.yaml', '')];

  it('are not checked again, to the letter', () => {
    expect(check(good)).toMatchObject({ ok: true });
    expect(check(bad)).toMatchObject({ ok: false, problems: [expect.stringContaining('rules/a.yaml:3')] });
    // Taken at their word.
    expect(check(bad, bad)).toMatchObject({ ok: true, bundle: { rules: bad } });
  });

  it.for([
    { what: 'a letter', passed: good },
    { what: 'a file more', passed: bad.slice(1) },
    { what: 'a file less', passed: [...bad, file('rules/c.yaml', '')] },
    { what: 'the name of a file', passed: bad.map(({ path, text }) => file(`x/${path}`, text)) },
  ])('are, when $what is another', ({ passed }) => {
    expect(check(bad, passed)).toMatchObject({ ok: false });
  });
});
