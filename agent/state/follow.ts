import { decodeFork } from '../events/decode.ts';
import type { Event } from '../events/event.ts';
import { changeOf, childGroupOf, type Look } from './changes.ts';
import { isStartOf, type Process } from './process.ts';
import type { ProcessTable } from './process-table.ts';
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
  const process = toProcess(event);
  const { ppid, parentStartNs } = process;
  process.parent = parentStartNs === undefined ? undefined : processes.find(ppid, parentStartNs);
  return process;
}

function followCall(event: Event, process: Process, processes: ProcessTable, look: Look): Process {
  adopt(process, event.ppid);
  const group = childGroupOf(event, process);
  const child = group && processes.peek(group.child);
  if (group !== undefined && child !== undefined) {
    processes.put({ ...child, pgid: group.pgid, vpgid: child.vpid === child.pid ? group.pgid : child.vpgid });
  }
  const changed = changeOf(event, process, look);
  // Programs rename themselves (PR_SET_NAME); only the main thread's name is the process's.
  const isRenamed = event.tid === event.pid && process.comm !== event.comm;
  if (changed === undefined && !isRenamed) return process;
  const now = { ...process, ...changed, ...(isRenamed && { comm: event.comm }) };
  processes.put(now);
  return now;
}

/** A process whose parent has ended belongs to a reaper: its session's, or the host's first process. */
function adopt(process: Process, ppid: number): void {
  if (process.ppid === ppid) return;
  process.ppid = ppid;
  process.parentStartNs = undefined;
  process.parent = undefined; // Looked up when somebody asks.
}

function followExec(event: Event, processes: ProcessTable): Process {
  const process = toProcess(event);
  const { pid, ppid, startNs, parentStartNs, cgroup } = process;
  const before = processes.peek(pid);
  // An engine puts its own program into the container's cgroup, which then starts what was asked for.
  const isIn = before?.execNs !== undefined && before.cgroup === cgroup && isStartOf(before.startNs, startNs);
  process.firstArgv = isIn ? (before.firstArgv ?? before.argv) : undefined;
  process.parent = parentStartNs === undefined ? undefined : processes.find(ppid, parentStartNs);
  process.execNs = event.timeNs;
  processes.put(process);
  return process;
}

/** The child is its parent's copy until it starts a program of its own. Threads are part of their process. */
function followFork(event: Event, processes: ProcessTable): Process | undefined {
  const fork = decodeFork(event);
  const maker = processes.find(event.pid, event.startNs);
  if (fork.isThread) return maker;
  const known = processes.peek(fork.pid);
  // Read from /proc while this record was on its way: what it runs by now is known better.
  if (known !== undefined && isStartOf(known.startNs, fork.startNs)) return maker;
  // CLONE_PARENT makes a sibling; its maker's parent is its parent.
  const parent = fork.ppid === event.pid ? maker : processes.peek(fork.ppid);
  if (maker !== undefined) {
    processes.put({
      ...maker,
      pid: fork.pid,
      startNs: fork.startNs,
      ppid: fork.ppid,
      parentStartNs: parent?.startNs,
      parent,
      vpid: fork.vpid,
      // The first process of a pid namespace: its session and group are outside.
      ...(fork.vpid === 1 && fork.pid !== 1 && { vsid: 0, vpgid: 0 }),
      firstArgv: undefined,
      execNs: undefined,
      exitNs: undefined,
    });
  }
  return maker;
}
