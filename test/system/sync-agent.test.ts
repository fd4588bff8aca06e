import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { makeWorkTree, type WorkTree } from '../support/git.ts';
import { buildMark } from '../support/mark.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

const root = new URL('../..', import.meta.url).pathname;
const nodes = z.object({
  nodes: z.array(z.looseObject({ rules: z.object({ commit: z.string(), ok: z.boolean() }).optional() })),
});

let folder: string;
let place: Place;
let tree: WorkTree;
let router: RouterProcess;
let agent: { readonly child: ChildProcess; readonly lines: string[]; end(): Promise<void> } | undefined;
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-rules-'));
  place = await makePlace();
  tree = makeWorkTree(folder);
});
afterEach(async () => {
  await agent?.end();
  agent = undefined;
  await router?.end();
  place.remove();
  rmSync(folder, { recursive: true, force: true });
});

const rule = (name: string): string =>
  `- rule: ${name}\n  desc: d\n  condition: evt.type in (open, openat) and fd.name startswith ${at(`${name}-`)}\n  output: of=%fd.name\n  priority: NOTICE\n`;

async function startRouter(): Promise<void> {
  writeFileSync(at('router.yaml'), `git: {url: '${tree.url}', interval: 1h}\n`);
  router = await startRouterAt(place, ['--config', at('router.yaml')]);
}

async function startAgent(): Promise<void> {
  const token = join(place.dataFolder, 'token');
  const words = ['lanner.ts', 'agent', '--json', '--data', at('agent'), '--router', place.url, '--token-file', token];
  const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', (line) => lines.push(line));
  const gone = new Promise((resolve) => child.once('exit', resolve));
  agent = {
    child,
    lines,
    async end() {
      child.kill('SIGTERM');
      await gone;
    },
  };
  await eventually('the agent to watch', () => lines.some((line) => line.includes('watching ')) || undefined, 30_000);
}

/** Opens files that are not there until the rule of that name fires. */
const fires = (name: string) =>
  eventually(`an alert of ${name}`, () => {
    try {
      readFileSync(at(`${name}-x`));
    } catch {
      // It never is.
    }
    return agent?.lines.some((line) => line.includes(`"rule":"${name}"`)) || undefined;
  });

const uses = (commit: string) =>
  eventually(`the agent to use ${commit}`, async () => {
    const answer = nodes.parse(await (await place.get('/api/nodes')).json());
    return answer.nodes.some(({ rules }) => rules?.commit === commit && rules.ok) || undefined;
  });

const sync = () =>
  fetch(`${place.url}/api/sync`, { method: 'POST', headers: place.headers(), body: JSON.stringify({ by: 'test' }) });

describe('an agent whose router has its rules from git', () => {
  it('follows the commit, says so, and starts from the last good one without a router', async () => {
    const first = tree.commit({ 'rules/r.yaml': rule('one') });
    await startRouter();
    await startAgent();
    await uses(first);
    await fires('one');
    const second = tree.commit({ 'rules/r.yaml': rule('two') });
    const begunMs = performance.now();
    await sync();
    await uses(second);
    await fires('two');
    expect(performance.now() - begunMs).toBeLessThan(10_000);

    // The same rules: nothing is swapped.
    const swaps = () => agent?.lines.filter((line) => line.includes('rules of another commit')).length;
    const before = swaps();
    const third = tree.commit({
      'playbooks/p.yaml': 'playbook: p\non: {rules: [R]}\nsteps: [{id: l, uses: log, with: {file: /dev/null}}]\n',
    });
    await sync();
    await uses(third);
    expect(swaps()).toBe(before);

    tree.commit({ 'rules/r.yaml': rule('three').replace('fd.name', 'fd.nam') });
    expect((await sync()).status).toBe(409);
    await fires('two');

    await router.end('SIGKILL');
    await agent?.end();
    await startAgent();
    expect(agent?.lines.join('\n')).toContain('rules and playbooks that the router gave earlier');
    await fires('two');
    await startRouter();
    await uses(third);
  });

  it('has its playbooks as well: those of the node and of the kernel, swapped together, and after a start without a router', async () => {
    for (const name of ['kernel-1', 'kernel-2']) buildMark(at(name));
    const kill = (where: string, on: string, playbook: string): string =>
      `playbook: ${playbook}\nmode: enforce\non: { ${on} }\nsteps: [{ id: kill, uses: process.kill, where: ${where} }]\n`;
    const inKernel = (name: string): string => kill('kernel', `condition: "proc.exepath = ${at(name)}"`, name);
    const onNode = (name: string): string => kill('node', `rules: [${name}]`, name);
    const runs = (name: string): string =>
      rule(name).replace(/condition: .*/, `condition: evt.type = execve and proc.args endswith ${name}`);
    const killedBy = (name: string): boolean => spawnSync(at(name), [at('mark')]).signal === 'SIGKILL';
    /** By its alert and the first step: long before it would end. */
    const isKilled = async (name: string): Promise<boolean> => {
      const child = spawn('/bin/sh', ['-c', 'read x', name], { stdio: ['pipe', 'ignore', 'ignore'] });
      const patience = setTimeout(() => child.stdin.end('x\n'), 3_000);
      const signal = await new Promise((resolve) => child.once('exit', (_, how) => resolve(how)));
      clearTimeout(patience);
      return signal === 'SIGKILL';
    };
    const first = tree.commit({
      'rules/r.yaml': runs('node-1'),
      'playbooks/k.yaml': inKernel('kernel-1'),
      'playbooks/n.yaml': onNode('node-1'),
    });
    await startRouter();
    await startAgent();
    await uses(first);
    expect([killedBy('kernel-1'), killedBy('kernel-2')]).toEqual([true, false]);
    expect(await isKilled('node-1')).toBe(true);

    const second = tree.commit({ 'playbooks/k.yaml': inKernel('kernel-2'), 'playbooks/n.yaml': undefined });
    await sync();
    await uses(second);
    expect([killedBy('kernel-1'), killedBy('kernel-2')]).toEqual([false, true]);
    expect(await isKilled('node-1')).toBe(false);

    await router.end('SIGKILL');
    await agent?.end();
    expect(killedBy('kernel-2'), 'the programs of the kernel end with the agent').toBe(false);
    await startAgent();
    expect([killedBy('kernel-1'), killedBy('kernel-2')]).toEqual([false, true]);
  });
});
