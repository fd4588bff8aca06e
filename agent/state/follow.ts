import { exec, fork } from '../events/decode.ts';
import type { Event } from '../events/event.ts';
import { changeOf, childGroupOf, type Look } from './changes.ts';
import { type Context, isStartOf, type Process } from './process.ts';
import type { ProcessTable } from './process-table.ts';
import { contextOf } from './programs.ts';
import { toProcess } from './snapshot.ts';

/** The process of the event, after the event: an exec shows the new program, a fork the parent. */
export function follow(event: Event, processes: ProcessTable, look: Look): Process | undefined {
  switch (event.kind) {
    case 'exec':
      return followExec(event, processes);
    case 'fork':
      return followFork(event, processes);
    case 'exit': {
      const process = processes.peek(event.pid);
      processes.exit(event.pid, event.startNs, event.timeNs);
      return process !== undefined && isStartOf(process.startNs, event.startNs) ? process : undefined;
    }
    case 'denied':
      return deniedProgram(event, processes);
    case undefined:
      return undefined;
    case 'file':
    case 'socket':
    case 'call':
    case 'polled': {
      const process = processes.find(event.pid, event.startNs);
      return process === undefined ? undefined : followCall(event, process, processes, look);
    }
  }
}

/** The process as it would have become; the table knows it as it is. */
function deniedProgram(event: Event, processes: ProcessTable): Process {
  const context = contextOf(event, processes.peek(event.pid)?.context);
  const process = toProcess(event, processes.programs.of(event), context);
  const { ppid, parentStartNs } = process;
  process.parent = parentStartNs === undefined ? undefined : processes.find(ppid, parentStartNs);
  return process;
}

function followCall(event: Event, process: Process, processes: ProcessTable, look: Look): Process {
  if (process.ppid !== event.ppid) adopt(process, event.ppid, processes);
  const group = childGroupOf(event, process);
  const child = group && processes.peek(group.child);
  if (group !== undefined && child !== undefined) {
    const { pgid } = group;
    const vpgid = child.vpid === child.pid ? pgid : child.context.vpgid;
    processes.put(changed(child, child.comm, { ...child.context, pgid, vpgid }));
  }
  const change = changeOf(event, process, look);
  // Programs rename themselves (PR_SET_NAME); only the main thread's name is the process's.
  const comm = event.tid === event.pid ? event.comm : process.comm;
  if (change === undefined && process.comm === comm) return process;
  const now = changed(process, comm, change === undefined ? process.context : { ...process.context, ...change });
  processes.put(now);
  return now;
}

function changed(process: Process, comm: string, context: Context): Process {
  const { pid, startNs, ppid, parentStartNs, parent, vpid, program, firstArgv, execNs, exitNs } = process;
  return {
    pid,
    startNs,
    ppid,
    parentStartNs,
    parent,
    comm,
    vpid,
    program,
    context,
    firstArgv,
    execNs,
    exitNs,
    isParent: false,
    earlier: undefined,
  };
}

/** A process whose parent has ended belongs to a reaper: its session's, or the host's first process. */
function adopt(process: Process, ppid: number, processes: ProcessTable): void {
  processes.version++;
  process.ppid = ppid;
  process.parentStartNs = undefined;
  process.parent = undefined; // Looked up when somebody asks.
}

function followExec(event: Event, processes: ProcessTable): Process {
  const { pid, startNs, ppid } = event;
  const known = processes.peek(pid);
  const before = known !== undefined && isStartOf(known.startNs, startNs) ? known : undefined;
  const context = contextOf(event, before?.context);
  const program = processes.programs.of(event);
  const parentStartNs = ppid === 0 ? undefined : exec.parentStartNs(event);
  const process: Process = {
    pid,
    startNs,
    ppid,
    parentStartNs,
    parent: parentStartNs === undefined ? undefined : processes.find(ppid, parentStartNs),
    comm: event.comm,
    vpid: event.vpid,
    program,
    context,
    firstArgv: firstOf(before, context),
    execNs: event.timeNs,
    exitNs: undefined,
    isParent: false,
    earlier: undefined,
  };
  processes.put(process);
  return process;
}

/** An engine puts its own program into the container's cgroup, which then starts what was asked for. */
function firstOf(before: Process | undefined, { cgroup }: Context): readonly string[] | undefined {
  if (before?.execNs === undefined || before.context.cgroup !== cgroup) return undefined;
  return before.firstArgv ?? before.program.argv;
}

/** The child is its parent's copy until it starts a program of its own. Threads are part of their process. */
function followFork(event: Event, processes: ProcessTable): Process | undefined {
  const maker = processes.find(event.pid, event.startNs);
  if (fork.isThread(event)) return maker;
  const pid = fork.pid(event);
  const startNs = fork.startNs(event);
  const known = processes.peek(pid);
  // Read from /proc while this record was on its way: what it runs by now is known better.
  if (known !== undefined && isStartOf(known.startNs, startNs)) return maker;
  if (maker === undefined) return undefined;
  // CLONE_PARENT makes a sibling; its maker's parent is its parent.
  const ppid = fork.ppid(event);
  const parent = ppid === event.pid ? maker : processes.peek(ppid);
  const vpid = fork.vpid(event);
  const { comm, program, context } = maker;
  processes.put({
    pid,
    startNs,
    ppid,
    parentStartNs: parent?.startNs,
    parent,
    comm,
    vpid,
    program,
    // The first process of a pid namespace: its session and group are outside.
    context: vpid === 1 && pid !== 1 ? { ...context, vsid: 0, vpgid: 0 } : context,
    firstArgv: undefined,
    execNs: undefined,
    exitNs: undefined,
    isParent: false,
    earlier: undefined,
  });
  return maker;
}
