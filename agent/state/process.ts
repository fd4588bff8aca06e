/**
 * A process as the agent knows it; all text is byte strings. Identity is (pid, start time): see `isStartOf`. What is
 * not known is `undefined`. A process that changes is a new object, so that an event that waits keeps what it was; what
 * did not change is shared, with its parent as well: thousands of ended ones are kept, and most never had an own.
 * Whoever makes one names all keys in this order: V8 then has one form for all of them.
 */
export type Process = {
  readonly pid: number;
  /** start_boottime of the thread-group leader, nanoseconds since boot; a multiple of 10 ms when read from /proc. */
  readonly startNs: number;
  ppid: number;
  /** The parent's start time, where an event told it: what has the parent's pid now may be another process. */
  parentStartNs: number | undefined;
  /** The parent when it was known; it may have exited since. Pid 1 has none. */
  parent: Process | undefined;
  /** At most 15 bytes (TASK_COMM_LEN). */
  readonly comm: string;
  /** In the innermost pid namespace. */
  readonly vpid: number | undefined;
  readonly program: Program;
  readonly context: Context;
  /** What it ran first in its cgroup, when that was another program: a shell often becomes the command that it was given. */
  readonly firstArgv: readonly string[] | undefined;
  /** Time of the last exec since boot, where it was seen. */
  readonly execNs: number | undefined;
  /** Time of the end; ended processes stay a while for their children's sake. */
  exitNs: number | undefined;
  /** Another one points to it. */
  isParent: boolean;
  /** What it was before its last change, where others point to that. */
  earlier: Process | undefined;
};

/** What a process runs: the same until the next exec. */
export type Program = {
  /** Resolved path of the program, as its mount namespace sees it. */
  readonly exePath: string | undefined;
  /** argv[0] first. Empty for kernel threads. */
  readonly argv: readonly string[];
  /** All but the first, with spaces between. */
  readonly args: string;
  /** Its command line under the name that it had when this was last asked for. */
  line: { readonly comm: string; readonly text: string } | undefined;
  /** The program's file. */
  readonly inode: number | undefined;
  readonly device: number | undefined;
  readonly fileMode: number | undefined;
  readonly fileUid: number | undefined;
  /** The program's file lies in the writable layer of an overlay, not in the image. */
  readonly upperLayer: boolean | undefined;
  /** It lies in the image: in a layer of an overlay that is only read. */
  readonly lowerLayer: boolean | undefined;
  readonly memfd: boolean | undefined;
};

/** What a process has of its parent, until it changes it. */
export type Context = {
  readonly cwd: string | undefined;
  /** Device number of the controlling terminal, 0 for none. */
  readonly tty: number;
  readonly sid: number | undefined;
  readonly pgid: number | undefined;
  /** Session and process group in the innermost pid namespace. */
  readonly vsid: number | undefined;
  readonly vpgid: number | undefined;
  readonly uid: number;
  readonly gid: number;
  /** 4294967295: never logged in. */
  readonly loginUid: number | undefined;
  readonly cgroup: string | undefined;
  /** Sets of capabilities(7), one bit each. */
  readonly capEffective: bigint | undefined;
  readonly capPermitted: bigint | undefined;
  readonly capInheritable: bigint | undefined;
};

/** `proc.cmdline`: the same text again as long as nothing changes, so that what was found out about it is found by it. */
export function commandLineOf({ comm, program }: Process): string {
  if (program.line?.comm !== comm) {
    const text = program.args === '' ? comm : `${comm} ${program.args}`;
    program.line = { comm, text };
    return text;
  }
  return program.line.text;
}

const TICK_NS = 10_000_000;

/** Whether two start times mean the same process: those from /proc count whole ticks of 10 ms (proc(5), USER_HZ). */
export function isStartOf(one: number, other: number): boolean {
  return one === other || Math.floor(one / TICK_NS) === Math.floor(other / TICK_NS);
}
