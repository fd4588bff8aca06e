import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { parseProcCgroup } from './containers/cgroup.ts';
import { isAlive } from './proc-folder.ts';
import type { Process } from './process.ts';

/** Where an open descriptor leads: `type` in the words of `fd.type`. */
export type OpenDescriptor = { readonly type: string | undefined; readonly name: string | undefined };
export type FileTimes = { readonly ctimeNs: bigint; readonly mtimeNs: bigint };

/**
 * What is only worth asking for when a rule does, and then of the kernel: it is as of now, not as of the event. All of it
 * is `undefined` when the process is gone.
 */
export type LiveProcess = {
  /** A line of /proc/PID/status in its own unit: `VmRSS` in kilobytes, `Threads`. */
  status(process: Process, key: string): number | undefined;
  /** Page faults of one thread: those that needed the disk, and the others. */
  faults(process: Process, tid: number): { readonly major: number; readonly minor: number } | undefined;
  descriptors(process: Process): number | undefined;
  descriptorLimit(process: Process): number | undefined;
  descriptor(process: Process, fd: number): OpenDescriptor | undefined;
  /** Of all its descriptors, each type once, in the order of their numbers. */
  descriptorTypes(process: Process): readonly string[] | undefined;
  /** Hierarchy → path; `''` is the unified one. */
  cgroups(process: Process, tid: number): ReadonlyMap<string, string> | undefined;
  /** Of the program's file. */
  programTimes(process: Process): FileTimes | undefined;
  /** The only IPv4 address of its network, beside the loopback's; none in the host's network, nor when there are several. */
  address(process: Process): string | undefined;
};

export function makeLiveProcess(proc = '/proc'): LiveProcess {
  /** Read first and checked afterwards, so that what was read is that process's. */
  const of = <T>(process: Process, read: (folder: string) => T | undefined): T | undefined => {
    try {
      const value = read(`${proc}/${process.pid}`);
      return isAlive(process, proc) ? value : undefined;
    } catch {
      return undefined; // Gone, or a kernel thread, which has none of this.
    }
  };
  return {
    status: (process, key) =>
      of(process, (folder) => numberOf(text(`${folder}/status`), new RegExp(`^${key}:\\s+(\\d+)`, 'm'))),
    faults: (process, tid) => of(process, (folder) => parseFaults(text(`${folder}/task/${tid}/stat`))),
    descriptors: (process) => of(process, (folder) => readdirSync(`${folder}/fd`).length),
    descriptorLimit: (process) =>
      of(process, (folder) => numberOf(text(`${folder}/limits`), /^Max open files\s+(\d+)/m)),
    descriptor: (process, fd) => of(process, (folder) => readDescriptor(folder, fd)),
    descriptorTypes: (process) => of(process, readDescriptorTypes),
    cgroups: (process, tid) => of(process, (folder) => parseProcCgroup(text(`${folder}/task/${tid}/cgroup`)).paths),
    address: (process) =>
      of(process, (folder) => {
        const own = readlinkSync(`${folder}/ns/net`);
        // The host's first process may not be asked everywhere; the agent, if it has a network of its own, may ask it.
        const isHosts = ['1', 'self'].some((each) => networkOf(`${proc}/${each}`) === own);
        return isHosts ? undefined : onlyAddress(text(`${folder}/net/fib_trie`));
      }),
    programTimes(process) {
      return of(process, (folder) => timesOf(`${folder}/exe`, process)) ?? timesOf(process.program.exePath, process);
    },
  };
}

const text = (path: string): string => readFileSync(path, 'latin1');

function networkOf(folder: string): string | undefined {
  try {
    return readlinkSync(`${folder}/ns/net`);
  } catch {
    return undefined; // Not to be asked: it has rights that the agent lacks.
  }
}

/** net/ipv4/fib_trie.c prints each address twice, once for each table: `|-- 10.0.3.7`, and below it `/32 host LOCAL`. */
function onlyAddress(trie: string): string | undefined {
  const found = new Set([...trie.matchAll(/\|-- (\S+)\n\s*\/32 host LOCAL/g)].map(([, address = '']) => address));
  const [own, ...others] = [...found].filter((address) => !address.startsWith('127.'));
  return others.length > 0 ? undefined : own;
}

function numberOf(from: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(from)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** proc_pid_stat(5): minflt is field 10, majflt field 12; after the name, the state is the first. */
function parseFaults(stat: string) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { minor: Number(fields[7]), major: Number(fields[9]) };
}

/** Only when it is still the file that the process was started from: another may have its place by now. */
function timesOf(path: string | undefined, { program: { inode, fileMode, fileUid } }: Process): FileTimes | undefined {
  if (path === undefined || inode === undefined) return undefined;
  try {
    const stat = statSync(path, { bigint: true });
    const isIt = stat.ino === BigInt(inode) && Number(stat.mode) === fileMode && Number(stat.uid) === fileUid;
    return isIt ? { ctimeNs: stat.ctimeNs, mtimeNs: stat.mtimeNs } : undefined;
  } catch {
    return undefined; // Deleted, or of another mount namespace.
  }
}

const anonymous: Readonly<Record<string, string>> = {
  '[eventfd]': 'event',
  '[signalfd]': 'signalfd',
  '[eventpoll]': 'eventpoll',
  '[timerfd]': 'timerfd',
  inotify: 'inotify',
  'bpf-map': 'bpf',
  'bpf-prog': 'bpf',
  '[userfaultfd]': 'userfaultfd',
  '[io_uring]': 'io_uring',
};

function readDescriptor(folder: string, fd: number): OpenDescriptor | undefined {
  const link = readlinkSync(`${folder}/fd/${fd}`, 'latin1');
  if (link.startsWith('pipe:')) return { type: 'pipe', name: link };
  if (link.startsWith('socket:['))
    return { type: socketType(folder, link.slice('socket:['.length, -1)), name: undefined };
  if (link.startsWith('anon_inode:')) {
    return { type: anonymous[link.slice('anon_inode:'.length)], name: link };
  }
  const isFolder = statSync(`${folder}/fd/${fd}`, { throwIfNoEntry: false })?.isDirectory() === true;
  return { type: isFolder ? 'directory' : 'file', name: link };
}

/** Descriptors that are looked at; a process may have a million. */
const MOST_DESCRIPTORS = 256;

function readDescriptorTypes(folder: string): readonly string[] {
  const numbers = readdirSync(`${folder}/fd`).map(Number);
  const types = numbers
    .toSorted((one, other) => one - other)
    .slice(0, MOST_DESCRIPTORS)
    .flatMap((number) => {
      try {
        return readDescriptor(folder, number)?.type ?? [];
      } catch {
        return []; // Closed meanwhile.
      }
    });
  return [...new Set(types)];
}

const tables = [
  { type: 'unix', files: ['unix'], column: 6 },
  { type: 'ipv4', files: ['tcp', 'udp', 'raw', 'icmp'], column: 9 },
  { type: 'ipv6', files: ['tcp6', 'udp6', 'raw6', 'icmp6'], column: 9 },
  { type: 'netlink', files: ['netlink'], column: 9 },
] as const;

/** Which table of the process's network namespace has this socket. */
function socketType(folder: string, inode: string): string | undefined {
  for (const { type, files, column } of tables) {
    for (const file of files) {
      if (hasInode(`${folder}/net/${file}`, inode, column)) return type;
    }
  }
  return undefined;
}

function hasInode(path: string, inode: string, column: number): boolean {
  try {
    return text(path)
      .split('\n')
      .some((line) => line.trim().split(/\s+/)[column] === inode);
  } catch {
    return false; // This kernel has no such sockets.
  }
}
