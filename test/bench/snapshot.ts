import { openCapture } from '../../agent/capture/kernel.ts';
import { memoryProfiles } from '../../agent/config/memory.ts';
import { enterAll } from '../../agent/state/heal.ts';
import { listPids, readProcess, readTitle } from '../../agent/state/proc-folder.ts';
import { ProcessTable } from '../../agent/state/process-table.ts';
import { decodeProcesses } from '../../agent/state/snapshot.ts';
import { type Bench, percentile, spreadOf } from './bench.ts';
import { compileLoops } from './loops.ts';

const PROCESSES = 1_000;
const FILES = 10;
const ROUNDS = 15;

/** What the agent does at its start: 1,000 processes, each with open files, into its table; by the kernel's list and by /proc, in turn. */
export const snapshot: Bench = {
  name: 'snapshot',
  summary: 'CPU time of entering 1,000 running processes with open files, by the kernel’s list and by /proc',
  async run(report) {
    const loops = compileLoops();
    const opened = openCapture({ types: [], ...memoryProfiles.default, onEvent: () => undefined });
    try {
      if (!opened.ok) throw new Error(opened.reason);
      const { capture } = opened;
      const crowd = loops.start(['crowd', PROCESSES, FILES]);
      await crowd.ready;
      const fromKernel = () => {
        const part = capture.snapshot();
        return part === undefined ? [] : decodeProcesses(part, readTitle);
      };
      const figures = { kernel: [] as number[], proc: [] as number[] };
      for (let round = 0; round <= ROUNDS; round++) {
        const kernel = enterMs(fromKernel);
        const proc = enterMs(() => []);
        if (round === 0) continue;
        figures.kernel.push(kernel);
        figures.proc.push(proc);
      }
      capture.close();
      report({
        bench: 'snapshot',
        value: percentile(figures.kernel, 0.5),
        unit: 'ms',
        baseline: { what: 'by /proc', value: percentile(figures.proc, 0.5) },
        spread: spreadOf(figures.kernel),
        target: { at: 'most', value: 30 },
      });
    } finally {
      loops.close();
    }
  },
};

/** CPU time of this process, that which the kernel spends for it included. */
function enterMs(nextProcesses: Parameters<typeof enterAll>[0]['nextProcesses']): number {
  const processes = new ProcessTable(() => undefined);
  const before = process.cpuUsage();
  enterAll({ processes, nextProcesses, listPids, readProcess });
  const { user, system } = process.cpuUsage(before);
  if (processes.size < PROCESSES) throw new Error(`${processes.size} of ${PROCESSES} processes were found`);
  return (user + system) / 1_000;
}
