import type { Process } from './process.ts';
import type { ProcessTable } from './process-table.ts';

/** Processes that are looked at in one turn of the event loop: events must not wait for long. */
const AT_ONCE = 32;

export type HealPorts = {
  readonly processes: ProcessTable;
  readonly listPids: () => readonly number[];
  readonly readProcess: (pid: number) => Process | undefined;
  readonly sinceBootNs: () => number;
  /** Goes on after whatever else is due. */
  readonly later: (next: () => void) => void;
};

/**
 * Compares the process table with the kernel, in small steps: after events were lost, and now and then to be sure. Asked
 * again while a comparison is under way, it makes one more.
 */
export function makeHealer(ports: HealPorts): () => void {
  const { processes, listPids, readProcess, sinceBootNs, later } = ports;
  let isRunning = false;
  let isWantedAgain = false;
  const run = () => {
    if (isRunning) {
      isWantedAgain = true;
      return;
    }
    isRunning = true;
    isWantedAgain = false;
    const listedNs = sinceBootNs();
    const pids = listPids();
    processes.endMissing(new Set(pids), listedNs);
    let at = 0;
    const step = () => {
      for (const pid of pids.slice(at, at + AT_ONCE)) {
        const fresh = readProcess(pid);
        if (fresh !== undefined) processes.correct(fresh);
      }
      at += AT_ONCE;
      if (at < pids.length) {
        later(step);
        return;
      }
      isRunning = false;
      if (isWantedAgain) later(run);
    };
    step();
  };
  return run;
}
