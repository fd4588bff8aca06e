import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { renderDiagnostic } from './diagnostic.ts';
import { loadRules } from './load.ts';
import { unmetPlugins } from './plugins.ts';

const loaded = new Map([
  ['container', [0, 3, 5]],
  ['k8saudit', [1, 2, 0]],
] as const);

function unmet(requirements: string): readonly string[] {
  const text = `- required_plugin_versions:\n${requirements}`;
  const { ruleSet, errors } = loadRules([{ path: 'x.yaml', text }], { fields: fieldCatalogue });
  expect(errors).toEqual([]);
  return unmetPlugins(ruleSet.plugins, loaded).map(renderDiagnostic);
}

describe('required_plugin_versions', () => {
  it.for([
    { name: 'the same version', text: '    - {name: container, version: 0.3.5}\n' },
    { name: 'an older version', text: '    - {name: container, version: 0.2.9}\n' },
    {
      name: 'an alternative',
      text: '    - {name: x, version: 9.0.0, alternatives: [{name: k8saudit, version: 1.0.0}]}\n',
    },
  ])('is met by $name', ({ text }) => expect(unmet(text)).toEqual([]));

  it.for([
    { name: 'a newer version', text: '    - {name: container, version: 0.3.6}\n', says: 'container is 0.3.5 here' },
    { name: 'another major version', text: '    - {name: k8saudit, version: 0.1.0}\n', says: 'k8saudit is 1.2.0 here' },
    { name: 'a plugin that is not there', text: '    - {name: okta, version: 0.1.0}\n', says: 'none of it is here' },
    {
      name: 'an old first choice, whatever comes behind it',
      text: '    - {name: container, version: 0.4.0, alternatives: [{name: k8saudit, version: 1.0.0}]}\n',
      says: 'container 0.4.0 or k8saudit 1.0.0; container is 0.3.5 here',
    },
  ])('is not met by $name', ({ text, says }) => {
    const [message = ''] = unmet(text);
    expect(message).toContain(says);
    expect(message).toMatch(/^x\.yaml:2:7: error\[LOAD_ERR_VALIDATE\]/);
  });
});
