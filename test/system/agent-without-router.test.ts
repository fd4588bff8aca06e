import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as z from 'zod';
import { type Agent, startAgent } from '../support/agent.ts';
import { remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { endOf, startShell } from '../support/interactive-shell.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

const playbook = `
playbook: contain-at-once
on: { rules: [Shell] }
steps:
  - { id: kill, uses: container.kill, where: node, with: { container: "%container.full_id" } }
  - { id: tell, uses: log, with: { file: FOLDER/told.jsonl, record: { how: "%steps.kill.detail" } } }
`;
const rules = `
- rule: Shell
  desc: d
  condition: evt.type in (execve, execveat) and container.id != host and proc.name = sh and proc.tty != 0
  output: "%container.id"
  priority: NOTICE
`;

let folder: string;
let place: Place;
let router: RouterProcess;
let agent: Agent;
let container: string | undefined;
const file = () => join(folder, 'playbook.yaml');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-without-'));
  writeFileSync(file(), playbook.replaceAll('FOLDER', folder));
  place = await makePlace();
  router = await startRouter();
  const to = ['--router', place.url, '--token-file', join(place.dataFolder, 'token')];
  const data = ['--data', join(folder, 'data'), '--node', 'without'];
  agent = await startAgent(rules, [...to, ...data, '--playbooks', file(), '--enforce']);
});
afterEach(async () => {
  await agent?.close();
  await router?.end();
  place?.remove();
  if (container !== undefined) await remove(container);
  rmSync(folder, { recursive: true, force: true });
});

const startRouter = () => startRouterAt(place, ['--playbooks', file(), '--enforce', '--nodes', '0']);

const runsSchema = z.object({
  runs: z.array(
    z.looseObject({
      state: z.string(),
      steps: z.array(
        z.looseObject({
          id: z.string(),
          state: z.string(),
          detail: z.string(),
          key: z.string().optional(),
          attempts: z.array(z.unknown()),
        }),
      ),
    }),
  ),
});

const receipts = () =>
  readFileSync(join(folder, 'data', 'receipts.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"receipt"'))
    .map((line) =>
      z.looseObject({ command: z.string(), outcome: z.string(), finished_ms: z.number() }).parse(JSON.parse(line)),
    );

it('carries its steps out with the router dead, and the router has the receipt when it is back', async () => {
  await router.end('SIGKILL');
  container = await startShell();
  const id = container;
  expect(await eventually('the container to be killed', () => endOf(id))).toEqual({ exitCode: 137 });
  const [receipt, ...others] = await eventually('the receipt', () => {
    const found = receipts();
    return found.length > 0 ? found : undefined;
  });
  expect(others).toEqual([]);
  const backMs = Date.now();
  expect(receipt).toMatchObject({ outcome: 'done' });
  expect(receipt?.finished_ms).toBeLessThanOrEqual(backMs);

  router = await startRouter();
  const run = await eventually(
    'the run',
    async () => {
      const { runs } = runsSchema.parse(await (await place.get('/api/runs?limit=5')).json());
      return runs.find(({ state }) => state === 'done');
    },
    20_000,
  );
  const short = id.slice(0, 12);
  // A second kill would find nothing: `gone`.
  expect(run.steps).toMatchObject([
    { id: 'kill', state: 'done', detail: `container ${short} killed (docker agrees)`, key: receipt?.command },
    { id: 'tell', state: 'done' },
  ]);
  expect(run.steps[0]?.attempts).toHaveLength(1);
  expect(receipts()).toHaveLength(1);
  expect(readFileSync(join(folder, 'told.jsonl'), 'utf8')).toContain(`container ${short} killed`);
}, 90_000);
