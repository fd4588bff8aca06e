import { decodeExec } from '../events/decode.ts';
import { type Batch, Event } from '../events/event.ts';
import type { Process } from './process.ts';

/** Records of exec in a row: what the kernel wrote of the host's processes (native/bpf/snapshot.bpf.c). */
export type Snapshot = { readonly batch: Batch; readonly bytes: number };

/** `readTitle`: what /proc tells of the arguments of a process that has written a title over them (setproctitle(3)). */
export function decodeProcesses({ batch, bytes }: Snapshot, readTitle: (pid: number) => readonly string[]): Process[] {
  const found: Process[] = [];
  const record = new Event(batch);
  for (let at = 0; at < bytes; at += record.length) {
    record.moveTo(batch, at);
    const process = toProcess(record);
    if (process.exePath === undefined) found.push({ ...process, ...noProgram });
    else if (decodeExec(record).argvEnds) found.push(process);
    else found.push({ ...process, argv: readTitle(process.pid) });
  }
  return found;
}

/** Of a kernel thread, and of what has ended but was not waited for. */
const noProgram = {
  inode: undefined,
  device: undefined,
  fileMode: undefined,
  fileUid: undefined,
  upperLayer: undefined,
  lowerLayer: undefined,
  memfd: undefined,
};

/** The process that a record of exec tells of. Its parent is not looked up. */
export function toProcess(record: Event): Process {
  const { pid, ppid, startNs } = record;
  const exec = decodeExec(record);
  return {
    pid,
    startNs,
    ppid,
    parentStartNs: ppid === 0 ? undefined : exec.parentStartNs,
    parent: undefined,
    comm: record.comm,
    exePath: exec.exePath,
    argv: exec.argv,
    cwd: exec.cwd,
    tty: exec.tty,
    sid: exec.sid,
    pgid: exec.pgid,
    vpid: record.vpid,
    vsid: exec.vsid,
    vpgid: exec.vpgid,
    uid: record.uid,
    gid: record.gid,
    loginUid: record.loginUid,
    cgroup: exec.cgroup,
    inode: exec.inode,
    device: exec.device,
    fileMode: exec.fileMode,
    fileUid: exec.fileUid,
    capEffective: exec.capEffective,
    capPermitted: exec.capPermitted,
    capInheritable: exec.capInheritable,
    upperLayer: exec.upperLayer,
    lowerLayer: exec.lowerLayer,
    memfd: exec.memfd,
    execNs: undefined,
    exitNs: undefined,
  };
}
