import type { Process } from './process.ts';
import type { ProcessTable } from './process-table.ts';

/** Processes that are looked at in one turn of the event loop: events must not wait for long. */
const AT_ONCE = 32;
/** In a flood that never ends the processes are compared all the same. */
const MOST_TURNS_BEHIND = 1_000;

export type HealPorts = {
  readonly processes: ProcessTable;
  /** The next of all processes, as the kernel lists them; none: that was all, or it makes no such list. */
  readonly nextProcesses: () => readonly Process[];
  readonly listPids: () => readonly number[];
  readonly readProcess: (pid: number) => Process | undefined;
  readonly sinceBootNs: () => number;
  /** Processes were found to be others, or to run something else, than was known. */
  readonly corrected?: () => void;
  /** Takes in events that wait; whether there are more. */
  readonly catchUp: () => boolean;
  /** Goes on after whatever else is due. */
  readonly later: (next: () => void) => void;
};

/** Enters all that run, when nothing is known yet. What the kernel's own list leaves out is read from /proc. */
export function enterAll({ processes, nextProcesses, listPids, readProcess }: EnterPorts): void {
  const seen = new Set<number>();
  for (let some = nextProcesses(); some.length > 0; some = nextProcesses()) {
    for (const process of some) {
      processes.put(process);
      seen.add(process.pid);
    }
  }
  for (const pid of listPids()) {
    const process = seen.has(pid) ? undefined : readProcess(pid);
    if (process !== undefined) processes.put(process);
  }
}

export type EnterPorts = Pick<HealPorts, 'processes' | 'nextProcesses' | 'listPids' | 'readProcess'>;

/**
 * Compares the process table with the kernel, in small steps: after events were lost, and now and then to be sure. Asked
 * again while a comparison is under way, it makes one more.
 */
export function makeHealer(ports: HealPorts): () => void {
  const { processes, nextProcesses, listPids, readProcess, sinceBootNs, corrected, catchUp, later } = ports;
  let isRunning = false;
  let isWantedAgain = false;
  const correct = (fresh: readonly Process[]): void => {
    const before = processes.counters.corrected;
    for (const process of fresh) processes.correct(process);
    if (processes.counters.corrected !== before) corrected?.();
  };
  const run = () => {
    if (isRunning) {
      isWantedAgain = true;
      return;
    }
    isRunning = true;
    isWantedAgain = false;
    begin(MOST_TURNS_BEHIND);
  };
  // What waits is older than what the kernel lists: taken in afterwards, it would bring the past back.
  const begin = (turns: number) => {
    if (catchUp() && turns > 0) later(() => begin(turns - 1));
    else compare();
  };
  const compare = () => {
    const listedNs = sinceBootNs();
    const pids = listPids();
    processes.endMissing(new Set(pids), listedNs);
    const seen = new Set<number>();
    const listed = () => {
      const some = nextProcesses();
      correct(some);
      for (const { pid } of some) seen.add(pid);
      if (some.length > 0) later(listed);
      else rest(pids.filter((pid) => !seen.has(pid)));
    };
    listed();
  };
  /** What the list left out, or all where there is none. */
  const rest = (pids: readonly number[]) => {
    let at = 0;
    const step = () => {
      correct(pids.slice(at, at + AT_ONCE).flatMap((pid) => readProcess(pid) ?? []));
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
