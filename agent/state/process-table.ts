import { isStartOf, type Process } from './process.ts';
import { Programs } from './programs.ts';

const PAGE_BITS = 10;
const PAGE_SIZE = 1 << PAGE_BITS;
/** Linux allows no larger pid (PID_MAX_LIMIT, include/linux/threads.h). */
const MOST_PIDS = 1 << 22;
/** Ended processes that are kept, and for how long: late events and children's ancestors still find them. */
const MOST_ENDED = 8_192;
const KEEP_ENDED_NS = 60_000_000_000;
const MOST_ANCESTORS = 64;
const MOST_ENDS = 1_024;
const TICK_NS = 10_000_000;

/** What is read of a process that no event told about: from /proc, or `undefined` when it is gone. */
export type Heal = (pid: number) => Process | undefined;

export type ProcessCounters = {
  /** Read from /proc, because no event told about them. */
  healed: number;
  lost: number;
  replaced: number;
  evicted: number;
  /** Found by a comparison with /proc to have ended, or to run something else, without an event that told. */
  corrected: number;
};

/**
 * Every process of the host by pid, in pages of 1,024: a plain array would be sparse, and a Map degrades under the
 * churn of short-lived processes. Fed by fork, exec and exit; what events did not tell is healed from /proc.
 */
export class ProcessTable {
  /** Goes up whenever a process starts, changes, ends or is forgotten. */
  version = 0;
  readonly counters: ProcessCounters = { healed: 0, lost: 0, replaced: 0, evicted: 0, corrected: 0 };
  readonly programs = new Programs();
  readonly #pages: (Array<Process | undefined> | undefined)[] = [];
  readonly #heal: Heal;
  readonly #mostEnded: number;
  /** Ended processes, oldest first, from `#endedFrom` on. */
  #ended: Process[] = [];
  #endedFrom = 0;
  #size = 0;
  /** Ends of processes that are not known: their start may only be on its way. By pid, the start time. */
  readonly #endedUnknown = new Map<number, { readonly startNs: number; readonly timeNs: number }>();

  constructor(heal: Heal, mostEnded = MOST_ENDED) {
    this.#heal = heal;
    this.#mostEnded = mostEnded;
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
    // Of two owners of a pid the later one stays: after a loss the list of what runs is ahead of events that still wait.
    if (before !== undefined && before.startNs > process.startNs && !isStartOf(before.startNs, process.startNs)) return;
    if (before === undefined) this.#size++;
    else if (before.startNs !== process.startNs) this.counters.replaced++;
    else if (before !== process) supersede(before, process);
    page[at] = process;
    this.version++;
    process.parent ??= this.#parentOf(process);
    if (process.parent !== undefined) process.parent.isParent = true;
    const end = this.#endedUnknown.get(process.pid);
    if (end === undefined) return;
    this.#endedUnknown.delete(process.pid);
    if (isStartOf(end.startNs, process.startNs)) this.exit(process.pid, process.startNs, end.timeNs);
  }

  #page(pid: number): Array<Process | undefined> {
    const known = this.#pages[pid >> PAGE_BITS];
    if (known !== undefined) return known;
    const page = new Array<Process | undefined>(PAGE_SIZE).fill(undefined);
    this.#pages[pid >> PAGE_BITS] = page;
    return page;
  }

  /**
   * By start time where that is known; else a parent started no later than its child, or the pid has a new owner. /proc
   * gives starts in ticks, so a child may seem to have started before a parent of the same tick.
   */
  #parentOf(process: Process): Process | undefined {
    const parent = this.peek(process.ppid);
    if (parent === undefined || parent === process) return undefined;
    const { parentStartNs } = process;
    const fits =
      parentStartNs === undefined
        ? parent.startNs <= process.startNs || isStartOf(parent.startNs, process.startNs)
        : isStartOf(parent.startNs, parentStartNs);
    return fits ? parent : undefined;
  }

  /** Marks the end. The entry goes when it is old or when too many have ended. */
  exit(pid: number, startNs: number, timeNs: number): void {
    const process = this.peek(pid);
    if (process === undefined || !isStartOf(process.startNs, startNs)) {
      if (process === undefined || process.startNs < startNs) this.#rememberEnd(pid, { startNs, timeNs });
      return;
    }
    if (process.exitNs !== undefined) return;
    process.exitNs = timeNs;
    this.version++;
    this.#ended.push(process);
    this.#forget(timeNs);
  }

  #rememberEnd(pid: number, end: { readonly startNs: number; readonly timeNs: number }): void {
    if (this.#endedUnknown.size >= MOST_ENDS) {
      const oldest = this.#endedUnknown.keys().next().value;
      if (oldest !== undefined) this.#endedUnknown.delete(oldest);
    }
    this.#endedUnknown.set(pid, end);
  }

  /** Takes what /proc says of a process now for true; events about it were lost. */
  correct(fresh: Process): void {
    const known = this.peek(fresh.pid);
    if (known === undefined || !isStartOf(known.startNs, fresh.startNs)) {
      this.counters.corrected++;
      this.put(fresh);
      return;
    }
    if (known.exitNs !== undefined || isSame(known, fresh)) return;
    this.counters.corrected++;
    this.put({ ...fresh, startNs: known.startNs, parent: known.ppid === fresh.ppid ? known.parent : undefined });
  }

  /** Ends what runs no more, by a list of all pids that was made at `listedNs` since boot. */
  endMissing(pids: ReadonlySet<number>, listedNs: number): void {
    for (const page of this.#pages) {
      for (const process of page ?? []) {
        if (process === undefined || process.exitNs !== undefined || process.startNs >= listedNs) continue;
        if (pids.has(process.pid)) continue;
        this.counters.corrected++;
        this.exit(process.pid, process.startNs, listedNs);
      }
    }
  }

  #forget(nowNs: number): void {
    while (this.#endedFrom < this.#ended.length) {
      const oldest = this.#ended[this.#endedFrom];
      if (oldest === undefined) break;
      const many = this.#ended.length - this.#endedFrom > this.#mostEnded;
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
      if (oldest.earlier !== undefined) oldest.earlier.parent = undefined;
    }
    if (this.#endedFrom > this.#mostEnded) {
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
    const isNewer = now !== undefined && now !== parent && isStartOf(now.startNs, parent.startNs);
    const found = isNewer ? now : parent;
    found.isParent = true;
    process.parent = found;
    return found;
  }

  /** Pids of all that live and descend from this process as far as is known, also through parents that have ended. */
  descendants(pid: number, startTicks: bigint): number[] {
    const root = this.peek(pid);
    if (root === undefined || !isStartOf(root.startNs, Number(startTicks) * TICK_NS)) return [];
    const isBelow = new Map<Process, boolean>([[root, true]]);
    const descends = (process: Process, depth: number): boolean => {
      const known = isBelow.get(process);
      if (known !== undefined) return known;
      // An object that was superseded by an exec stands for the same process.
      const isRoot = process.pid === pid && isStartOf(process.startNs, root.startNs);
      const { parent } = process;
      const answer = isRoot || (parent !== undefined && depth < MOST_ANCESTORS && descends(parent, depth + 1));
      isBelow.set(process, answer);
      return answer;
    };
    const found: number[] = [];
    for (const page of this.#pages) {
      for (const process of page ?? []) {
        if (process === undefined || process.exitNs !== undefined || process.pid === pid) continue;
        if (descends(process, 0)) found.push(process.pid);
      }
    }
    return found;
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

/**
 * A process that changed is a new object; the one before stays for events that wait and children that point to it. Of
 * those that children point to, the one before that loses its parent, so that no chain of them grows without end.
 */
function supersede(before: Process, process: Process): void {
  const { earlier } = before;
  before.earlier = undefined;
  if (!before.isParent) {
    process.earlier = earlier;
    return;
  }
  if (earlier !== undefined) earlier.parent = undefined;
  process.earlier = before;
}

function isSame(known: Process, fresh: Process): boolean {
  const [one, other] = [known.context, fresh.context];
  const [{ exePath, argv }, { exePath: otherPath, argv: otherArgv }] = [known.program, fresh.program];
  return (
    known.comm === fresh.comm &&
    exePath === otherPath &&
    known.ppid === fresh.ppid &&
    one.cwd === other.cwd &&
    one.sid === other.sid &&
    one.pgid === other.pgid &&
    one.uid === other.uid &&
    one.tty === other.tty &&
    one.cgroup === other.cgroup &&
    argv.length === otherArgv.length &&
    argv.every((argument, index) => argument === otherArgv[index])
  );
}
