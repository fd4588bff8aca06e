import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { helloOf, openNodeEnd } from '../support/node-end.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

const rule = (field: string) =>
  `- rule: r\n  desc: d\n  condition: evt.type = open and ${field} = /x\n  output: o\n  priority: INFO\n`;
const bundle = z.object({ commit: z.string(), files: z.array(z.object({ path: z.string(), text: z.string() })) });

let place: Place;
let router: RouterProcess | undefined;
beforeEach(async () => {
  place = await makePlace();
  mkdirSync(join(place.dataFolder, 'rules'));
});
afterEach(async () => {
  await router?.end();
  router = undefined;
  place.remove();
});

const write = (name: string, text: string) => writeFileSync(join(place.dataFolder, name), text);
async function start(): Promise<RouterProcess> {
  write('router.yaml', `rules: [${join(place.dataFolder, 'rules')}]\n`);
  router = await startRouterAt(place, ['--config', join(place.dataFolder, 'router.yaml')]);
  return router;
}

/** What a node is told to use, and gets. */
async function told() {
  const node = await openNodeEnd(place);
  node.say(helloOf('one'));
  const commit = await eventually('the rules to be told', () => node.revisions[0]);
  await node.close();
  return bundle.parse(await (await place.get(`/api/sync/rules/${commit}`)).json());
}

describe('a router with rules in a folder', () => {
  it('gives them to nodes; others after a restart are told as others', async () => {
    write('rules/a.yaml', rule('fd.name'));
    write('rules/a.test.yaml', 'tests: []\n');
    const running = await start();
    const first = await told();
    expect(first.files).toEqual([{ path: join(place.dataFolder, 'rules/a.yaml'), text: rule('fd.name') }]);
    expect((await place.get(`/api/sync/rules/${'0'.repeat(64)}`)).status).toBe(404);
    await running.end();
    write('rules/b.yaml', rule('fd.name').replace('rule: r', 'rule: s'));
    await start();
    const second = await told();
    expect(second.files).toHaveLength(2);
    expect(second.commit).not.toBe(first.commit);
  });

  it('does not start when they do not load', async () => {
    write('rules/a.yaml', rule('fd.nam'));
    await expect(start()).rejects.toThrow(/ended with 1: .*rules\/a\.yaml:3:/s);
  });
});
