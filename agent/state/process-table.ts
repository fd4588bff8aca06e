import { isStartOf, type Process } from './process.ts';

const PAGE_BITS = 10;
const PAGE_SIZE = 1 << PAGE_BITS;
/** Linux allows no larger pid (PID_MAX_LIMIT, include/linux/threads.h). */
const MOST_PIDS = 1 << 22;
/** Ended processes that are kept, and for how long: late events and children's ancestors still find them. */
const MOST_ENDED = 8_192;
const KEEP_ENDED_NS = 60_000_000_000;
const MOST_ANCESTORS = 64;

/** What is read of a process that no event told about: from /proc, or `undefined` when it is gone. */
export type Heal = (pid: number) => Process | undefined;

export type ProcessCounters = { healed: number; lost: number; replaced: number; evicted: number };

/**
 * Every process of the host by pid, in pages of 1,024: a plain array would be sparse, and a Map degrades under the
 * churn of short-lived processes. Fed by fork, exec and exit; what events did not tell is healed from /proc.
 */
export class ProcessTable {
  readonly counters: ProcessCounters = { healed: 0, lost: 0, replaced: 0, evicted: 0 };
  readonly #pages: (Array<Process | undefined> | undefined)[] = [];
  readonly #heal: Heal;
  /** Ended processes, oldest first, from `#endedFrom` on. */
  #ended: Process[] = [];
  #endedFrom = 0;
  #size = 0;

  constructor(heal: Heal) {
    this.#heal = heal;
  }

  get size(): number {
    return this.#size;
  }

  /** The process that has this pid as far as is known, without looking at /proc. */
  peek(pid: number): Process | undefined {
    return this.#pages[pid >> PAGE_BITS]?.[pid & (PAGE_SIZE - 1)];
  }

  /** The process with this identity; read from /proc when events did not tell about it. */
  find(pid: number, startNs: number): Process | undefined {
    const known = this.peek(pid);
    if (known !== undefined && isStartOf(known.startNs, startNs)) return known;
    const healed = this.healed(pid);
    return healed !== undefined && isStartOf(healed.startNs, startNs) ? healed : undefined;
  }

  /** Takes the process as it is now in /proc, whatever was known before. */
  healed(pid: number): Process | undefined {
    const process = this.#heal(pid);
    if (process === undefined) {
      this.counters.lost++;
      return undefined;
    }
    this.counters.healed++;
    this.put(process);
    return process;
  }

  /** Enters a process: started, seen at the start of the agent, or healed. Links it to its parent. */
  put(process: Process): void {
    if (process.pid <= 0 || process.pid >= MOST_PIDS) return;
    const page = this.#page(process.pid);
    const at = process.pid & (PAGE_SIZE - 1);
    const before = page[at];
    if (before === undefined) this.#size++;
    else if (before.startNs !== process.startNs) this.counters.replaced++;
    page[at] = process;
    process.parent ??= this.#parentOf(process);
  }

  #page(pid: number): Array<Process | undefined> {
    const known = this.#pages[pid >> PAGE_BITS];
    if (known !== undefined) return known;
    const page = new Array<Process | undefined>(PAGE_SIZE).fill(undefined);
    this.#pages[pid >> PAGE_BITS] = page;
    return page;
  }

  /** By start time where that is known; else a parent started no later than its child, or the pid has a new owner. */
  #parentOf(process: Process): Process | undefined {
    const parent = this.peek(process.ppid);
    if (parent === undefined || parent === process) return undefined;
    const { parentStartNs } = process;
    const fits =
      parentStartNs === undefined ? parent.startNs <= process.startNs : isStartOf(parent.startNs, parentStartNs);
    return fits ? parent : undefined;
  }

  /** Marks the end. The entry goes when it is old or when too many have ended. */
  exit(pid: number, startNs: number, timeNs: number): void {
    const process = this.peek(pid);
    if (process === undefined || !isStartOf(process.startNs, startNs) || process.exitNs !== undefined) return;
    process.exitNs = timeNs;
    this.#ended.push(process);
    this.#forget(timeNs);
  }

  #forget(nowNs: number): void {
    while (this.#endedFrom < this.#ended.length) {
      const oldest = this.#ended[this.#endedFrom];
      if (oldest === undefined) break;
      const many = this.#ended.length - this.#endedFrom > MOST_ENDED;
      if (!many && nowNs - (oldest.exitNs ?? 0) < KEEP_ENDED_NS) break;
      if (many) this.counters.evicted++;
      this.#endedFrom++;
      const page = this.#pages[oldest.pid >> PAGE_BITS];
      const at = oldest.pid & (PAGE_SIZE - 1);
      if (page?.[at] === oldest) {
        page[at] = undefined;
        this.#size--;
      }
      // Children hold on to their parent, and it to its own: an endless chain of ended ones must not grow.
      oldest.parent = undefined;
    }
    if (this.#endedFrom > MOST_ENDED) {
      this.#ended = this.#ended.slice(this.#endedFrom);
      this.#endedFrom = 0;
    }
  }

  /** The parent as it is now: the one noted at the start, running what it runs since. */
  parentOf(process: Process): Process | undefined {
    if (process.parent === undefined && process.ppid > 0) {
      if (this.peek(process.ppid) === undefined) this.healed(process.ppid);
      process.parent = this.#parentOf(process);
    }
    const { parent } = process;
    if (parent === undefined) return undefined;
    const now = this.peek(parent.pid);
    if (now !== undefined && now !== parent && isStartOf(now.startNs, parent.startNs)) process.parent = now;
    return process.parent;
  }

  /** Ancestor `level` steps up: 0 is the process itself. */
  ancestor(process: Process, level: number): Process | undefined {
    let current: Process | undefined = process;
    for (let step = 0; step < level && current !== undefined; step++) current = this.parentOf(current);
    return current;
  }

  /** The parent first, up to the oldest that is known. */
  ancestors(process: Process): Process[] {
    const found: Process[] = [];
    let current = this.parentOf(process);
    while (current !== undefined && found.length < MOST_ANCESTORS) {
      found.push(current);
      current = this.parentOf(current);
    }
    return found;
  }
}
