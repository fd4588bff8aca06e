import { numberOfCall } from '../events/calls.ts';

/**
 * How the ends of system calls are come by: `typed`, one hook for all on the tracepoint itself; `perf`, one for all through
 * perf; `each`, one for each wanted call through perf.
 */
export type Way = 'typed' | 'perf' | 'each';

/** What is chosen, and why: a clause. */
export type Choice = { readonly way: Way; readonly reason: string };

export type KernelFacts = {
  /** uname(2). */
  readonly release: string;
  /** Whether calls can be made as 32-bit programs make them, or by x32's numbers. */
  readonly takesOtherEntries: boolean;
};

/** More hooks than this are one for all: each costs two descriptors at its start, and every call that is made two look-ups. */
const HOOKS_MAX = 128;
/** The first whose tracepoints run with preemption on (native/README.md). */
const PREEMPTIBLE = 7;

/** Whether typed hooks can be preempted on this kernel (uname(2)), and then lose events. */
export const isPreemptible = (release: string): boolean => Number.parseInt(release, 10) >= PREEMPTIBLE;

/** The cheapest way that misses nothing; native/README.md has the figures, and why functions are not hooked instead. */
export function chooseWay({ release, takesOtherEntries }: KernelFacts): Choice {
  if (!takesOtherEntries) {
    return { way: 'each', reason: 'this kernel takes neither 32-bit nor x32 calls, which hooks of single calls miss' };
  }
  if (isPreemptible(release)) {
    return {
      way: 'perf',
      reason: 'hooks of single calls miss 32-bit ones, and typed ones lose events to preemption here',
    };
  }
  return { way: 'typed', reason: 'hooks of single calls miss 32-bit ones' };
}

/** What the doctor and the log say of a way. */
export const describeWay = ({ way, reason }: Choice): string => `${sentences[way]}, because ${reason}`;

/** The same of what does not depend on what is asked for. */
export const describeLifecycle = (release: string): string =>
  isPreemptible(release)
    ? 'exec, fork, exit by typed tracepoints (tp_btf), which lose events to preemption here, and once more through perf; io_uring through perf'
    : 'exec, fork, exit, io_uring by typed tracepoints (tp_btf)';

const sentences: Readonly<Record<Way, string>> = {
  typed: 'system calls by one typed hook (sys_exit) and a table of numbers',
  perf: 'system calls by one hook through perf (raw_syscalls/sys_exit) and a table of numbers',
  each: 'each system call that is asked for by a hook of its own (syscalls/sys_exit_*)',
};

/** Where all calls end. */
const allCalls = 'raw_syscalls/sys_exit';

/** Calls whose tracepoint has the name of the kernel's function (SYSCALL_DEFINE), which is another. */
const functionNames: Readonly<Record<string, string>> = {
  stat: 'newstat',
  fstat: 'newfstat',
  lstat: 'newlstat',
  uname: 'newuname',
  umount2: 'umount',
  pread: 'pread64',
  pwrite: 'pwrite64',
  prlimit: 'prlimit64',
  sendfile: 'sendfile64',
};

/** The tracepoints of single calls; what is no call has none. */
export function eventsOf(types: Iterable<string>): readonly string[] {
  const calls = [...new Set(types)].filter((type) => numberOfCall(type) !== undefined);
  return calls.map((call) => `syscalls/sys_exit_${functionNames[call] ?? call}`).toSorted();
}

/** Puts a program on exactly these tracepoints; those that the kernel has not. */
export type Hook = (events: readonly string[]) => readonly string[];

/** Where the kernel side is hooked: it follows what is wanted. */
export class Hooks {
  readonly #hook: Hook;
  #choice: Choice;
  #events: readonly string[] = [];

  constructor(choice: Choice, hook: Hook) {
    this.#choice = choice;
    this.#hook = hook;
  }

  /**
   * From now on these types are seen. A call without a tracepoint of its own can still be made, and fails: then all are seen
   * by one hook, until the end. For a moment both see the same calls.
   */
  use(types: Iterable<string>): void {
    const { way } = this.#choice;
    if (way === 'typed') return;
    const obstacle = way === 'each' ? this.#hookEach(eventsOf(types)) : undefined;
    if (way === 'each' && obstacle === undefined) return;
    if (obstacle !== undefined) this.#choice = { way: 'perf', reason: obstacle };
    this.#events = [allCalls];
    const missing = this.#hook(this.#events);
    if (missing.length > 0) throw new Error(`the kernel has no tracepoint ${missing.join(', ')}`);
  }

  /** Why that cannot be. */
  #hookEach(events: readonly string[]): string | undefined {
    if (events.length > HOOKS_MAX) return `${events.length} calls are asked for`;
    try {
      const missing = this.#hook(events);
      if (missing.length > 0) return `the kernel has no tracepoint ${missing.join(', ')}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    this.#events = events;
    return undefined;
  }

  get choice(): Choice {
    return this.#choice;
  }

  /** How many there are for system calls. */
  get count(): number {
    return this.#choice.way === 'typed' ? 1 : this.#events.length;
  }
}
