import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startAgent } from '../support/agent.ts';
import { memoryOf } from '../support/process.ts';
import { type Bench, percentile, spreadOf } from './bench.ts';

/** `LANNER_SOAK_MINUTES=3` to try it; what is compared is the first and the last sixth. */
const minutes = Number(process.env['LANNER_SOAK_MINUTES'] ?? 30);
const processesPerSecond = 200;
const sampleMs = 5_000;

const rules = `
- rule: Marked
  desc: d
  condition: evt.type in (execve, execveat) and proc.args startswith alert-
  output: "%proc.name %proc.pname %proc.cmdline %proc.exepath %proc.cwd %proc.aname[2] %user.name %container.id"
  priority: INFO
- rule: Never
  desc: d
  condition: evt.type in (open, openat, connect) and fd.name = /nowhere-at-all
  output: "%fd.name"
  priority: INFO
`;

/** Processes with names, arguments and files that never come twice: what a cache without a bound would keep. */
function startStorm(folder: string): ChildProcess {
  const program = join(folder, 'soak');
  execFileSync('cc', ['-O2', '-o', program, new URL('soak.c', import.meta.url).pathname]);
  return spawn(program, [folder, String(processesPerSecond)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** 200 processes a second for half an hour: the agent's memory at the end against the beginning. */
export const soak: Bench = {
  name: 'soak',
  summary: 'memory of the agent while 200 processes a second start and end, for 30 minutes',
  async run(report) {
    const folder = mkdtempSync(join(tmpdir(), 'lanner-soak-'));
    const agent = await startAgent(rules);
    let storm: ChildProcess | undefined;
    try {
      storm = startStorm(folder);
      let printed = '';
      storm.stdout?.setEncoding('utf8').on('data', (text: string) => {
        printed = `${printed}${text}`.slice(-200);
      });
      const rss: number[] = [];
      const endMs = performance.now() + minutes * 60_000;
      while (performance.now() < endMs) {
        await delay(sampleMs);
        rss.push(memoryOf(agent.pid).rssMb);
        if (storm.exitCode !== null) throw new Error(`the storm ended with ${storm.exitCode}`);
      }
      storm.kill();
      const started = Number(printed.trim().split('\n').at(-1));
      await delay(1_000);
      const part = Math.max(1, Math.floor(rss.length / 6));
      const [first, last] = [rss.slice(0, part), rss.slice(-part)];
      report({
        bench: 'soak.rss_last',
        value: percentile(last, 0.5),
        unit: 'MB',
        spread: spreadOf(last),
        baseline: { what: `the first ${(part * sampleMs) / 1_000} s`, value: percentile(first, 0.5) },
      });
      report({ bench: 'soak.processes', value: started, unit: 'processes' });
      report({
        bench: 'soak.alerts_missing',
        value: Math.max(0, Math.floor(started / 100) - agent.alerts().length),
        unit: 'alerts',
        target: { at: 'most', value: 0 },
      });
    } finally {
      storm?.kill();
      await agent.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
