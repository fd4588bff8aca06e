import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { makeWorkTree, type WorkTree } from '../support/git.ts';
import { runLanner } from '../support/lanner.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

const rule = (name: string): string =>
  `- rule: ${name}\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n`;
/** A playbook that writes its name to the run's log step, after waiting. */
const playbook = (name: string, seconds = '0'): string =>
  `playbook: ${name}\nmode: enforce\non: {rules: [Wanted]}\nsteps:\n- id: wait\n  uses: program\n  with: {argv: [/bin/sleep, '${seconds}']}\n- id: say\n  uses: program\n  with: {argv: [/bin/echo, ${name}]}\n`;

const status = z.object({ commit: z.string().nullable(), playbooks: z.array(z.string()) });
const runs = z.object({
  runs: z.array(
    z.looseObject({
      playbook: z.string(),
      state: z.string(),
      revision: z.string().optional(),
      steps: z.array(z.looseObject({ detail: z.string() })),
    }),
  ),
});
const SECRET = 'hook-secret';

let place: Place;
let tree: WorkTree;
let router: RouterProcess;

beforeEach(async () => {
  place = await makePlace();
  tree = makeWorkTree(place.dataFolder);
});
afterEach(async () => {
  await router?.end();
  place.remove();
});

async function start(): Promise<void> {
  const file = join(place.dataFolder, 'router.yaml');
  writeFileSync(join(place.dataFolder, 'hook'), SECRET);
  const hook = join(place.dataFolder, 'hook');
  writeFileSync(file, `git: {url: '${tree.url}', interval: 1h, webhook: {secret_file: ${hook}}}\n`);
  router = await startRouterAt(place, ['--config', file]);
}

const now = async () => status.parse(await (await place.get('/api/status')).json());
const uses = (commit: string) =>
  eventually(`commit ${commit}`, async () => ((await now()).commit === commit ? true : undefined));
const api = ['--router'] as const;
const sync = (...args: readonly string[]) =>
  runLanner('sync', ...args, ...api, place.url, '--token-file', join(place.dataFolder, 'token'));

async function push(secret = SECRET): Promise<number> {
  const body = JSON.stringify({ ref: 'refs/heads/main' });
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  const headers = { 'x-hub-signature-256': signature, 'content-type': 'application/json' };
  return (await fetch(`${place.url}/hooks/git`, { method: 'POST', headers, body })).status;
}

describe('rules and playbooks in git', () => {
  it('are taken as a whole or not at all; what is wrong is named, and the last good commit stays', async () => {
    const first = tree.commit({ 'playbooks/a.yaml': playbook('one'), 'rules/r.yaml': rule('R') });
    await start();
    await uses(first);
    expect((await now()).playbooks).toEqual(['one']);

    const bad = tree.commit({
      'playbooks/a.yaml': playbook('two'),
      'rules/r.yaml': rule('R').replace('evt.type', 'evt.typ'),
    });
    const refused = await sync();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('rules/r.yaml:3:14: error[LOAD_ERR_COMPILE_CONDITION]: unknown field evt.typ');
    expect((await now()).commit).toBe(first);
    const alerts = await (await place.get('/api/alerts')).text();
    expect(alerts).toContain('Lanner internal: sync refused');
    expect(alerts).toContain(bad);

    tree.commit({
      'rules/r.yaml': rule('R'),
      'playbooks/a.test.yaml': '- test: t\n  playbook: two\n  alert: {rule: Wanted}\n  expect: none\n',
    });
    expect((await sync()).stderr).toMatch(/playbooks\/a\.test\.yaml:4:11: error\[PLAYBOOK_TEST_FAILED\]: t:/);
    const good = tree.commit({ 'playbooks/a.test.yaml': undefined });
    expect((await sync()).stdout).toBe(`now used: ${good}\n`);
    expect(await now()).toEqual({ commit: good, playbooks: ['two'] });
    const metrics = await (await place.get('/metrics')).text();
    expect(metrics).toContain(`lanner_revision_info{commit="${good}"} 1`);
    expect(metrics).not.toContain(`lanner_revision_info{commit="${first}"}`);
  });

  it('follow a signed push, and no other', async () => {
    await uses(await commitAndStart());
    const next = tree.commit({ 'playbooks/a.yaml': playbook('two') });
    expect(await push('wrong')).toBe(401);
    expect((await now()).commit).not.toBe(next);
    expect(await push()).toBe(202);
    expect(await now()).toEqual({ commit: next, playbooks: ['two'] });
  });

  it('do not follow a rewritten branch until a person names the commit, and can be taken back', async () => {
    const first = await commitAndStart();
    await uses(first);
    const second = tree.commit({ 'playbooks/a.yaml': playbook('two') });
    await sync();
    tree.git('reset', '-q', '--hard', first);
    const other = tree.commit({ 'playbooks/a.yaml': playbook('three') });
    expect((await sync()).stderr).toContain('the branch was rewritten');
    expect((await now()).commit).toBe(second);
    expect((await sync('--to', other)).stdout).toBe(`now used: ${other}\n`);

    expect((await sync('--to', first.slice(0, 10))).stdout).toBe(`now used: ${first}\n`);
    await push();
    expect(await now()).toEqual({ commit: first, playbooks: ['one'] });
    expect((await sync()).stdout).toBe(`now used: ${other}\n`);
    expect((await sync('--to', second)).stderr).toContain('not in the history');
  });

  it('end each run on the commit that it began on, and say which', async () => {
    const first = tree.commit({ 'playbooks/a.yaml': playbook('p', '2').replace('[/bin/echo, p]', '[/bin/echo, old]') });
    await start();
    await uses(first);
    const alert = (time: string) => ({ time, rule: 'Wanted', priority: 'Notice' });
    await place.post(alert('2026-11-28T10:00:00Z'));
    await eventually('the run', async () => ((await allRuns()).length === 1 ? true : undefined));
    const second = tree.commit({ 'playbooks/a.yaml': playbook('p').replace('[/bin/echo, p]', '[/bin/echo, new]') });
    await push();
    await place.post(alert('2026-11-28T10:00:01Z'));
    const ended = await eventually('both runs', async () => {
      const all = await allRuns();
      return all.length === 2 && all.every(({ state }) => state === 'done') ? all : undefined;
    });
    const said = ended.map(({ revision, steps }) => [revision, /: (\w+)$/.exec(steps[1]?.detail ?? '')?.[1]]);
    expect(said.sort()).toEqual(
      [
        [first, 'old'],
        [second, 'new'],
      ].sort(),
    );
  });

  it('are one commit or the other after the router was killed in the middle of a swap', async () => {
    let last = await commitAndStart();
    await uses(last);
    for (let round = 0; round < 4; round++) {
      const before = last;
      last = tree.commit({ 'playbooks/a.yaml': playbook(`round${round}`) });
      void push().catch(() => undefined); // It dies meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 30 + round * 25));
      await router.end('SIGKILL');
      await start();
      const { commit, playbooks } = await eventually('a commit', async () => {
        const found = await now();
        return found.commit === null ? undefined : found;
      });
      expect([before, last]).toContain(commit);
      expect(playbooks).toEqual([commit === last ? `round${round}` : round === 0 ? 'one' : `round${round - 1}`]);
      await uses(last);
    }
  });
});

async function commitAndStart(): Promise<string> {
  const first = tree.commit({ 'playbooks/a.yaml': playbook('one') });
  await start();
  return first;
}

async function allRuns() {
  return runs.parse(await (await place.get('/api/runs')).json()).runs;
}
