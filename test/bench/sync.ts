import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { makeWorkTree } from '../support/git.ts';
import { makePlace, startRouterAt } from '../support/router.ts';
import { type Bench, percentile, spreadOf } from './bench.ts';

const ROUNDS = 40;
const SECRET = 'of the benchmark';
const status = z.object({ commit: z.string().nullable() });
const rules = ['falco_rules', 'falco-incubating_rules', 'falco-sandbox_rules'].map((name) => ({
  path: `rules/${name}.yaml`,
  text: readFileSync(new URL(`../../../shared/conformance/rules/${name}.yaml`, import.meta.url), 'utf8'),
}));

/** A commit was pushed, its webhook is sent: until the router uses it. The repository holds Falco's rules and one playbook. */
export const sync: Bench = {
  name: 'sync',
  summary: 'time from the webhook of a push to the playbooks of its commit being used',
  async run(report) {
    const place = await makePlace();
    const tree = makeWorkTree(place.dataFolder);
    const file = join(place.dataFolder, 'router.yaml');
    const hook = join(place.dataFolder, 'hook');
    writeFileSync(hook, SECRET);
    writeFileSync(file, `git: {url: '${tree.url}', interval: 1h, webhook: {secret_file: ${hook}}}\n`);
    const commit = (round: number): string =>
      tree.commit({
        ...Object.fromEntries(rules.map(({ path, text }) => [path, text])),
        'playbooks/p.yaml': `playbook: p${round}\non: {rules: [R]}\nsteps: [{id: l, uses: program, with: {argv: [/bin/true]}}]\n`,
      });
    let wanted = commit(0);
    const isUsed = async (): Promise<true | undefined> =>
      status.parse(await (await place.get('/api/status')).json()).commit === wanted ? true : undefined;
    const router = await startRouterAt(place, ['--config', file]);
    try {
      await eventually('the first commit', isUsed);
      const samples: number[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        wanted = commit(round);
        const body = JSON.stringify({ ref: 'refs/heads/main', after: wanted });
        const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
        const begunMs = performance.now();
        await fetch(`${place.url}/hooks/git`, { method: 'POST', headers: { 'x-hub-signature-256': signature }, body });
        // The answer comes when it has been looked at; that it is used is asked for all the same.
        await eventually('the commit', isUsed);
        samples.push(performance.now() - begunMs);
      }
      const value = percentile(samples, 0.5);
      const target = { at: 'most', value: 250 } as const;
      report({ bench: 'sync: push to active', value, unit: 'ms', spread: spreadOf(samples), target });
    } finally {
      await router.end();
      place.remove();
    }
  },
};
