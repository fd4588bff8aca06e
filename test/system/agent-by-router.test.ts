import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { docker, image, inspect, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { bootId } from '../support/node-action.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

const run = promisify(execFile);
const root = new URL('../..', import.meta.url).pathname;
const node = 'by-router';
const actions = { isolate: 'network.isolate', restore: 'network.restore', collect: 'evidence.collect' } as const;
const folder = mkdtempSync(join(tmpdir(), 'lanner-restart-'));
const closers: (() => unknown)[] = [];
let place: Place;
let router: RouterProcess;
let container = '';

beforeAll(async () => {
  place = await makePlace();
  const book = join(folder, 'network.yaml');
  const playbookOf = (name: string, uses: string) =>
    `playbook: ${name}\non: { rules: [${name}] }\nsteps: [{ id: act, uses: ${uses}, with: { container: "%container.full_id" } }]\n`;
  const books = Object.entries(actions).map(([name, uses]) => playbookOf(name, uses));
  writeFileSync(book, books.join('---\n'));
  writeFileSync(
    join(folder, 'rules.yaml'),
    '- rule: never\n  desc: nothing\n  condition: evt.type = execve and proc.name = no-such-program\n  output: x\n  priority: INFO\n',
  );
  router = await startRouterAt(place, ['--enforce', '--playbooks', book]);
  container = await docker('run', '-d', image, 'sleep', '1000');
});
afterAll(async () => {
  for (const close of closers.splice(0)) await close();
  if (container !== '') await remove(container);
  await router.end();
  place.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** The same data folder each time: it is the same agent, started anew. */
async function startAgent(): Promise<ChildProcess> {
  const words = ['--rules', join(folder, 'rules.yaml'), '--data', join(folder, 'agent'), '--node', node];
  const child = spawn(
    process.execPath,
    ['lanner.ts', 'agent', ...words, '--router', place.url, '--token-file', join(place.dataFolder, 'token')],
    { cwd: root, stdio: 'ignore' },
  );
  closers.push(() => child.kill('SIGKILL'));
  await eventually('the agent at the router', async () => (await connected()) || undefined, 30_000);
  return child;
}

const nodes = z.object({ nodes: z.array(z.looseObject({ node: z.string(), connected: z.boolean() })) });
async function connected(): Promise<boolean> {
  const read = nodes.parse(await (await place.get('/api/nodes')).json());
  return read.nodes.some((one) => one.node === node && one.connected);
}

const runs = z.object({
  runs: z.array(
    z.looseObject({ playbook: z.string(), state: z.string(), steps: z.array(z.looseObject({ detail: z.string() })) }),
  ),
});
/** Has the playbook do it, by an alert as this node would raise it. */
async function perform(what: keyof typeof actions): Promise<string> {
  const id = `0190a0a0-0000-7000-8000-0000000000${Object.keys(actions).indexOf(what) + 10}`;
  const lanner = { version: 1, id, node, boot_id: bootId, container: { id: container } };
  const answer = await place.post({ time: new Date().toISOString(), rule: what, priority: 'Notice', lanner });
  expect(answer.status).toBe(202);
  const ended = await eventually(
    `${what} to be done`,
    async () => {
      const read = runs.parse(await (await place.get('/api/runs?limit=10')).json());
      const found = read.runs.find(({ playbook, state }) => playbook === what && state !== 'running');
      if (found !== undefined) expect(found, JSON.stringify(found.steps)).toMatchObject({ state: 'done' });
      return found;
    },
    15_000,
  );
  return ended.steps[0]?.detail ?? '';
}

async function inside(...words: readonly string[]): Promise<string> {
  const { pid } = await inspect(container);
  return (await run('nsenter', ['-t', String(pid), '-n', ...words])).stdout;
}
const ruleset = () => inside('nft', 'list', 'ruleset');
const reaches = async (): Promise<boolean> => {
  const gateway = /default via (\S+)/.exec(await inside('ip', 'route'))?.[1] ?? '';
  return inside('busybox', 'ping', '-c', '1', '-W', '1', gateway).then(
    () => true,
    () => false,
  );
};

describe('an isolated network', () => {
  it('stays so while the agent is killed and started anew, which then gives back exactly what there was', async () => {
    await inside(
      'nft',
      'add table inet own; add chain inet own c { type filter hook input priority 7; }; add rule inet own c tcp dport 81 drop',
    );
    const before = await ruleset();
    expect(await reaches()).toBe(true);

    const agent = await startAgent();
    await perform('isolate');
    expect(await reaches()).toBe(false);
    const isolated = await ruleset();

    agent.kill('SIGKILL');
    await once(agent, 'exit');
    expect(await ruleset()).toBe(isolated);
    expect(await reaches()).toBe(false);
    await eventually('the router to notice', async () => !(await connected()) || undefined);

    await startAgent();
    expect(await ruleset()).toBe(isolated);
    expect(await reaches()).toBe(false);
    await perform('restore');
    expect(await ruleset()).toBe(before);
    expect(await reaches()).toBe(true);
  });
});

describe('evidence', () => {
  it('tells of programs that had ended before it was asked for', async () => {
    await docker('exec', container, 'ls', '/no-such-place', '--password=hunter4').catch(() => undefined);
    const [path = ''] = (await perform('collect')).split(' ');
    const text = execFileSync('tar', ['--zstd', '-xOf', path, 'events.jsonl'], { encoding: 'utf8' });
    expect(text).not.toContain('hunter');
    const events = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'execve', argv: ['ls', '/no-such-place', '--password=***'] }),
    );
  });
});
