import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import type { NodeCommand } from '../../playbooks/command.ts';
import { type EmbeddedRedis, startEmbedded } from '../../router/redis/embedded.ts';
import { verifyLines } from '../../router/store/audit-chain.ts';
import { eventually } from '../support/eventually.ts';
import { helloOf, type NodeEnd, openNodeEnd } from '../support/node-end.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

const ALERTS = 240;
const folder = mkdtempSync(join(tmpdir(), 'lanner-replicas-'));
const at = (name: string): string => join(folder, name);
const runsSchema = z.object({
  runs: z.array(
    z.looseObject({
      alert: z.string(),
      state: z.string(),
      steps: z.array(
        z.looseObject({ id: z.string(), state: z.string(), detail: z.string(), key: z.string().optional() }),
      ),
    }),
  ),
});

/** Requests of the webhook step, by their idempotency key. */
const told = new Map<string, number>();
const server = createServer((request, response) => {
  const key = String(request.headers['idempotency-key']);
  told.set(key, (told.get(key) ?? 0) + 1);
  request.resume();
  setTimeout(() => response.end(), 10);
});

let redis: EmbeddedRedis;
let places: readonly [Place, Place];
const routers: RouterProcess[] = [];
const nodes: NodeEnd[] = [];

beforeAll(async () => {
  const started = await startEmbedded(folder, () => undefined);
  if (!started.ok) throw new Error(started.reason);
  redis = started.redis;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  writeFileSync(
    at('contend.yaml'),
    `playbook: contend
mode: enforce
on: { rules: [Shell] }
steps:
  - { id: kill, uses: container.kill, with: { container: "%container.full_id" }, timeout: 90s }
  - { id: tell, uses: webhook, with: { url: "http://127.0.0.1:${port}/", body: { alert: "%alert.id" } }, timeout: 20s }
  - { id: write, uses: program, with: { argv: [/usr/bin/tee, -a, ${at('written.jsonl')}] }, on_error: continue }
`,
  );
  places = [await makePlace(), await makePlace()];
  for (const place of places) {
    writeFileSync(join(place.dataFolder, 'token'), 'a-token-that-both-replicas-know', { mode: 0o600 });
    routers.push(await startRouterAt(place, ['--playbooks', at('contend.yaml'), '--redis', `unix://${redis.socket}`]));
  }
}, 60_000);
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await Promise.all(routers.map((router) => router.end()));
  await redis?.close();
  server.close();
  for (const place of places ?? []) place.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** As an agent does: what it has carried out it answers again, and does not carry out again. */
async function connect(place: Place, carriedOut: Map<string, NodeCommand>, answered: Set<string>): Promise<NodeEnd> {
  const end = await openNodeEnd(place);
  nodes.push(end);
  end.say(helloOf('one'));
  let next = 0;
  const timer = setInterval(() => {
    for (; next < end.commands.length; next++) {
      const command = end.commands[next];
      if (command === undefined) continue;
      if (!carriedOut.has(command.id)) carriedOut.set(command.id, command);
      answered.add(command.id);
      end.answer(command);
    }
  }, 2);
  void end.closed.then(() => clearInterval(timer));
  return end;
}

const alertOf = (id: string) => {
  const process = { pid: 4711, start_ns: '123456789012345678' };
  const lanner = { version: 1, id, node: 'one', boot_id: 'boot', process, container: { id: 'c'.repeat(64) } };
  return { time: new Date().toISOString(), rule: 'Shell', priority: 'Notice', output: 'o', lanner };
};
/** As an agent does: until it is taken. */
const posted = (place: Place, batch: readonly object[]) =>
  eventually('an answer', async () => ((await place.post(batch)).status === 202 ? true : undefined));
const countOf = (values: Iterable<number>, isCounted: (count: number) => boolean): number =>
  [...values].filter(isCounted).length;

it('carry each step of a flood out once, and lose none, when one of them is killed in the middle', async () => {
  const [first, second] = places;
  const carriedOut = new Map<string, NodeCommand>();
  const answered = new Set<string>();
  // The node's socket is the one that dies.
  const node = await connect(first, carriedOut, answered);
  const ids = Array.from({ length: ALERTS }, () => randomUUID());
  // Every alert comes to both, as when an answer was lost; what the dead one does not answer comes to the other.
  const flood = (async () => {
    for (let from = 0; from < ids.length; from += 10) {
      const batch = ids.slice(from, from + 10).map(alertOf);
      await Promise.all([first.post(batch).catch(() => undefined), posted(second, batch)]);
    }
  })();
  await eventually('a third of it to be told', () => (told.size > ALERTS / 3 ? true : undefined), 30_000);
  await routers[0]?.end('SIGKILL');
  await node.closed;
  await connect(second, carriedOut, answered);
  await flood;
  const runs = await eventually(
    'all runs to end',
    async () => {
      const found = runsSchema.parse(await (await second.get('/api/runs?limit=1000')).json()).runs;
      await delay(250); // asking is not free
      return found.length >= ALERTS && found.every(({ state }) => state !== 'running') ? found : undefined;
    },
    90_000,
  );
  expect(runs.map(({ alert }) => alert).toSorted()).toEqual(ids.toSorted());

  const keyOf = (id: string, step: string) =>
    runs.find(({ alert }) => alert === id)?.steps.find((one) => one.id === step)?.key;
  expect([...carriedOut.keys()].toSorted()).toEqual(ids.map((id) => keyOf(id, 'kill')).toSorted());
  expect([...told.keys()].toSorted()).toEqual(ids.map((id) => keyOf(id, 'tell')).toSorted());
  // What was under way in the dead one is told again, under the same key; nothing else is.
  const again = countOf(told.values(), (count) => count > 1);
  expect(again).toBeLessThanOrEqual(32);
  expect(countOf(told.values(), (count) => count > 2)).toBe(0);

  // What is not safe to repeat is never repeated; where nobody knows, the journal says so.
  const written = readFileSync(at('written.jsonl'), 'utf8');
  const wrote = [...written.matchAll(/"id":"([0-9a-f-]{36})"/g)].map(([, id]) => id);
  expect(new Set(wrote).size).toBe(wrote.length);
  for (const { alert, steps } of runs) {
    expect(steps.slice(0, 2).map(({ state }) => state)).toEqual(['done', 'done']);
    const step = steps[2];
    if (step?.state === 'done') expect(wrote).toContain(alert);
    else
      expect(step).toMatchObject({
        state: 'failed',
        detail: expect.stringContaining('whether it happened is unknown'),
      });
  }
  const lines: string[] = [];
  for (let before = -1; lines.length > before; ) {
    before = lines.length;
    const text = await (await second.get(`/api/audit?after=${before}`)).text();
    lines.push(...text.split('\n').filter((line) => line !== ''));
  }
  expect(verifyLines(lines)).toMatchObject({ ok: true, entries: lines.length });
  expect(lines.length).toBeGreaterThan(ALERTS * 3);
}, 180_000);
