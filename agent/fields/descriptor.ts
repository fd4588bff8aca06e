import { file, socket } from '../events/decode.ts';
import { linkOfProcess } from '../events/process-link.ts';
import { O_DIRECTORY } from './flag-names.ts';
import { descriptorPath, isOpen, openFlagsOfCall } from './paths.ts';
import type { Scene } from './scene.ts';
import { socketName, socketType } from './socket.ts';

/** What a descriptor may be, in the words of `fd.type`, and its letter in `fd.typechar`. */
const letters = {
  file: 'f',
  directory: 'd',
  ipv4: '4',
  ipv6: '6',
  unix: 'u',
  netlink: 'n',
  pipe: 'p',
  memfd: 'm',
  event: 'e',
  eventpoll: 'l',
  inotify: 'i',
  signalfd: 's',
  timerfd: 't',
  bpf: 'b',
  userfaultfd: 'u',
  io_uring: 'r',
  pidfd: 'P',
} as const;
type DescriptorKind = keyof typeof letters;

/** How the kernel names files that lie in no file system (anon_inode_getfile). */
const anonymous: Readonly<Record<string, DescriptorKind>> = {
  '[eventfd]': 'event',
  '[eventpoll]': 'eventpoll',
  inotify: 'inotify',
  '[signalfd]': 'signalfd',
  '[timerfd]': 'timerfd',
  'bpf-map': 'bpf',
  'bpf-prog': 'bpf',
  'bpf-link': 'bpf',
  bpf_link: 'bpf',
  '[userfaultfd]': 'userfaultfd',
  '[io_uring]': 'io_uring',
  '[pidfd]': 'pidfd',
};

/** Calls that take a descriptor and have no record of what it is: it is gone when they return. */
const closing: ReadonlySet<string> = new Set(['close']);

/** The descriptor of the event: given to the call or returned by it. */
export function descriptorOf(scene: Scene): number | undefined {
  if (closing.has(scene.type)) return Number(BigInt.asIntN(32, scene.event.argument(0)));
  if (scene.kind === 'socket') return socket.fd(scene.event);
  if (scene.kind !== 'file') return undefined;
  const number = file.fd(scene.event);
  // An open that failed has a descriptor too in the original: -1.
  return number >= 0 || (isOpen(scene) && scene.event.hasResult) ? number : undefined;
}

const S_IFMT = 0o170000;
const S_IFIFO = 0o10000;
const S_IFDIR = 0o40000;
const S_IFSOCK = 0o140000;

const isFolder = (scene: Scene): boolean => (openFlagsOfCall(scene) & O_DIRECTORY) !== 0;

export function kindOf(scene: Scene): DescriptorKind | undefined {
  if (scene.kind === 'socket') return socketType(scene);
  if (scene.kind !== 'file') return undefined;
  if (scene.type === 'memfd_create') return 'memfd';
  if (isOpen(scene)) return isFolder(scene) ? 'directory' : 'file';
  if (file.fd(scene.event) < 0) return undefined;
  const resolved = file.resolved(scene.event) ?? '';
  if (resolved.startsWith('memfd:')) return 'memfd';
  switch (file.fileMode(scene.event) & S_IFMT) {
    case S_IFIFO:
      return 'pipe';
    case S_IFDIR:
      return 'directory';
    case S_IFSOCK:
      return undefined;
    case 0:
      return Object.hasOwn(anonymous, resolved) ? anonymous[resolved] : undefined;
    default:
      return 'file';
  }
}

export function letterOf(scene: Scene): string | undefined {
  const kind = kindOf(scene);
  return kind && letters[kind];
}

/** `fd.name`: an absolute path, both ends of a connection; a pipe has its number as in /proc. */
export function nameOf(scene: Scene): string | undefined {
  if (scene.kind === 'socket') return socketName(scene);
  if (scene.kind !== 'file') return undefined;
  const { event } = scene;
  if (isOpen(scene)) {
    const given = file.mayBeInProc(event) ? file.path(event) : undefined;
    return given !== undefined && linkOfProcess.test(given) ? given : descriptorPath(scene);
  }
  if (file.fd(event) < 0) return undefined;
  const path = descriptorPath(scene);
  if (path !== '/' || kindOf(scene) === 'directory') return path;
  return kindOf(scene) === 'pipe' ? `pipe:[${file.inode(event)}]` : undefined;
}
