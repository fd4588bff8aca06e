import { describe, expect, it } from 'vitest';
import { loadPlaybooks } from '#playbooks/language/load';
import { renderDiagnostic } from '#rules/language/diagnostic';
import { actionCatalogue, outwardCatalogue } from '../actions/all.ts';
import { s3Schema } from '../clients/s3.ts';
import { findStrays } from './find-strays.ts';
import { readRouterFile } from './router-file.ts';

const kinds = new Map([...outwardCatalogue].map(([name, { sender }]) => [name, sender.settings] as const));
const head = 'playbook: p\non: { rules: [r] }\nsteps:\n';

const people = `public_url: https://lanner.example.com
people:
  anna: { slack: U0ANNA, email: anna@example.com }
  bob: {}
groups: { soc: [anna, operator], quiet: [bob] }
destinations:
  chat: { chat: { service: slack, url: "http://h" } }
  mail: { email: { smtp: "smtp://h", from: a@example.com } }
  hook: { webhook: { url: "http://h" } }
`;

function straysOf(approve: string, configuration = people) {
  const text = `${head}  - { id: a, uses: container.kill, with: { container: c }, approve: ${approve} }\n`;
  const loaded = loadPlaybooks([{ path: 'p.yaml', text }], actionCatalogue);
  const file = readRouterFile({ path: 'router.yaml', text: configuration }, kinds, s3Schema);
  if (!file.ok) throw new Error(file.errors.map(renderDiagnostic).join('\n'));
  return [...loaded.errors.map(({ message }) => message), ...findStrays(loaded.playbooks, file.file)];
}

describe('approve', () => {
  it('may name groups, chats, mail and the console', () => {
    expect(straysOf('{ via: [chat, mail, console], by: [soc], within: 10m, otherwise: proceed }')).toEqual([]);
  });

  it.for([
    { approve: '{ via: [console], by: [sco], within: 10m }', says: 'there is no group sco; there are: soc, quiet' },
    {
      approve: '{ via: [slack], by: [soc], within: 10m }',
      says: 'neither a way nor a destination slack; there are: console, chat',
    },
    {
      approve: '{ via: [hook], by: [soc], within: 10m }',
      says: 'hook is a destination for webhook, and nobody answers there',
    },
    { approve: '{ via: [mail], by: [quiet], within: 10m }', says: 'nobody in quiet has an e-mail address' },
    { approve: '{ via: [console], by: [soc] }', says: 'steps[0].approve.within: is missing' },
    {
      approve: '{ via: [console], by: [soc], within: 10m, otherwise: perhaps }',
      says: 'expected one of abort, proceed',
    },
    { approve: '{ via: [console], by: [soc], within: 10m, form: x }', says: 'unknown key form' },
    {
      approve: '{ via: [console], by: [soc], within: 10m }, where: node',
      says: 'is carried out before anybody is asked',
    },
  ])('is refused: $says', ({ approve, says }) => {
    expect(straysOf(approve).join('\n')).toContain(says);
  });

  it('by a link needs to know where people reach the router, by a button it does not', () => {
    const asked = '{ via: [chat], by: [soc], within: 10m }';
    const bare = people.replace(/^public_url.*\n/, '');
    expect(straysOf(asked, bare)).toEqual([expect.stringContaining('public_url is missing')]);
    expect(straysOf(asked, `${bare}hooks: { slack: { signing_secret: "%{secret.SLACK}" } }\n`)).toEqual([]);
  });

  it('does not stand at a group of steps', () => {
    const text = `${head}  - id: g\n    approve: { via: [console], by: [soc], within: 1m }\n    parallel: [{ id: a, uses: log, with: { file: /x } }]\n`;
    const { errors } = loadPlaybooks([{ path: 'p.yaml', text }], actionCatalogue);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('belongs to the steps inside parallel'),
    ]);
  });
});

describe('people in the configuration file', () => {
  it.for([
    { text: 'groups: { soc: [ann] }\n', says: 'there is no person ann; there are operator' },
    { text: 'people: { operator: {} }\n', says: "operator is whoever has the router's own token" },
    { text: 'people: { a: { slack: "@anna" } }\n', says: 'expected a Slack member ID such as U012AB3CD' },
    { text: 'people: { a: { email: "a@b, c@d" } }\n', says: 'expected one e-mail address' },
    { text: 'people: { a: { email: x@y }, b: { email: X@y } }\n', says: "is a's already" },
    { text: 'people: { a: { emial: x@y } }\n', says: 'did you mean email?' },
    { text: 'public_url: ftp://x\n', says: 'expected a URL with http or https' },
    { text: 'silences: { by: [soc] }\n', says: 'there is no group soc' },
    { text: 'hooks: { slak: {} }\n', says: 'did you mean slack?' },
  ])('are refused: $says', ({ text, says }) => {
    const read = readRouterFile({ path: 'router.yaml', text }, kinds, s3Schema);
    expect(read.ok ? '' : read.errors.map(renderDiagnostic).join('\n')).toContain(says);
  });
});
