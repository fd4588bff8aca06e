import { expect, it } from 'vitest';
import { buttonsOf, type Said } from './said.ts';
import { slackCall } from './slack.ts';

const said: Said = {
  title: 'Approval wanted',
  text: 'container.kill',
  fields: [],
  link: 'https://lanner.example.com/answer/x',
  buttons: [],
  priority: 'Critical',
  thread: 't',
};
const elementsOf = (one: Said) => {
  const { body = '' } = slackCall(one, { service: 'slack', url: 'https://hooks.slack.com/services/x' });
  const { blocks } = JSON.parse(String(body));
  return blocks
    .at(-1)
    .elements.map((element: Record<string, unknown>) => [element['action_id'], element['value'], element['url']]);
};

it('asks with buttons that come back signed by us, where answers of Slack are taken', () => {
  const url = said.link;
  expect(elementsOf({ ...said, buttons: buttonsOf({ kind: 'approval', url, token: 'a.b' }) })).toEqual([
    ['lanner_approve', 'a.b', undefined],
    ['lanner_deny', 'a.b', undefined],
    [undefined, undefined, url],
  ]);
  expect(elementsOf({ ...said, buttons: buttonsOf({ kind: 'page', url, token: 'a.b' }) }).slice(0, 2)).toEqual([
    ['lanner_acknowledge', 'a.b', undefined],
    ['lanner_resolve', 'a.b', undefined],
  ]);
  expect(elementsOf({ ...said, buttons: buttonsOf({ kind: 'page', url, token: undefined }) })).toEqual([
    [undefined, undefined, url],
  ]);
});
