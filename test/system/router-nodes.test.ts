import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { makeNodeRegistry } from '../../router/nodes/registry.ts';
import { connect as connectTo, whenReady } from '../../router/redis/connection.ts';
import { eventually } from '../support/eventually.ts';
import { helloOf, type NodeEnd, openNodeEnd } from '../support/node-end.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

const container = 'ab'.repeat(32);
const playbook = `playbook: contain
on: { rules: [Shell] }
steps:
  - { id: kill, uses: container.kill, with: { container: ${container} }, timeout: 60s }
`;
const runsSchema = z.object({
  runs: z.array(
    z.looseObject({
      alert: z.string(),
      state: z.string(),
      steps: z.array(z.looseObject({ state: z.string(), detail: z.string() })),
    }),
  ),
});

let place: Place;
let router: RouterProcess;
const ends: NodeEnd[] = [];

const start = async () => {
  router = await startRouterAt(place, ['--enforce', '--playbooks', join(place.dataFolder, 'contain.yaml')]);
};

/** A node that is connected and has said its name. */
async function connect(node: string): Promise<NodeEnd> {
  const end = await openNodeEnd(place);
  ends.push(end);
  end.say(helloOf(node));
  return end;
}

/** Posts an alert of that node and answers its id. */
async function alertFrom(node: string): Promise<string> {
  const id = randomUUID();
  const process = { pid: 4711, start_ns: '123456789012345678' };
  const lanner = { version: 1, id, node, boot_id: 'boot', process, container: { id: container } };
  const answer = await place.post({ time: new Date().toISOString(), rule: 'Shell', priority: 'Notice', lanner });
  expect(answer.status).toBe(202);
  return id;
}

const runOf = async (alert: string) =>
  runsSchema.parse(await (await place.get('/api/runs')).json()).runs.find((run) => run.alert === alert);
const endOf = (alert: string) =>
  eventually(
    `the run of ${alert} to end`,
    async () => {
      const run = await runOf(alert).catch(() => undefined);
      return run?.state === 'running' ? undefined : run;
    },
    10_000,
  );
const commandTo = (end: NodeEnd) => eventually('a command', () => end.commands[0], 15_000);

beforeEach(async () => {
  place = await makePlace();
  writeFileSync(join(place.dataFolder, 'contain.yaml'), playbook);
  await start();
});

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end.close()));
  await router.end();
  place.remove();
});

describe('the channel to nodes', () => {
  it('is for those with the token only', async () => {
    await expect(openNodeEnd(place, {})).rejects.toThrow('401');
    await expect(openNodeEnd(place, { authorization: 'Bearer wrong-token-of-a-test' })).rejects.toThrow('401');
  });

  it('takes a command to the node of the alert, and to no other, and its receipt into the journal', async () => {
    const [web, other] = [await connect('web-1'), await connect('db-1')];
    const alert = await alertFrom('web-1');
    const command = await commandTo(web);
    expect(command).toMatchObject({
      id: `${alert}/contain/kill/${container}`,
      action: 'container.kill',
      params: { container },
      mode: 'enforce',
      alert: { id: alert, rule: 'Shell', process: { pid: 4711, start_ns: '123456789012345678' }, boot_id: 'boot' },
    });
    expect(command.deadline_ms).toBeGreaterThan(Date.now());
    web.answer(command);
    expect(await endOf(alert)).toMatchObject({ state: 'done', steps: [{ state: 'done', detail: 'killed' }] });
    await eventually('the receipt to be acknowledged', () =>
      web.acknowledged.includes(command.id) ? true : undefined,
    );
    expect(other.commands).toEqual([]);
    web.answer(command);
    await eventually('a repeat to be acknowledged too', () => (web.acknowledged.length === 2 ? true : undefined));
  });

  it.for([
    ['gone', 'done'],
    ['refused', 'failed'],
    ['timed_out', 'failed'],
    ['failed', 'failed'],
  ] as const)('ends a run whose node answers %s as %s', async ([outcome, state]) => {
    const web = await connect('web-1');
    const alert = await alertFrom('web-1');
    web.answer(await commandTo(web), outcome, 'as it went');
    expect(await endOf(alert)).toMatchObject({ state, steps: [{ state: outcome, detail: 'as it went' }] });
  });

  it('keeps a command for a node that is away', async () => {
    const alert = await alertFrom('web-1');
    await eventually(
      'the run to wait for its node',
      async () => (await runOf(alert))?.steps[0]?.state === 'running' || undefined,
    );
    const web = await connect('web-1');
    web.answer(await commandTo(web));
    expect(await endOf(alert)).toMatchObject({ state: 'done' });
  });

  it('shows who is connected', async () => {
    const web = await connect('web-1');
    const connected = async () => /"connected":true/.test(await (await place.get('/api/nodes')).text());
    await eventually('web-1 to be shown', async () => (await connected()) || undefined);
    await web.close();
    await eventually('web-1 to be shown as gone', async () => !(await connected()) || undefined);
  });

  it('does not show a node as connected for ever when the router that held it was killed', async () => {
    await connect('web-1');
    await eventually(
      'web-1 to be shown',
      async () => /"connected":true/.test(await (await place.get('/api/nodes')).text()) || undefined,
    );
    await router.end('SIGKILL');
    const redis = connectTo(
      { kind: 'socket', path: join(place.dataFolder, 'redis/redis.sock') },
      'request',
      () => undefined,
    );
    try {
      await whenReady(redis, 5_000);
      const connectedAfter = async (ms: number) =>
        (await makeNodeRegistry(redis, () => Date.now() + ms).all()).map(({ connected }) => connected);
      expect(await connectedAfter(1_000)).toEqual([true]);
      expect(await connectedAfter(31_000)).toEqual([false]);
    } finally {
      redis.disconnect();
    }
    await start();
  });

  it.for([
    'not JSON',
    { kind: 'hello', version: 2 },
    { ...helloOf('web-1'), extra: 1 },
    { version: 1, kind: 'receipt', command: 'x' },
  ])('is closed for %j', async (message) => {
    const end = await openNodeEnd(place);
    end.say(message);
    expect(await end.closed).toBe(1008);
  });
});

describe('a router that is killed while a node acts', () => {
  it('takes the receipt afterwards, and the node hears the same command under the same id', {
    timeout: 90_000,
  }, async () => {
    const before = await connect('web-1');
    const alert = await alertFrom('web-1');
    const command = await commandTo(before);
    await router.end('SIGKILL');
    await start();
    const after = await connect('web-1');
    after.answer(command);
    expect(await endOf(alert)).toMatchObject({ state: 'done', steps: [{ state: 'done' }] });
    expect([...before.commands, ...after.commands].every(({ id }) => id === command.id)).toBe(true);
  });
});
