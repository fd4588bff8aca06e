import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { type Bench, percentile, spreadOf } from './bench.ts';
import { watchWithAgent } from './watcher.ts';

const ROUNDS = 7;

/**
 * From the start of `lanner agent` until a file that a rule guards has been read and its alert is there: CPU time of all
 * its threads, and wall time. Cached: with what earlier starts left (compiled code); cold: without.
 */
export const agentStart: Bench = {
  name: 'agent-start',
  summary: 'CPU and wall time from the start of the agent to its first alert, cached and cold',
  async run(report) {
    for (const kind of ['cached', 'cold'] as const) {
      const rounds: { readonly cpuMs: number; readonly wallMs: number }[] = [];
      for (let round = 0; round <= ROUNDS; round++) {
        const figures = await startOnce(kind);
        if (round > 0) rounds.push(figures);
      }
      const cpu = rounds.map(({ cpuMs }) => cpuMs);
      const wall = rounds.map(({ wallMs }) => wallMs);
      report({
        bench: `agent-start.${kind}.cpu`,
        value: percentile(cpu, 0.5),
        unit: 'ms',
        spread: spreadOf(cpu),
        target: { at: 'most', value: kind === 'cached' ? 150 : 1_500 },
      });
      report({ bench: `agent-start.${kind}.wall`, value: percentile(wall, 0.5), unit: 'ms', spread: spreadOf(wall) });
    }
  },
};

async function startOnce(kind: 'cached' | 'cold') {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-bench-start-'));
  const file = join(folder, 'alerts');
  const stdout = openSync(file, 'w');
  const environment: Readonly<Record<string, string>> =
    kind === 'cold' ? { NODE_COMPILE_CACHE: join(folder, 'cache') } : {};
  const begunMs = performance.now();
  try {
    const agent = await watchWithAgent({ stdout, environment });
    try {
      await eventually('an alert', () => {
        readFileSync('/etc/shadow');
        return statSync(file).size > 0 || undefined;
      });
      return { cpuMs: agent.cpuNs() / 1e6, wallMs: performance.now() - begunMs };
    } finally {
      await agent.close();
    }
  } finally {
    closeSync(stdout);
    rmSync(folder, { recursive: true, force: true });
  }
}
