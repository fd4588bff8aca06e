import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { type Bench, type Figure, percentile, spreadOf } from './bench.ts';
import { watchWithAgent } from './watcher.ts';

const ROUNDS = 7;

type Kind = 'cached' | 'cold';
type Report = (figure: Figure) => void;

/**
 * From the start of `lanner agent` until a file that a rule guards has been read and its alert is there: CPU time of all
 * its threads, and wall time. Cached: a second start on the same host, which finds the compiled code and the kernel's
 * filter; cold: nothing is kept. And the CPU time of making the filter, with its thread, in processes of their own.
 */
export const agentStart: Bench = {
  name: 'agent-start',
  summary: 'CPU and wall time from the start of the agent to its first alert, cached and cold; of making the filter',
  async run(report) {
    for (const kind of ['cached', 'cold'] as const) await measureStarts(kind, report);
    measureFilter(report);
  },
};

async function measureStarts(kind: Kind, report: Report): Promise<void> {
  const rounds: { readonly cpuMs: number; readonly wallMs: number }[] = [];
  const kept = mkdtempSync(join(tmpdir(), 'lanner-bench-kept-'));
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const figures = await startOnce(kind, kept, round === 0);
      if (round > 0) rounds.push(figures);
    }
  } finally {
    rmSync(kept, { recursive: true, force: true });
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

/** The first start leaves what later ones find: it runs until its filter is made. */
async function startOnce(kind: Kind, kept: string, isFirst: boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-bench-start-'));
  const file = join(folder, 'alerts');
  const stdout = openSync(file, 'w');
  const settings =
    kind === 'cold'
      ? { environment: { NODE_COMPILE_CACHE: join(folder, 'cache') } }
      : { dataFolder: join(kept, 'data') };
  const begunMs = performance.now();
  try {
    const agent = await watchWithAgent({ stdout, ...settings });
    try {
      await eventually('an alert', () => {
        readFileSync('/etc/shadow');
        return statSync(file).size > 0 || undefined;
      });
      const figures = { cpuMs: agent.cpuNs() / 1e6, wallMs: performance.now() - begunMs };
      if (isFirst) await agent.rested();
      return figures;
    } finally {
      await agent.close();
    }
  } finally {
    closeSync(stdout);
    rmSync(folder, { recursive: true, force: true });
  }
}

function measureFilter(report: Report): void {
  const script = join(import.meta.dirname, 'filter-make.ts');
  const makeOnce = (): number => {
    const environment = { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, '../../.build/compile-cache') };
    const words = ['--max-semi-space-size=1', script];
    return Number(execFileSync(process.execPath, words, { encoding: 'utf8', env: environment }));
  };
  makeOnce();
  const cpu = Array.from({ length: ROUNDS }, makeOnce);
  report({
    bench: 'agent-start.filter',
    value: percentile(cpu, 0.5),
    unit: 'ms',
    spread: spreadOf(cpu),
    target: { at: 'most', value: 1_000 },
  });
}
