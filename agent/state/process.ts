/**
 * A process as the agent knows it; all text is byte strings. Identity is (pid, start time): see `isStartOf`. What is
 * not known is `undefined`. An exec makes a new object, so that an event that waits keeps the program that made it.
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
  comm: string;
  /** Resolved path of the program, as its mount namespace sees it. */
  exePath: string | undefined;
  /** argv[0] first. Empty for kernel threads. */
  argv: readonly string[];
  /** What it ran first in its cgroup, when that was another program: a shell often becomes the command that it was given. */
  firstArgv?: readonly string[] | undefined;
  cwd: string | undefined;
  /** Device number of the controlling terminal, 0 for none. */
  tty: number;
  sid: number | undefined;
  pgid: number | undefined;
  /** Pid, session and process group in the innermost pid namespace. */
  vpid: number | undefined;
  vsid: number | undefined;
  vpgid: number | undefined;
  uid: number;
  gid: number;
  /** 4294967295: never logged in. */
  loginUid: number | undefined;
  cgroup: string | undefined;
  /** The program's file. */
  inode: number | undefined;
  device: number | undefined;
  fileMode: number | undefined;
  fileUid: number | undefined;
  /** Sets of capabilities(7), one bit each. */
  capEffective: bigint | undefined;
  capPermitted: bigint | undefined;
  capInheritable: bigint | undefined;
  /** The program's file lies in the writable layer of an overlay, not in the image. */
  upperLayer: boolean | undefined;
  /** It lies in the image: in a layer of an overlay that is only read. */
  lowerLayer: boolean | undefined;
  memfd: boolean | undefined;
  /** Time of the last exec since boot, where it was seen. */
  execNs: number | undefined;
  /** Time of the end; ended processes stay a while for their children's sake. */
  exitNs: number | undefined;
  /** What it was before its last change. */
  earlier?: Process | undefined;
};

const TICK_NS = 10_000_000;

/** Whether two start times mean the same process: those from /proc count whole ticks of 10 ms (proc(5), USER_HZ). */
export function isStartOf(one: number, other: number): boolean {
  return one === other || Math.floor(one / TICK_NS) === Math.floor(other / TICK_NS);
}
