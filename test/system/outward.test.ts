import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';
import { type StrictServer, startStrictServer } from '../support/strict-server.ts';

const root = new URL('../..', import.meta.url).pathname;
const run = promisify(execFile);

const playbooks = `
playbook: tell
on: { rules: [Tell] }
steps:
  - { id: hand, uses: webhook, with: { via: chat, body: { text: "%alert.output" } } }
---
playbook: tell-slowly
on: { rules: [Slowly] }
steps:
  - { id: hand, uses: webhook, with: { via: slow, body: { text: "%alert.output" } } }
`;
const configuration = (origin: string) => `
destinations:
  chat:
    webhook: { url: "${origin}/hook/%{secret.CHAT_TOKEN}", auth: { bearer: "%{secret.CHAT_KEY}" } }
    timeout: 500ms
    retry: { backoff: 20ms, most: 100ms, give_up_after: 1h }
    breaker: { failures: 3, rest: 300ms }
  slow:
    webhook: { url: "${origin}/slow" }
    rate: { count: 1, per: 300ms }
`;

let place: Place;
let router: RouterProcess;
let server: StrictServer;
let count = 0;

const stateSchema = z.object({
  destinations: z.array(
    z.looseObject({
      name: z.string(),
      ok: z.boolean(),
      waiting: z.number(),
      dead: z.number(),
      sent: z.number(),
      last_failure_reason: z.string().nullable(),
    }),
  ),
});
const deadSchema = z.object({
  dead_letters: z.array(z.looseObject({ id: z.string(), reason: z.string(), params: z.unknown() })),
});

const post = async (rule: string, number = 1): Promise<readonly string[]> => {
  const outputs = Array.from({ length: number }, (_, index) => `alert ${count + index}`);
  count += number;
  const alerts = outputs.map((output) => ({ time: '2026-11-23T14:00:00Z', rule, priority: 'Notice', output }));
  expect((await place.post(alerts)).status).toBe(202);
  return outputs;
};
const stateOf = async (name: string) => {
  const { destinations } = stateSchema.parse(await (await place.get('/api/destinations')).json());
  const found = destinations.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};
const dead = async () => deadSchema.parse(await (await place.get('/api/dead-letters')).json()).dead_letters;
const texts = () => server.seen.map(({ body }) => String(Object(JSON.parse(body)).text));
const lanner = (...words: readonly string[]) =>
  run(process.execPath, ['lanner.ts', ...words, '--router', place.url, '--data', place.dataFolder], {
    cwd: root,
  }).then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    (error) => ({ code: Number(error.code), said: `${error.stdout}${error.stderr}` }),
  );

const start = async () => {
  router = await startRouterAt(place, ['--enforce', '--playbooks', join(place.dataFolder, 'tell.yaml')]);
};

beforeAll(async () => {
  server = await startStrictServer();
  place = await makePlace();
  mkdirSync(join(place.dataFolder, 'secrets'));
  writeFileSync(join(place.dataFolder, 'secrets/CHAT_TOKEN'), 'T0KEN\n');
  writeFileSync(join(place.dataFolder, 'secrets/CHAT_KEY'), 's3cret\n');
  writeFileSync(join(place.dataFolder, 'tell.yaml'), playbooks);
  writeFileSync(join(place.dataFolder, 'router.yaml'), configuration(server.origin));
  await start();
});

afterAll(async () => {
  await router.end();
  await server.close();
  place.remove();
});

beforeEach(() => {
  server.seen.length = 0;
  server.answer(() => ({ status: 204 }));
});

describe('a destination', () => {
  it('gets each alert once, with the secrets of its settings', async () => {
    const outputs = await post('Tell', 20);
    await eventually('20 messages', () => server.seen.length >= 20 || undefined);
    expect(texts().toSorted()).toEqual(outputs.toSorted());
    expect(new Set(server.seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(20);
    expect(server.seen[0]).toMatchObject({ path: '/hook/T0KEN', headers: { authorization: 'Bearer s3cret' } });
  });

  it('is tried again until it takes a message, and rests when it fails again and again', async () => {
    server.answer(() => ({ status: 503 }));
    const outputs = await post('Tell', 10);
    await eventually('the breaker to open', async () => ((await stateOf('chat')).ok ? undefined : true));
    const readiness = await place.get('/readyz');
    expect({ status: readiness.status, body: await readiness.json() }).toMatchObject({
      status: 200,
      body: { parts: { 'destination chat': { ok: false, detail: expect.stringContaining('answered 503') } } },
    });
    expect(await (await place.get('/metrics')).text()).toContain('lanner_destination_up{destination="chat"} 0');
    const before = server.seen.length;
    server.answer(() => ({ status: 204 }));
    await eventually('all messages', async () => ((await stateOf('chat')).waiting === 0 ? true : undefined));
    await eventually('the last one', () => server.seen.length >= before + 10 || undefined);
    expect(texts().slice(before).toSorted()).toEqual(outputs.toSorted());
    expect(await stateOf('chat')).toMatchObject({ ok: true, dead: 0 });
  });

  it('is left in peace for as long as it asks', async () => {
    let isFirst = true;
    server.answer(() => {
      if (!isFirst) return { status: 204 };
      isFirst = false;
      return { status: 429, headers: { 'retry-after': '1' } };
    });
    await post('Tell');
    await eventually('the second attempt', () => server.seen.length === 2 || undefined);
    const [first, second] = server.seen;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(950);
  });

  it('gets no more than its rate', async () => {
    await post('Slowly', 4);
    await eventually('4 messages', () => server.seen.length === 4 || undefined);
    expect((server.seen[3]?.atMs ?? 0) - (server.seen[0]?.atMs ?? 0)).toBeGreaterThan(750);
  });

  it('takes a test message by the command line', async () => {
    const took = await lanner('destinations', 'test', 'chat');
    expect(took).toMatchObject({ code: 0, said: expect.stringContaining('chat took the test message') });
    expect(server.seen[0]?.body).toContain('Lanner test message');
    server.answer(() => ({ status: 401, body: 'no s3cret for T0KEN' }));
    const refused = await lanner('destinations', 'test', 'chat');
    expect(refused).toMatchObject({ code: 1, said: expect.stringContaining('answered 401: no *** for ***') });
    expect(await lanner('destinations', 'test', 'nowhere')).toMatchObject({ code: 1 });
    expect(await lanner('destinations', 'list')).toMatchObject({
      code: 0,
      said: expect.stringContaining('chat (webhook) takes messages'),
    });
  });
});

describe('two replicas', () => {
  it('keep the rate of a destination together, and send nothing twice', async () => {
    const other = await makePlace();
    const files = [
      '--playbooks',
      join(place.dataFolder, 'tell.yaml'),
      '--config',
      join(place.dataFolder, 'router.yaml'),
    ];
    const redis = ['--redis', `unix://${join(place.dataFolder, 'redis/redis.sock')}`];
    const replica = await startRouterAt(other, ['--enforce', ...files, ...redis]);
    try {
      const outputs = await post('Slowly', 6);
      await eventually('6 messages', () => server.seen.length === 6 || undefined);
      expect(texts().toSorted()).toEqual(outputs.toSorted());
      expect((server.seen[5]?.atMs ?? 0) - (server.seen[0]?.atMs ?? 0)).toBeGreaterThan(1_350);
    } finally {
      await replica.end();
      other.remove();
    }
  });
});

describe('dead letters', () => {
  it('are what no retry can help; they are listed, replayed and purged', async () => {
    server.answer(() => ({ status: 400, body: 'what is this?' }));
    const outputs = await post('Tell', 3);
    await eventually('3 dead letters', async () => ((await dead()).length === 3 ? true : undefined));
    expect(server.seen).toHaveLength(3);
    const [letter] = await dead();
    expect(letter).toMatchObject({ destination: 'chat', rule: 'Tell', playbook: 'tell', attempts: 1 });
    expect(letter?.reason).toMatch(/answered 400: what is this\?$/);
    expect(JSON.stringify(letter)).not.toMatch(/T0KEN|s3cret/);
    expect(await lanner('dead-letters', 'list')).toMatchObject({ said: expect.stringContaining(letter?.id ?? '') });
    server.answer(() => ({ status: 204 }));
    expect(await lanner('dead-letters', 'replay', letter?.id ?? '')).toMatchObject({
      code: 0,
      said: '1 message is tried again\n',
    });
    await eventually('the replayed one', () => server.seen.length === 4 || undefined);
    expect(await dead()).toHaveLength(2);
    expect(await lanner('dead-letters', 'replay', '--since', '1h', '--destination', 'slow')).toMatchObject({
      said: '0 messages are tried again\n',
    });
    expect(await lanner('dead-letters', 'replay', '--since', '1h')).toMatchObject({
      said: '2 messages are tried again\n',
    });
    await eventually('all of them', () => server.seen.length === 6 || undefined);
    expect(texts().slice(3).toSorted()).toEqual(outputs.toSorted());
    server.answer(() => ({ status: 400 }));
    await post('Tell', 2);
    await eventually('2 dead letters', async () => ((await dead()).length === 2 ? true : undefined));
    expect(await lanner('dead-letters', 'purge', '--all')).toMatchObject({ said: '2 messages are forgotten\n' });
    expect(await dead()).toEqual([]);
    expect(await lanner('dead-letters', 'purge')).toMatchObject({ code: 2 });
    expect(await lanner('dead-letters', 'purge', 'nothing')).toMatchObject({ code: 1 });
  });
});

describe('a router that is killed in the middle', () => {
  it('has every message delivered by the next one, none with another key', async () => {
    server.answer(async () => {
      await delay(20);
      return { status: 204 };
    });
    const outputs = await post('Tell', 200);
    await eventually('some messages', () => server.seen.length >= 20 || undefined);
    await router.end('SIGKILL');
    const before = server.seen.length;
    expect(before).toBeLessThan(200);
    await start();
    await eventually('all messages', () => new Set(texts()).size === 200 || undefined, 30_000);
    expect([...new Set(texts())].toSorted()).toEqual(outputs.toSorted());
    const keys = new Map<string, Set<unknown>>();
    for (const [at, { headers }] of server.seen.entries()) {
      const text = texts()[at] ?? '';
      keys.set(text, (keys.get(text) ?? new Set()).add(headers['idempotency-key']));
    }
    expect([...keys.values()].filter(({ size }) => size > 1)).toEqual([]);
    // What was on its way is sent again, and nothing else.
    expect(server.seen.length - 200).toBeLessThanOrEqual(16);
  });
});
