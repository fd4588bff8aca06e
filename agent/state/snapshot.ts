import { decodeExec, exec } from '../events/decode.ts';
import { type Batch, Event } from '../events/event.ts';
import type { Context, Process, Program } from './process.ts';
import { argsOf, contextOf, Programs } from './programs.ts';

/** Records of exec in a row: what the kernel wrote of the host's processes (native/bpf/snapshot.bpf.c). */
export type Snapshot = { readonly batch: Batch; readonly bytes: number };

/** `readTitle`: what /proc tells of the arguments of a process that has written a title over them (setproctitle(3)). */
export function decodeProcesses({ batch, bytes }: Snapshot, readTitle: (pid: number) => readonly string[]): Process[] {
  const found: Process[] = [];
  const record = new Event(batch);
  const programs = new Programs();
  for (let at = 0; at < bytes; at += record.length) {
    record.moveTo(batch, at);
    const context = contextOf(record, found.at(-1)?.context);
    found.push(toProcess(record, programOf(record, programs, readTitle), context));
  }
  return found;
}

function programOf(record: Event, programs: Programs, readTitle: (pid: number) => readonly string[]): Program {
  const { exePath, argvEnds } = decodeExec(record);
  const program = programs.of(record);
  if (exePath === undefined) return { ...noProgram, argv: program.argv, args: program.args };
  if (argvEnds) return program;
  const argv = readTitle(record.pid);
  return { ...program, argv, args: argsOf(argv) };
}

/** Of a kernel thread, and of what has ended but was not waited for. */
export const noProgram: Program = {
  exePath: undefined,
  argv: [],
  args: '',
  line: undefined,
  inode: undefined,
  device: undefined,
  fileMode: undefined,
  fileUid: undefined,
  upperLayer: undefined,
  lowerLayer: undefined,
  memfd: undefined,
};

/** The process that a record of exec tells of. Its parent is not looked up. */
export function toProcess(record: Event, program: Program, context: Context): Process {
  const { pid, startNs, ppid } = record;
  return {
    pid,
    startNs,
    ppid,
    parentStartNs: ppid === 0 ? undefined : exec.parentStartNs(record),
    parent: undefined,
    comm: record.comm,
    vpid: record.vpid,
    program,
    context,
    firstArgv: undefined,
    execNs: undefined,
    exitNs: undefined,
    isParent: false,
    earlier: undefined,
  };
}
