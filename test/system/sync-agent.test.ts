import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { makeWorkTree, type WorkTree } from '../support/git.ts';
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
    expect(agent?.lines.join('\n')).toContain('rules that the router gave earlier');
    await fires('two');
    await startRouter();
    await uses(third);
  });
});
