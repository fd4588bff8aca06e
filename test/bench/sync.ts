import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { makeWorkTree } from '../support/git.ts';
import { makePlace, type Place, startRouterAt } from '../support/router.ts';
import { type Bench, percentile, spreadOf } from './bench.ts';

const ROUNDS = 25;
const SECRET = 'of the benchmark';
const status = z.object({ commit: z.string().nullable() });
const nodes = z.object({
  nodes: z.array(z.looseObject({ rules: z.object({ commit: z.string(), ok: z.boolean() }).optional() })),
});
const rules = ['falco_rules', 'falco-incubating_rules', 'falco-sandbox_rules'].map((name) => ({
  path: `rules/${name}.yaml`,
  text: readFileSync(new URL(`../../../shared/conformance/rules/${name}.yaml`, import.meta.url), 'utf8'),
}));

/**
 * A commit was pushed, its webhook is sent: until the router uses its playbooks, and an agent its rules. The repository
 * holds Falco's three files of rules and one playbook; by turns a push changes the playbook alone, and a rule as well.
 */
export const sync: Bench = {
  name: 'sync',
  summary: 'time from the webhook of a push to its playbooks being used by the router, and its rules by an agent',
  async run(report) {
    const place = await makePlace();
    const tree = makeWorkTree(place.dataFolder);
    const file = join(place.dataFolder, 'router.yaml');
    const hook = join(place.dataFolder, 'hook');
    writeFileSync(hook, SECRET);
    writeFileSync(file, `git: {url: '${tree.url}', interval: 1h, webhook: {secret_file: ${hook}}}\n`);
    const commit = (playbook: number, rule: number): string =>
      tree.commit({
        ...Object.fromEntries(rules.map(({ path, text }) => [path, text])),
        'rules/own.yaml': `- rule: own\n  desc: d\n  condition: evt.type = open and fd.name = /r${rule}\n  output: o\n  priority: INFO\n`,
        'playbooks/p.yaml': `playbook: p${playbook}\non: {rules: [R]}\nsteps: [{id: l, uses: program, with: {argv: [/bin/true]}}]\n`,
      });
    let wanted = commit(0, 0);
    const isUsed = async (): Promise<true | undefined> =>
      status.parse(await read(place, '/api/status')).commit === wanted ? true : undefined;
    const isUsedByAgent = async (): Promise<true | undefined> =>
      nodes.parse(await read(place, '/api/nodes')).nodes.some(({ rules: of }) => of?.commit === wanted && of.ok) ||
      undefined;
    const router = await startRouterAt(place, ['--config', file]);
    const agent = startAgent(place);
    try {
      await eventually('the first commit', isUsed);
      await eventually('the agent to use it', isUsedByAgent, 60_000);
      const taken: Record<'playbook' | 'rule' | 'agent', number[]> = { playbook: [], rule: [], agent: [] };
      for (let round = 1; round <= 2 * ROUNDS; round++) {
        const isRule = round % 2 === 0;
        wanted = commit(round, isRule ? round : round - 1);
        const body = JSON.stringify({ ref: 'refs/heads/main', after: wanted });
        const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
        const begunMs = performance.now();
        await fetch(`${place.url}/hooks/git`, { method: 'POST', headers: { 'x-hub-signature-256': signature }, body });
        // The answer comes when it has been looked at; that it is used is asked for all the same.
        await eventually('the commit', isUsed);
        taken[isRule ? 'rule' : 'playbook'].push(performance.now() - begunMs);
        await eventually('the agent to use it', isUsedByAgent, 30_000);
        if (isRule) taken.agent.push(performance.now() - begunMs);
      }
      const told = (bench: string, samples: readonly number[], most: number): void => {
        const target = { at: 'most', value: most } as const;
        report({ bench, value: percentile(samples, 0.5), unit: 'ms', spread: spreadOf(samples), target });
      };
      told('sync: push of a playbook to active', taken.playbook, 250);
      told('sync: push of a rule to active', taken.rule, 250);
      told('sync: push of a rule to active on an agent', taken.agent, 1_000);
    } finally {
      await agent.end();
      await router.end();
      place.remove();
    }
  },
};

async function read(place: Place, path: string): Promise<unknown> {
  return (await place.get(path)).json();
}

/** One that takes its rules from the router, and watches this machine. */
function startAgent({ url, dataFolder }: Place): { end(): Promise<void> } {
  const token = join(dataFolder, 'token');
  const words = ['lanner.ts', 'agent', '--data', join(dataFolder, 'agent'), '--router', url, '--token-file', token];
  const cwd = new URL('../..', import.meta.url).pathname;
  const child: ChildProcess = spawn(process.execPath, words, { cwd, stdio: 'ignore' });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  return {
    async end() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}
