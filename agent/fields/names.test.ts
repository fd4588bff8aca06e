import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '#rules/fields';
import { compileCondition, compileRuleSet } from '#rules/language/compile';
import { loadRules } from '#rules/language/load';
import { bindField } from './bind.ts';
import { record, sceneOf } from './sample.ts';
import type { Scene } from './scene.ts';

const from = { family: 2, type: 1, local: 0x0100_007f, local_port: 51_820, remote_port: 443 };
/** To 10.0.2.8, which `a.example` and `b.example` lead to, to an address without a name, and a file. */
const named = sceneOf(record('socket', 'connect', { numbers: { ...from, remote: 0x0802_000a } }));
const nameless = sceneOf(record('socket', 'connect', { numbers: { ...from, remote: 0x0902_000a } }));
const opened = sceneOf(record('file', 'openat', { numbers: { fd: 3, ret: 3 }, texts: { path: '/etc/hosts' } }));

function rules() {
  const text = '- rule: R\n  desc: d\n  condition: evt.type = connect\n  output: name=%fd.sip.name\n  priority: INFO\n';
  const { ruleSet } = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });
  if (ruleSet === undefined) throw new Error('the rule does not load');
  return ruleSet;
}

describe('host names of addresses', () => {
  it.for([
    { condition: 'fd.sip.name = a.example', holds: [true, false, false] },
    { condition: 'fd.sip.name = b.example', holds: [true, false, false] },
    { condition: 'fd.rip.name in (c.example, b.example)', holds: [true, false, false] },
    { condition: 'fd.sip.name = c.example', holds: [false, false, false] },
    { condition: 'fd.cip.name = a.example', holds: [false, false, false] },
    { condition: 'fd.lip.name exists', holds: [false, false, false] },
    { condition: 'fd.sip.name exists', holds: [true, false, false] },
    { condition: 'fd.sip.name != b.example', holds: [false, true, false] },
    { condition: 'fd.sip.name endswith .example', holds: [true, false, false] },
  ])('$condition', ({ condition, holds }) => {
    const compiled = compileCondition<Scene>(condition, bindField, fieldCatalogue);
    if (!compiled.ok) throw new Error(compiled.diagnostics[0].message);
    expect([named, nameless, opened].map(compiled.value)).toEqual(holds);
  });

  it.for([
    { what: 'the first of them', scene: named, text: 'name=a.example', value: 'a.example' },
    { what: 'missing where there is none', scene: nameless, text: 'name=<NA>', value: null },
  ])('are printed as $what', ({ scene, text, value }) => {
    const [rule] = compileRuleSet<Scene>(rules(), bindField, { matching: 'first' }).match('connect', scene);
    expect(rule?.format(scene)).toBe(text);
    expect(rule?.outputFields(scene)).toEqual({ 'fd.sip.name': value });
  });
});
