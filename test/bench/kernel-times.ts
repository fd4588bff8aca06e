import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** When the kernel saw things happen to one process, in milliseconds of one clock. */
export type ProcessTimes = {
  readonly execMs: number;
  /** The first SIGKILL to it. */
  readonly killMs: number;
  readonly exitMs: number;
};

/** The kernel's own trace of execs, signals and exits; apart from any other on this machine. */
export type KernelTrace = {
  /** `undefined`: not all of it has been seen. What was seen before is forgotten. */
  timesOf(pid: number): ProcessTimes | undefined;
  clear(): void;
  /** May be called twice. */
  close(): void;
};

const events = ['sched/sched_process_exec', 'sched/sched_process_exit', 'signal/signal_generate'] as const;

/** Throws when the kernel has no tracefs. */
export function openKernelTrace(): KernelTrace {
  const mount = mkdtempSync(join(tmpdir(), 'lanner-tracefs-'));
  execFileSync('mount', ['-t', 'tracefs', 'tracefs', mount]);
  const instance = join(mount, 'instances', `lanner-bench-${process.pid}`);
  mkdirSync(instance);
  const write = (file: string, text: string) => writeFileSync(join(instance, file), text);
  write('trace_clock', 'mono');
  for (const event of events) write(`events/${event}/enable`, '1');
  let isOpen = true;
  return {
    timesOf: (pid) => readTimes(readFileSync(join(instance, 'trace'), 'latin1'), pid),
    clear: () => write('trace', ''),
    close() {
      if (!isOpen) return;
      isOpen = false;
      rmdirSync(instance);
      execFileSync('umount', [mount]);
      rmdirSync(mount);
    },
  };
}

/** `comm-PID [CPU] flags SECONDS: event: key=value …`; the last exec of the process is the one that counts. */
export function readTimes(trace: string, pid: number): ProcessTimes | undefined {
  const times: { exec?: number; kill?: number; exit?: number } = {};
  for (const line of trace.split('\n')) {
    const [, seconds = '', event = '', rest = ''] = /\s(\d+\.\d+): (\w+): (.*)$/.exec(line) ?? [];
    if (!rest.split(' ').includes(`pid=${pid}`)) continue;
    const ms = Number(seconds) * 1_000;
    if (event === 'sched_process_exec') times.exec = ms;
    if (event === 'signal_generate' && rest.includes('sig=9 ')) times.kill ??= ms;
    if (event === 'sched_process_exit') times.exit = ms;
  }
  const { exec, kill, exit } = times;
  if (exec === undefined || kill === undefined || exit === undefined) return undefined;
  return { execMs: exec, killMs: kill, exitMs: exit };
}
