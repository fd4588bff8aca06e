import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { GroupPath } from './cgroups.ts';
import type { Look } from './changes.ts';
import { parseProcCgroup } from './containers/cgroup.ts';
import { isStartOf, type Process, type Program } from './process.ts';
import { argsOf } from './programs.ts';

const TICK_NS = 10_000_000;
/** 2^48: see native/bpf/record.h, cgroup_number. */
const HIERARCHY = 2 ** 48;
const MOST_ARGV_BYTES = 4_096;

/** All pids of the host now. */
export function listPids(proc = '/proc'): number[] {
  return readdirSync(proc)
    .map(Number)
    .filter((pid) => pid > 0);
}

/** Reads a process from /proc: proc(5). `undefined` when it is gone. Kernel threads have no program and no argv. */
export function readProcess(pid: number, proc = '/proc'): Process | undefined {
  try {
    const stat = parseStat(readFileSync(`${proc}/${pid}/stat`, 'latin1'));
    const status = readFileSync(`${proc}/${pid}/status`, 'latin1');
    const cgroup = readFileSync(`${proc}/${pid}/cgroup`, 'latin1');
    if (stat === undefined) return undefined;
    const numbers = (key: string) =>
      new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(status)?.[1]?.split(/\s+/).map(Number) ?? [];
    const capabilities = (key: string) => {
      const hex = new RegExp(`^${key}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
      return hex === undefined ? undefined : BigInt(`0x${hex}`);
    };
    return {
      pid,
      startNs: stat.startTicks * TICK_NS,
      ppid: stat.ppid,
      parentStartNs: undefined,
      parent: undefined,
      comm: stat.comm,
      vpid: numbers('NSpid').at(-1) ?? pid,
      program: readProgram(`${proc}/${pid}`),
      context: {
        cwd: link(`${proc}/${pid}/cwd`),
        tty: stat.tty,
        sid: stat.sid,
        pgid: stat.pgid,
        vsid: numbers('NSsid').at(-1) ?? stat.sid,
        vpgid: numbers('NSpgid').at(-1) ?? stat.pgid,
        uid: numbers('Uid')[0] ?? 0,
        gid: numbers('Gid')[0] ?? 0,
        loginUid: readLoginUid(`${proc}/${pid}/loginuid`),
        cgroup: deepestCgroup(cgroup),
        capEffective: capabilities('CapEff'),
        capPermitted: capabilities('CapPrm'),
        capInheritable: capabilities('CapInh'),
      },
      firstArgv: undefined,
      execNs: undefined,
      exitNs: undefined,
      isParent: false,
      earlier: undefined,
    };
  } catch {
    // Gone between two reads, or never there: both mean that nothing is known.
    return undefined;
  }
}

/** A kernel thread has no file; whether it lies in an upper layer is not told. */
function readProgram(folder: string): Program {
  const argv = readArgv(`${folder}/cmdline`);
  const exePath = link(`${folder}/exe`);
  const file = exePath === undefined ? undefined : statSync(`${folder}/exe`, { throwIfNoEntry: false });
  return {
    exePath,
    argv,
    args: argsOf(argv),
    line: undefined,
    inode: file?.ino,
    device: file?.dev,
    fileMode: file?.mode,
    fileUid: file?.uid,
    upperLayer: undefined,
    lowerLayer: undefined,
    memfd: file && exePath?.startsWith('/memfd:'),
  };
}

/** What a process is now, if it is still the same one. */
export function makeLook(proc = '/proc'): Look {
  const now = (process: Process): Process | undefined => {
    const read = readProcess(process.pid, proc);
    return read !== undefined && isStartOf(read.startNs, process.startNs) ? read : undefined;
  };
  return {
    cwd(process) {
      const folder = link(`${proc}/${process.pid}/cwd`);
      // Read before the check, so that it is still that process's.
      return now(process) === undefined ? undefined : folder;
    },
    capabilities(process) {
      const read = now(process);
      if (read === undefined) return undefined;
      const { capEffective, capPermitted, capInheritable } = read.context;
      return { capEffective, capPermitted, capInheritable };
    },
    groups(process) {
      const read = now(process);
      if (read === undefined) return undefined;
      const { sid, pgid, vsid, vpgid, tty } = read.context;
      return { sid, pgid, vsid, vpgid, tty };
    },
  };
}

/** The group that says most: one that names a container, else the longest. */
export function deepestCgroup(text: string): string | undefined {
  const { container, paths: byHierarchy } = parseProcCgroup(text);
  const paths = [...byHierarchy.values()];
  if (container !== undefined) return paths.find((path) => path.includes(container.id));
  return paths.reduce<string | undefined>(
    (best, path) => (best === undefined || path.length > best.length ? path : best),
    undefined,
  );
}

export function parseStat(text: string) {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text
    .slice(close + 2)
    .split(' ')
    .map(Number);
  const [, ppid, pgid, sid, tty] = fields;
  const startTicks = fields[19];
  if (ppid === undefined || pgid === undefined || sid === undefined || tty === undefined || startTicks === undefined)
    return undefined;
  return { comm: text.slice(open + 1, close), ppid, pgid, sid, tty, startTicks };
}

/** The arguments as /proc has them now, with the title that the process may have given itself; none when it has ended. */
export function readTitle(pid: number): readonly string[] {
  try {
    return readArgv(`/proc/${pid}/cmdline`);
  } catch {
    return [];
  }
}

function readArgv(path: string): string[] {
  const text = readFileSync(path, 'latin1').slice(0, MOST_ARGV_BYTES);
  if (text === '') return [];
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}

function readLoginUid(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'latin1'));
  } catch {
    return undefined; // A kernel without auditing has none.
  }
}

/** Where a file or folder of a process lies, or lay. */
function link(path: string): string | undefined {
  try {
    return readlinkSync(path, 'latin1').replace(/ \(deleted\)$/, '');
  } catch {
    return undefined; // Kernel threads have none.
  }
}

/**
 * Finds the group of a process that has this number: the kernel side makes it of the group's inode, which is unique in
 * its hierarchy, and the hierarchy's number. Not certain when no hierarchy that is mounted has it.
 */
export function makeLocate(mountOf: (hierarchy: string) => string | undefined, proc = '/proc') {
  return (pid: number, id: number): GroupPath | undefined => {
    let text: string;
    try {
      text = readFileSync(`${proc}/${pid}/cgroup`, 'latin1');
    } catch {
      return undefined; // Gone.
    }
    const { paths, numbers } = parseProcCgroup(text);
    for (const [hierarchy, path] of paths) {
      const mount = mountOf(hierarchy);
      const inode = mount === undefined ? undefined : inodeOf(`${mount}${path}`);
      if (inode !== undefined && inode + (numbers.get(hierarchy) ?? 0) * HIERARCHY === id)
        return { path, certain: true };
    }
    const path = deepestCgroup(text);
    return path === undefined ? undefined : { path, certain: false };
  };
}

function inodeOf(folder: string): number | undefined {
  try {
    return statSync(folder).ino;
  } catch {
    return undefined; // Removed, or outside of what this mount shows.
  }
}

/** Whether the process with this pid is still this one. */
export function isAlive({ pid, startNs }: Process, proc = '/proc'): boolean {
  try {
    const stat = parseStat(readFileSync(`${proc}/${pid}/stat`, 'latin1'));
    return stat !== undefined && isStartOf(stat.startTicks * TICK_NS, startNs);
  } catch {
    return false; // Gone.
  }
}

const MOST_ENVIRONMENT_BYTES = 65_536;

/** Reads environments, and remembers the last one: several events in a row are often one process's, and ask for the same. */
export function makeEnvironment(proc = '/proc'): (process: Process) => string | undefined {
  let last: Process | undefined;
  let environment: string | undefined;
  return (process) => {
    if (process !== last) environment = readEnvironment(process, proc);
    last = process;
    return environment;
  };
}

/** The environment a process was started with, as its memory has it now; NUL-separated. */
function readEnvironment({ pid, startNs }: Process, proc = '/proc'): string | undefined {
  try {
    const text = readFileSync(`${proc}/${pid}/environ`, 'latin1').slice(0, MOST_ENVIRONMENT_BYTES);
    // Read before the check, so that it is still that process's.
    const stat = parseStat(readFileSync(`${proc}/${pid}/stat`, 'latin1'));
    return stat !== undefined && isStartOf(stat.startTicks * TICK_NS, startNs) ? text : undefined;
  } catch {
    return undefined; // Gone, or of a kernel thread.
  }
}
