import { reflexVerdicts } from '#rules/alert';
import type { Event } from './event.ts';
import {
  execLayout as e,
  fileLayout as f,
  recordFlags as flag,
  forkLayout as k,
  polledLayout as p,
  socketLayout as s,
} from './layout.ts';

/** What is known of a program that was started, beyond the header. Text is byte strings. */
export type Exec = {
  readonly parentStartNs: number;
  /** As the process's root folder sees it. */
  readonly exePath: string | undefined;
  readonly filename: string | undefined;
  readonly argv: readonly string[];
  readonly argvCut: boolean;
  /** Its last argument ends where the arguments' memory does; a program that wrote a title of its own there may go beyond. */
  readonly argvEnds: boolean;
  readonly cwd: string | undefined;
  readonly cgroup: string | undefined;
  readonly inode: number;
  readonly device: number;
  readonly fileMode: number;
  readonly fileUid: number;
  readonly tty: number;
  readonly sid: number;
  readonly pgid: number;
  readonly vsid: number;
  readonly vpgid: number;
  readonly egid: number;
  readonly mntNs: number;
  readonly pidNs: number;
  readonly capEffective: bigint;
  readonly capPermitted: bigint;
  readonly capInheritable: bigint;
  readonly upperLayer: boolean;
  readonly lowerLayer: boolean;
  readonly memfd: boolean;
};

/** Readers of an exec record's fields, each on its own: what is known already is not made again. */
export const exec = {
  parentStartNs: (event: Event) => event.u64(e.parent_start_ns),
  exePath: (event: Event) => event.text(e.exe),
  filename: (event: Event) => event.text(e.filename),
  /** NUL-separated. */
  argv: (event: Event) => event.text(e.argv),
  cwd: (event: Event) => event.text(e.cwd),
  cgroup: (event: Event) => event.text(e.cgroup_path),
  inode: (event: Event) => event.u64(e.inode),
  device: (event: Event) => encodeDevice(event.u32(e.device)),
  fileMode: (event: Event) => event.u32(e.file_mode),
  fileUid: (event: Event) => event.u32(e.file_uid),
  tty: (event: Event) => event.u32(e.tty),
  sid: (event: Event) => event.u32(e.sid),
  pgid: (event: Event) => event.u32(e.pgid),
  vsid: (event: Event) => event.u32(e.vsid),
  vpgid: (event: Event) => event.u32(e.vpgid),
  capEffective: (event: Event) => event.u64Exact(e.cap_effective),
  capPermitted: (event: Event) => event.u64Exact(e.cap_permitted),
  capInheritable: (event: Event) => event.u64Exact(e.cap_inheritable),
  upperLayer: (event: Event) => (event.flags & flag.upperLayer) !== 0,
  lowerLayer: (event: Event) => (event.flags & flag.lowerLayer) !== 0,
  memfd: (event: Event) => (event.flags & flag.memfd) !== 0,
} as const;

export function decodeExec(event: Event): Exec {
  const argv = exec.argv(event);
  return {
    parentStartNs: exec.parentStartNs(event),
    exePath: exec.exePath(event),
    filename: exec.filename(event),
    argv: splitArgv(argv),
    argvCut: (event.flags & flag.argsCut) !== 0,
    argvEnds: argv?.endsWith('\0') ?? true,
    cwd: exec.cwd(event),
    cgroup: exec.cgroup(event),
    inode: exec.inode(event),
    device: exec.device(event),
    fileMode: exec.fileMode(event),
    fileUid: exec.fileUid(event),
    tty: exec.tty(event),
    sid: exec.sid(event),
    pgid: exec.pgid(event),
    vsid: exec.vsid(event),
    vpgid: exec.vpgid(event),
    egid: event.u32(e.egid),
    mntNs: event.u32(e.mnt_ns),
    pidNs: event.u32(e.pid_ns),
    capEffective: exec.capEffective(event),
    capPermitted: exec.capPermitted(event),
    capInheritable: exec.capInheritable(event),
    upperLayer: exec.upperLayer(event),
    lowerLayer: exec.lowerLayer(event),
    memfd: exec.memfd(event),
  };
}

/** The beginning of the environment that a program was started with, NUL-separated; only if the capture was asked for it. */
export function environmentOf(exec: Event): string | undefined {
  return exec.u16(e.environment) === 0 ? undefined : (exec.text(e.environment) ?? '');
}

/** How an exec went on for which reflexes fired, by their numbers in one of the two banks; `undefined`: none did. */
export type Reflexed = {
  readonly verdict: (typeof reflexVerdicts)[number];
  readonly bank: 0 | 1;
  readonly numbers: readonly number[];
};

export function reflexOf(exec: Event): Reflexed | undefined {
  const bits = exec.u32(e.reflex);
  const verdict = reflexVerdicts[((bits >>> 24) & 0x7f) - 1];
  if (verdict === undefined) return undefined;
  const bank = bits >>> 31 === 1 ? 1 : 0;
  return { verdict, bank, numbers: Array.from({ length: 24 }, (_, number) => number).filter((at) => (bits >> at) & 1) };
}

/** Arguments are separated by NUL; the last one has a NUL unless it was cut. */
export function splitArgv(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}

export type Fork = {
  readonly pid: number;
  readonly tid: number;
  readonly ppid: number;
  readonly vpid: number;
  readonly startNs: number;
  readonly isThread: boolean;
  /** CLONE_*, without the signal in the lowest byte; 0 for fork and vfork. */
  readonly cloneFlags: number;
};

/** Readers of a fork record's fields. */
export const fork = {
  pid: (event: Event) => event.u32(k.child_pid),
  ppid: (event: Event) => event.u32(k.child_ppid),
  vpid: (event: Event) => event.u32(k.child_vpid),
  startNs: (event: Event) => event.u64(k.child_start_ns),
  isThread: (event: Event) => (event.flags & flag.thread) !== 0,
} as const;

/** The child of a fork. */
export function decodeFork(event: Event): Fork {
  const cloneFlags = event.u64(k.clone_flags);
  return {
    pid: fork.pid(event),
    tid: event.u32(k.child_tid),
    ppid: fork.ppid(event),
    vpid: fork.vpid(event),
    startNs: fork.startNs(event),
    isThread: fork.isThread(event),
    cloneFlags: cloneFlags - (cloneFlags & 0xff),
  };
}

/** `/pro` as a little-endian number. */
const PROC = 0x6f72_702f;

/** Readers of a file record's fields, each on its own because most events are rejected by the first. */
export const file = {
  path: (event: Event) => event.text(f.path),
  /** Whether the path as it was given may be one below /proc: cheaper than to make the text. */
  mayBeInProc: (event: Event) => event.hasStart(f.path, PROC),
  path2: (event: Event) => event.text(f.path2),
  /** A third text: mount's file system type, the name of an attribute. */
  extra: (event: Event) => event.text(f.extra),
  resolved: (event: Event) => event.text(f.resolved),
  /** The folder that a relative path is relative to, as it is when the call has returned. */
  base: (event: Event) => event.text(f.base),
  /** Absolute path: of the file behind the descriptor, else the path given, put behind its folder if relative. */
  absolute: (event: Event) => event.text(f.resolved) ?? join(event.text(f.base), event.text(f.path)),
  absolute2: (event: Event) => join(event.text(f.base2), event.text(f.path2)),
  dirfd: (event: Event) => event.s32(f.dirfd),
  dirfd2: (event: Event) => event.s32(f.dirfd2),
  flags: (event: Event) => event.u32(f.open_flags),
  mode: (event: Event) => event.u32(f.mode),
  fd: (event: Event) => event.s32(f.fd),
  /** 0: no file behind a descriptor. */
  fileMode: (event: Event) => event.u32(f.file_mode),
  inode: (event: Event) => event.u64(f.inode),
  /** As stat(2) has it. */
  device: (event: Event) => encodeDevice(event.u32(f.device)),
  /** Of an open: it made the file. */
  isCreated: (event: Event) => (event.flags & flag.created) !== 0,
  /** Where the file lies, if on an overlay. */
  layer: (event: Event) =>
    (event.flags & flag.upperLayer) !== 0 ? 'upper' : (event.flags & flag.lowerLayer) !== 0 ? 'lower' : undefined,
} as const;

/** The kernel's own form has the minor number in 20 bits; new_encode_dev of linux/kdev_t.h. */
function encodeDevice(device: number): number {
  const minor = device & 0xf_ffff;
  return (minor & 0xff) | ((device >>> 20) << 8) | ((minor & ~0xff) << 12);
}

/** The beginning of what was read or written; only of calls that were asked for. */
export function dataOf(event: Event): string | undefined {
  if (event.kind === 'file') return event.text(f.data);
  return event.kind === 'socket' ? event.text(s.data) : undefined;
}

/** The two descriptors that a call made; the first is in the lower half. */
export function pairOf(event: Event, argument: number): readonly [number, number] | undefined {
  if (event.ret < 0) return undefined;
  const both = event.argument(argument);
  return [Number(both & 0xffff_ffffn), Number(both >> 32n)];
}

/** One of the descriptors that a call waits for: its number, and the bits of poll(2) asked for and returned. */
export type Polled = {
  /** A record of its own, of the kind `file`, `socket`, or `call` when it is no open file. */
  readonly event: Event;
  readonly fd: number;
  readonly asked: number;
  readonly returned: number;
};

/** The descriptors that a record of the kind `polled` holds. */
export function polledOf(event: Event): readonly Polled[] {
  const found: Polled[] = [];
  let at: number = p.size;
  for (let left = event.u32(p.count); left > 0; left--) {
    const part = event.part(at);
    const [fd, asked, returned] = [0, 1, 2].map((index) => Number(BigInt.asIntN(32, part.argument(index))));
    found.push({ event: part, fd: fd ?? -1, asked: asked ?? 0, returned: returned ?? 0 });
    at += part.length;
  }
  return found;
}

/** Absolute path without `.`, `..` and doubled slashes, as text: symbolic links are not followed. */
export function join(base: string | undefined, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  if (!path.startsWith('/') && base === undefined) return path;
  const whole = path.startsWith('/') ? path : `${base}/${path}`;
  if (!/\/(?:\.|\/|$)/.test(whole)) return whole;
  const parts: string[] = [];
  for (const part of whole.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

const AF_INET = 2;
const AF_INET6 = 10;
/** Of datagram sockets too, once they are connected (net/tcp_states.h). */
const TCP_ESTABLISHED = 1;
const TCP_LISTEN = 10;

/** Readers of a socket record's fields. Addresses are 4 or 16 bytes; `undefined`: none. */
export const socket = {
  fd: (event: Event) => event.s32(s.fd),
  family: (event: Event) => event.u16(s.family),
  protocol: (event: Event) => event.u16(s.protocol),
  type: (event: Event) => event.u16(s.type),
  local: (event: Event) => address(event, s.local),
  remote: (event: Event) => address(event, s.remote),
  localPort: (event: Event) => event.u16(s.local_port),
  remotePort: (event: Event) => event.u16(s.remote_port),
  isConnected: (event: Event) => event.u16(s.state) === TCP_ESTABLISHED,
  /** Of a connection: the other end began it. */
  isAccepted: (event: Event) => (event.flags & flag.accepted) !== 0,
  /** Waits for connections. */
  isListening: (event: Event) => event.u16(s.state) === TCP_LISTEN,
  /** Not connected, and this datagram's peer is another than the last one's. */
  hasNewPeer: (event: Event) => (event.flags & flag.newPeer) !== 0,
  /** An abstract name starts with NUL. */
  unixPath: (event: Event) => cutName(event.text(s.unix_path)),
} as const;

/** A path ends at its NUL, however long the caller said it was; an abstract name is all its bytes (unix(7)). */
function cutName(name: string | undefined): string | undefined {
  const end = name?.indexOf('\0') ?? -1;
  return end > 0 ? name?.slice(0, end) : name;
}

function address(event: Event, offset: number): Uint8Array | undefined {
  const family = event.u16(s.family);
  if (family === AF_INET) return event.address(offset, 4);
  return family === AF_INET6 ? event.address(offset, 16) : undefined;
}
