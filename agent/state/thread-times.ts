import { readdirSync, readFileSync } from 'node:fs';
import { isAlive, listPids } from './proc-folder.ts';
import type { Process } from './process.ts';

const TICK_NS = 10_000_000;
const TICK_MS = 10;
const EACH_MS = 1_000;
/** Threads that are looked at; of the others nothing is known. */
const MOST_THREADS = 32_768;
/** Looked at in one turn of the event loop: a millisecond. */
const AT_ONCE = 64;

type Stat = { readonly startTicks: number; readonly user: number; readonly system: number };
type Sample = Stat & { readonly atMs: number };

/** What rules ask of it. */
export type ThreadTimesNeeds = { readonly threadRates: boolean; readonly threadTotals: boolean };

export type ThreadTimesPorts = {
  /** When capturing began, since boot. */
  readonly startedNs: number;
  readonly nowMs: () => number;
  readonly proc?: string;
};

/**
 * The CPU time of threads, by /proc, while a rule asks for it: what each had when capturing began, and what it used
 * between the last two of the samples that are taken each second. A thread is known by its number and its start.
 */
export class ThreadTimes {
  readonly #ports: ThreadTimesPorts;
  readonly #proc: string;
  /** Of the threads that ran already. */
  #atStart: ReadonlyMap<number, { readonly startTicks: number; readonly ns: number }> = new Map();
  #before: ReadonlyMap<number, Sample> = new Map();
  #last: ReadonlyMap<number, Sample> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #isSampling = false;

  constructor(ports: ThreadTimesPorts) {
    this.#ports = ports;
    this.#proc = ports.proc ?? '/proc';
  }

  /** Once, when capturing begins. Whoever is asked for later only is known if it began later, too. */
  begin({ threadTotals }: ThreadTimesNeeds): void {
    if (!threadTotals) return;
    const found = new Map<number, { startTicks: number; ns: number }>();
    for (const [tid, folder] of threadFolders(this.#proc)) {
      const stat = readStat(folder);
      const ns = readTotal(folder);
      if (stat !== undefined && ns !== undefined) found.set(tid, { startTicks: stat.startTicks, ns });
    }
    this.#atStart = found;
  }

  use({ threadRates }: ThreadTimesNeeds): void {
    if (threadRates) {
      this.#timer ??= setInterval(() => void this.sample(), EACH_MS);
      return;
    }
    this.close();
    this.#before = this.#last = new Map();
  }

  /** Nanoseconds on a CPU since capturing began. */
  total(process: Process, tid: number): number | undefined {
    const folder = `${this.#proc}/${process.pid}/task/${tid}`;
    const stat = readStat(folder);
    const ns = readTotal(folder);
    if (stat === undefined || ns === undefined || !isAlive(process, this.#proc)) return undefined;
    if (stat.startTicks * TICK_NS >= this.#ports.startedNs) return ns;
    const before = this.#atStart.get(tid);
    return before?.startTicks === stat.startTicks ? ns - before.ns : undefined;
  }

  /** Percent of a CPU. */
  rate(process: Process, tid: number): { readonly user: number; readonly system: number } | undefined {
    const [before, last] = [this.#before.get(tid), this.#last.get(tid)];
    if (before === undefined || last === undefined || before.startTicks !== last.startTicks) return undefined;
    const now = readStat(`${this.#proc}/${process.pid}/task/${tid}`);
    if (now?.startTicks !== last.startTicks || !isAlive(process, this.#proc)) return undefined;
    const ticks = (last.atMs - before.atMs) / TICK_MS;
    return { user: (100 * (last.user - before.user)) / ticks, system: (100 * (last.system - before.system)) / ticks };
  }

  async sample(): Promise<void> {
    if (this.#isSampling) return;
    this.#isSampling = true;
    const taken = new Map<number, Sample>();
    let looked = 0;
    for (const [tid, folder] of threadFolders(this.#proc)) {
      const stat = readStat(folder);
      if (stat !== undefined) taken.set(tid, { ...stat, atMs: this.#ports.nowMs() });
      if (++looked % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#before = this.#last;
    this.#last = taken;
    this.#isSampling = false;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function* threadFolders(proc: string): Generator<readonly [tid: number, folder: string]> {
  let left = MOST_THREADS;
  for (const pid of listPids(proc)) {
    for (const tid of namesIn(`${proc}/${pid}/task`)) {
      if (left-- <= 0) return;
      yield [Number(tid), `${proc}/${pid}/task/${tid}`];
    }
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Ended meanwhile.
  }
}

/** proc_pid_stat(5): utime, stime and starttime are fields 14, 15 and 22; the one after the name is the third. */
function readStat(folder: string): Stat | undefined {
  const stat = readText(`${folder}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { user: Number(fields[11]), system: Number(fields[12]), startTicks: Number(fields[19]) };
}

/** Documentation/scheduler/sched-stats.rst: its first number is the time on a CPU in nanoseconds. */
function readTotal(folder: string): number | undefined {
  const found = /^\d+/.exec(readText(`${folder}/schedstat`) ?? '')?.[0];
  return found === undefined ? undefined : Number(found);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined; // Ended, or a kernel without it: nothing is known.
  }
}
