import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { percentile } from '../bench/bench.ts';
import { eventually } from '../support/eventually.ts';
import { helloOf, type NodeEnd, openNodeEnd } from '../support/node-end.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';
import { type StrictServer, startStrictServer } from '../support/strict-server.ts';

const ALERTS = 200;
/** What a worker that waited for the dead target would lose. */
const TIMEOUT_MS = 15_000;
/** Kills in each round. */
const KILLS = 40;

let dead: StrictServer;
let place: Place;
let router: RouterProcess;
let node: NodeEnd;

/** The kill comes second, so that it is the queue's to begin. */
const playbooks = () => `
playbook: contain
on: { rules: [Kill] }
steps:
  - { id: note, uses: log, with: { file: ${join(place.dataFolder, 'kills.jsonl')} } }
  - { id: kill, uses: container.kill, with: { container: "%container.full_id" } }
---
playbook: tell
on: { rules: [Tell] }
steps:
  - { id: hook, uses: webhook, timeout: ${TIMEOUT_MS}ms, with: { url: "${dead.origin}/" }, on_error: continue }
  - { id: kill, uses: container.kill, if: alert.priority = Critical, with: { container: "%container.full_id" } }
`;

const alertOf = (rule: string, container: string) => ({
  time: new Date().toISOString(),
  rule,
  priority: 'Notice',
  lanner: {
    version: 1,
    id: randomUUID(),
    node: 'one',
    process: { pid: 4_711, start_ns: '1' },
    container: { id: container },
  },
});

/** How long each kill took to reach its node. */
async function kills(): Promise<readonly number[]> {
  const took: number[] = [];
  const before = node.commands.length;
  for (let at = 0; at < KILLS; at++) {
    const begun = performance.now();
    await place.post(alertOf('Kill', randomUUID().replaceAll('-', '').repeat(2)));
    const command = await eventually('the command to kill', () => node.commands[before + at], 20_000);
    took.push(performance.now() - begun);
    node.answer(command);
  }
  return took;
}

beforeAll(async () => {
  dead = await startStrictServer(() => 'never');
  place = await makePlace();
  writeFileSync(join(place.dataFolder, 'both.yaml'), playbooks());
  router = await startRouterAt(place, ['--enforce', '--playbooks', join(place.dataFolder, 'both.yaml')]);
  node = await openNodeEnd(place);
  node.say(helloOf('one'));
});

afterAll(async () => {
  await node.close();
  await router.end();
  await dead.close();
  place.remove();
});

it('delays no kill by steps whose target never answers', { timeout: 120_000 }, async () => {
  await kills();
  const calm = await kills();
  const told = Array.from({ length: ALERTS }, () => alertOf('Tell', 'c'.repeat(64)));
  expect((await place.post(told)).status).toBe(202);
  await eventually('the webhooks to hang', () => dead.seen.length >= 32 || undefined, 10_000);
  const troubled = await kills();
  const [calmMs, troubledMs] = [calm, troubled].map((took) => percentile(took, 0.99));
  const shown = [0.5, 0.99].map((share) =>
    [calm, troubled].map((took) => percentile(took, share).toFixed()).join(' and '),
  );
  process.stdout.write(
    `kills reached their node within (calm and beside a dead target): p50, p99 ${shown.join(', ')} ms\n`,
  );
  // A kill that waited for a place would wait for a time-out.
  expect(troubledMs).toBeLessThan((calmMs ?? 0) + TIMEOUT_MS / 4);
  // Each of them is tried all the same.
  dead.answer(() => ({ status: 204 }));
  await eventually('every webhook to have been tried', () => dead.seen.length === ALERTS || undefined, 60_000);
});
