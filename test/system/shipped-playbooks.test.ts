import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { docker, image, inspect, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { endOf } from '../support/interactive-shell.ts';
import { type Lanner, runLanner, startLanner } from '../support/lanner.ts';
import { buildMark } from '../support/mark.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'lanner-shipped-'));
const at = (name: string): string => join(folder, name);
const runsSchema = z.object({
  runs: z.array(
    z.looseObject({
      playbook: z.string(),
      state: z.string(),
      steps: z.array(
        z.looseObject({ id: z.string(), state: z.string(), detail: z.string(), params: z.unknown().optional() }),
      ),
    }),
  ),
});
const evidenceSchema = z.object({ evidence: z.array(z.looseObject({ id: z.string(), container: z.string() })) });

let lanner: Lanner;
const containers: string[] = [];
const ends: (() => void)[] = [];
beforeAll(async () => {
  // contain-shell has a test of its own (test/kernel/shell-in-container.test.ts), and would be faster here.
  const names = ['isolate-first', 'quarantine-dropped', 'collect-then-pause', 'kill-miners'];
  const files = names.map((name) => new URL(`../../playbooks/${name}.yaml`, import.meta.url).pathname);
  lanner = await startLanner(['--enforce', '--playbooks', ...files]);
}, 60_000);
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await Promise.all(containers.splice(0).map(remove));
});
afterAll(async () => {
  await lanner?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(...flags: readonly string[]): Promise<string> {
  const id = await docker('run', '-d', '--network', 'none', ...flags, image, 'sleep', '1000');
  containers.push(id);
  return id;
}

/** The steps of the playbook's run for this container, when it has ended. */
const stepsOf = (playbook: string, container: string) =>
  eventually(
    `${playbook} for ${container.slice(0, 12)}`,
    async () => {
      const { runs } = await lanner.get('/api/runs', runsSchema);
      const isIt = (one: (typeof runs)[number]) =>
        one.playbook === playbook &&
        one.state !== 'running' &&
        JSON.stringify(one.steps).includes(container.slice(0, 12));
      return runs.find(isIt)?.steps;
    },
    20_000,
  ).catch((cause: unknown) => {
    throw new Error(lanner.said(), { cause });
  });

/** A file of the evidence of this container, as it is fetched from the router. */
async function evidenceOf(container: string, name: string): Promise<string> {
  const found = await eventually('its evidence', async () => {
    const { evidence } = await lanner.get('/api/evidence', evidenceSchema);
    return evidence.find((one) => one.container === container);
  });
  const file = at(`${found.id}.tar.zst`);
  const words = ['evidence', 'get', found.id, '--output', file, '--router', lanner.url, '--data', lanner.dataFolder];
  expect(await runLanner(...words)).toMatchObject({ code: 0 });
  return (await run('tar', ['--zstd', '-xOf', file, name], { maxBuffer: 64 * 1024 * 1024 })).stdout;
}

describe('shipped playbooks, in real containers', () => {
  it('isolate-first: the line is cut, the evidence is at the router, the container is dead', async () => {
    const id = await start();
    // It stays in the container's network, which would go with the container.
    const { pid } = await inspect(id);
    const witness = spawn('nsenter', ['-t', String(pid), '-n', 'sleep', '1000'], { stdio: 'ignore' });
    ends.push(() => witness.kill('SIGKILL'));
    await eventually('the witness', async () => {
      const links = await run('readlink', [`/proc/${witness.pid}/ns/net`, `/proc/${pid}/ns/net`]);
      const [one, two] = links.stdout.split('\n');
      return one === two || undefined;
    });
    await docker('exec', '-d', id, 'nc', '-l', '-p', '4444', '-e', '/bin/sh');
    expect(await eventually('its end', () => endOf(id), 20_000)).toEqual({ exitCode: 137 });
    const steps = await stepsOf('isolate-first', id);
    expect(steps.slice(0, 3)).toMatchObject([
      { id: 'isolate', state: 'done' },
      { id: 'evidence', state: 'done' },
      { id: 'kill', state: 'done' },
    ]);
    const rules = (await run('nsenter', ['-t', String(witness.pid), '-n', 'nft', 'list', 'ruleset'])).stdout;
    expect(rules).toMatch(/table inet lanner\S* \{[\s\S]*hook (input|prerouting|output)[\s\S]*drop/);
    expect(await evidenceOf(id, 'events.jsonl')).toContain('/bin/sh');
  }, 60_000);

  it('quarantine-dropped: what was dropped is killed, and lies out of reach', async () => {
    const id = await start();
    await docker('exec', '-d', id, 'sh', '-c', 'cp /bin/busybox /tmp/sleep; exec /tmp/sleep 4714');
    const steps = await stepsOf('quarantine-dropped', id);
    expect(steps.map(({ state }) => state)).toEqual(['done', 'done']);
    await expect(docker('exec', id, 'ls', '/tmp/sleep')).rejects.toThrow('No such file');
    expect(await docker('exec', id, 'ps')).not.toContain('4714');
    expect(await inspect(id)).toMatchObject({ status: 'running' });
    const [kept = ''] = readdirSync(join(lanner.dataFolder, 'quarantine'));
    const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
    expect(hashOf(join(lanner.dataFolder, 'quarantine', kept, 'file'))).toBe(hashOf('/bin/busybox'));
  }, 60_000);

  it('collect-then-pause: evidence is collected while it runs, then it stands still', async () => {
    const id = await start();
    await docker('exec', '-d', id, 'busybox', 'chroot', '/', 'sleep', '4715');
    const steps = await stepsOf('collect-then-pause', id);
    expect(steps).toMatchObject([
      { id: 'evidence', state: 'done' },
      { id: 'pause', state: 'done' },
    ]);
    expect(await inspect(id)).toMatchObject({ status: 'paused' });
    expect(await evidenceOf(id, 'events.jsonl')).toContain('chroot');
    await docker('unpause', id);
  }, 60_000);

  it('kill-miners: the program never runs, in a container or on the host', async () => {
    mkdirSync(at('marks'));
    buildMark(at('xmrig'));
    const id = await start('-v', `${folder}:/mnt`);
    await expect(docker('exec', id, '/mnt/xmrig', '/mnt/marks/inside')).rejects.toMatchObject({ code: 137 });
    await expect(run(at('xmrig'), [at('marks/outside')])).rejects.toMatchObject({ signal: 'SIGKILL' });
    expect(readdirSync(at('marks'))).toEqual([]);
    const told = await eventually('both alerts', () => {
      const found = lanner.alerts().filter(({ rule }) => rule === 'Lanner reflex: kill-miners/kill');
      return found.length === 2 ? found : undefined;
    });
    expect(told.map(({ output_fields }) => output_fields['lanner.reflex'])).toEqual(['killed', 'killed']);
  }, 60_000);
});
