import { callNames, numberOfCall } from '../events/calls.ts';

/**
 * How the kernel side reads a call (`struct call_shape` in native/bpf/event.h): arguments are named by position from 1.
 * What is not here is sent with its six raw arguments.
 */
type FileShape = {
  readonly decoder: 'file';
  readonly path?: number;
  /** The descriptor that `path` is relative to; `none`: it is no path in the file system. */
  readonly base?: number | 'none';
  readonly path2?: number;
  readonly base2?: number | 'none';
  readonly flags?: number;
  readonly mode?: number;
  readonly fd?: number | 'return';
  readonly extra?: number;
  readonly onlyFailed?: true;
  /** struct open_how (openat2). */
  readonly how?: number;
};
type SocketShape = {
  readonly decoder: 'socket';
  readonly fd: number | 'return';
  readonly address?: number;
  readonly data?: Data;
};
/** A call on a descriptor, whatever that is. */
type DescriptorShape = { readonly decoder: 'descriptor'; readonly fd: number; readonly data?: Data };
/** A call that has no record of its own, but memory to be read. */
type CallShape = { readonly decoder: 'call'; readonly data: Data };
type Shape = FileShape | SocketShape | DescriptorShape | CallShape;

/** Where a call's bytes lie, or the two descriptors that it makes (`enum call_data`). */
type Data = readonly [kind: keyof typeof dataKinds, position: number];
const dataKinds = { bytes: 1, iovec: 2, message: 3, pair: 4 } as const;

const RETURN = 7;
const NONE = 15;
const CALLS = 512;
const SHAPE_BYTES = 12;
const SHED = 5;
const POLLED = 6;
const decoders = { file: 1, socket: 2, call: 3, descriptor: 4 } as const;

const file = (shape: Omit<FileShape, 'decoder'>): FileShape => ({ decoder: 'file', ...shape });
const socket = (shape: Omit<SocketShape, 'decoder'>): SocketShape => ({ decoder: 'socket', ...shape });
const descriptor = (fd: number, data?: Data): DescriptorShape =>
  data === undefined ? { decoder: 'descriptor', fd } : { decoder: 'descriptor', fd, data };
const pair = (position: number): CallShape => ({ decoder: 'call', data: ['pair', position] });

const shapes: Readonly<Record<string, Shape>> = {
  open: file({ path: 1, flags: 2, mode: 3, fd: 'return' }),
  openat: file({ base: 1, path: 2, flags: 3, mode: 4, fd: 'return' }),
  openat2: file({ base: 1, path: 2, how: 3, fd: 'return' }),
  creat: file({ path: 1, mode: 2, fd: 'return' }),
  open_by_handle_at: file({ flags: 3, fd: 'return' }),
  memfd_create: file({ path: 1, base: 'none', flags: 2, fd: 'return' }),
  // A successful exec is an exec record; these are the failures.
  execve: file({ path: 1, onlyFailed: true }),
  execveat: file({ base: 1, path: 2, flags: 5, onlyFailed: true }),
  unlink: file({ path: 1 }),
  unlinkat: file({ base: 1, path: 2, flags: 3 }),
  rmdir: file({ path: 1 }),
  mkdir: file({ path: 1, mode: 2 }),
  mkdirat: file({ base: 1, path: 2, mode: 3 }),
  mknod: file({ path: 1, mode: 2 }),
  mknodat: file({ base: 1, path: 2, mode: 3 }),
  rename: file({ path: 1, path2: 2 }),
  renameat: file({ base: 1, path: 2, base2: 3, path2: 4 }),
  renameat2: file({ base: 1, path: 2, base2: 3, path2: 4, flags: 5 }),
  link: file({ path: 1, path2: 2 }),
  linkat: file({ base: 1, path: 2, base2: 3, path2: 4, flags: 5 }),
  symlink: file({ path: 1, base: 'none', path2: 2 }),
  symlinkat: file({ path: 1, base: 'none', base2: 2, path2: 3 }),
  chmod: file({ path: 1, mode: 2 }),
  fchmod: file({ fd: 1, mode: 2 }),
  fchmodat: file({ base: 1, path: 2, mode: 3 }),
  fchmodat2: file({ base: 1, path: 2, mode: 3, flags: 4 }),
  chown: file({ path: 1 }),
  lchown: file({ path: 1 }),
  fchown: file({ fd: 1 }),
  fchownat: file({ base: 1, path: 2, flags: 5 }),
  truncate: file({ path: 1 }),
  chdir: file({ path: 1 }),
  fchdir: file({ fd: 1 }),
  chroot: file({ path: 1 }),
  pivot_root: file({ path: 1, path2: 2 }),
  mount: file({ path: 2, path2: 1, base2: 'none', extra: 3, flags: 4 }),
  umount2: file({ path: 1, flags: 2 }),
  open_tree: file({ base: 1, path: 2, flags: 3, fd: 'return' }),
  move_mount: file({ base: 1, path: 2, base2: 3, path2: 4, flags: 5 }),
  mount_setattr: file({ base: 1, path: 2, flags: 3 }),
  fsopen: file({ path: 1, base: 'none', flags: 2, fd: 'return' }),
  fsconfig: file({ fd: 1, path: 3, base: 'none', extra: 4 }),
  fsmount: file({ flags: 2, fd: 'return' }),
  fspick: file({ base: 1, path: 2, flags: 3, fd: 'return' }),
  init_module: file({ extra: 3 }),
  finit_module: file({ fd: 1, flags: 3, extra: 2 }),
  delete_module: file({ path: 1, base: 'none', flags: 2 }),
  kexec_file_load: file({ fd: 1, extra: 4, flags: 5 }),
  quotactl: file({ path: 2 }),
  acct: file({ path: 1 }),
  swapon: file({ path: 1, flags: 2 }),
  swapoff: file({ path: 1 }),
  setxattr: file({ path: 1, extra: 2, flags: 5 }),
  lsetxattr: file({ path: 1, extra: 2, flags: 5 }),
  fsetxattr: file({ fd: 1, extra: 2, flags: 5 }),
  setxattrat: file({ base: 1, path: 2, extra: 4, flags: 3 }),
  removexattr: file({ path: 1, extra: 2 }),
  lremovexattr: file({ path: 1, extra: 2 }),
  fremovexattr: file({ fd: 1, extra: 2 }),
  removexattrat: file({ base: 1, path: 2, extra: 4, flags: 3 }),
  getxattr: file({ path: 1, extra: 2 }),
  lgetxattr: file({ path: 1, extra: 2 }),
  fgetxattr: file({ fd: 1, extra: 2 }),
  utime: file({ path: 1 }),
  utimes: file({ path: 1 }),
  futimesat: file({ base: 1, path: 2 }),
  utimensat: file({ base: 1, path: 2, flags: 4 }),
  access: file({ path: 1, mode: 2 }),
  faccessat: file({ base: 1, path: 2, mode: 3 }),
  faccessat2: file({ base: 1, path: 2, mode: 3, flags: 4 }),
  readlink: file({ path: 1 }),
  readlinkat: file({ base: 1, path: 2 }),
  stat: file({ path: 1 }),
  lstat: file({ path: 1 }),
  newfstatat: file({ base: 1, path: 2, flags: 4 }),
  statx: file({ base: 1, path: 2, flags: 3 }),
  statfs: file({ path: 1 }),
  name_to_handle_at: file({ base: 1, path: 2, flags: 5 }),
  inotify_add_watch: file({ fd: 1, path2: 2, flags: 3 }),
  fanotify_mark: file({ fd: 1, base2: 4, path2: 5, flags: 2 }),
  add_key: file({ path: 1, base: 'none', extra: 2 }),
  request_key: file({ path: 1, base: 'none', extra: 2 }),
  prctl: file({ extra: 2 }),
  pidfd_open: file({ flags: 2, fd: 'return' }),
  pidfd_getfd: descriptor(RETURN),
  socket: socket({ fd: 'return' }),
  connect: socket({ fd: 1, address: 2 }),
  bind: socket({ fd: 1, address: 2 }),
  accept: socket({ fd: 'return' }),
  accept4: socket({ fd: 'return' }),
  listen: socket({ fd: 1 }),
  shutdown: socket({ fd: 1 }),
  sendto: socket({ fd: 1, address: 5, data: ['bytes', 2] }),
  sendmsg: socket({ fd: 1, address: 2, data: ['message', 2] }),
  sendmmsg: socket({ fd: 1, address: 2, data: ['message', 2] }),
  recvfrom: socket({ fd: 1, address: 5, data: ['bytes', 2] }),
  recvmsg: socket({ fd: 1, address: 2, data: ['message', 2] }),
  recvmmsg: socket({ fd: 1, address: 2, data: ['message', 2] }),
  getsockname: socket({ fd: 1 }),
  getpeername: socket({ fd: 1 }),
  setsockopt: socket({ fd: 1 }),
  getsockopt: socket({ fd: 1 }),
  socketpair: pair(4),
  pipe: pair(1),
  pipe2: pair(1),
  read: descriptor(1, ['bytes', 2]),
  write: descriptor(1, ['bytes', 2]),
  pread: descriptor(1, ['bytes', 2]),
  pwrite: descriptor(1, ['bytes', 2]),
  readv: descriptor(1, ['iovec', 2]),
  writev: descriptor(1, ['iovec', 2]),
  preadv: descriptor(1, ['iovec', 2]),
  pwritev: descriptor(1, ['iovec', 2]),
  preadv2: descriptor(1, ['iovec', 2]),
  pwritev2: descriptor(1, ['iovec', 2]),
  vmsplice: descriptor(1, ['iovec', 2]),
  mmap: descriptor(5),
  ...Object.fromEntries(
    `dup dup2 dup3 fcntl ioctl ftruncate fallocate fsync fdatasync syncfs sync_file_range fadvise64 readahead lseek
    flock fstat fstatfs getdents getdents64 flistxattr setns sendfile splice tee copy_file_range epoll_ctl epoll_wait
    epoll_pwait epoll_pwait2 signalfd signalfd4 timerfd_settime timerfd_gettime process_madvise pidfd_send_signal
    io_uring_enter io_uring_register quotactl_fd process_mrelease`
      .split(/\s+/)
      .map((name) => [name, descriptor(1)]),
  ),
};

/** What the kernel has records of its own for; asking for these names turns threads and failures on, no more. */
const lifecycle: ReadonlySet<string> = new Set(['clone', 'clone3', 'fork', 'vfork']);

/** Calls that wait for the descriptors in their struct pollfd[]. */
const polling: ReadonlySet<string> = new Set(['poll', 'ppoll']);

/** What else the kernel side is to tell. */
export type Details = {
  /** Types that are counted, and come no more. */
  readonly shed?: ReadonlySet<string> | undefined;
  /** With an exec, the environment that the program was started with. */
  readonly environment?: boolean | undefined;
  /** With a poll(2), what the descriptors are that it waits for. */
  readonly polled?: boolean | undefined;
};

/** The kernel's table for the given event types; names that are no call are left out. */
export function encodeShapes(
  types: Iterable<string>,
  { environment = false, polled = false, shed }: Details = {},
): Uint8Array {
  const table = new Uint8Array(CALLS * SHAPE_BYTES);
  for (const type of types) {
    const number = numberOfCall(type);
    if (number === undefined) continue;
    table.set(encodeShape(shapes[type], lifecycle.has(type)), number * SHAPE_BYTES);
    if (polled && polling.has(type)) table[number * SHAPE_BYTES] = POLLED;
    if (shed?.has(type) === true) table[number * SHAPE_BYTES] = SHED;
  }
  // An exec has a record of its own; the last byte of its line is free.
  if (environment) table[((numberOfCall('execve') ?? 0) + 1) * SHAPE_BYTES - 1] = 1;
  return table;
}

function encodeShape(shape: Shape | undefined, isLifecycle: boolean): readonly number[] {
  const decoder = decoders[shape?.decoder ?? 'call'];
  if (shape === undefined) return [decoder, 0, 0, 0, 0, 0, 0, 0, 0, isLifecycle ? 1 : 0, 0, 0];
  if (shape.decoder !== 'file') {
    const address = shape.decoder === 'socket' ? (shape.address ?? 0) : 0;
    const fd = shape.decoder === 'call' ? 0 : position(shape.fd);
    return [
      decoder,
      address,
      shape.decoder === 'descriptor' ? NONE : 0,
      0,
      0,
      0,
      0,
      fd,
      0,
      0,
      0,
      encodeData(shape.data),
    ];
  }
  const { path = 0, path2 = 0, flags = 0, mode = 0, extra = 0, how = 0 } = shape;
  return [
    decoder,
    path,
    position(shape.base),
    path2,
    position(shape.base2),
    flags,
    mode,
    position(shape.fd),
    extra,
    shape.onlyFailed ? 1 : 0,
    how,
    0,
  ];
}

const encodeData = (data: Data | undefined): number => (data === undefined ? 0 : (dataKinds[data[0]] << 4) | data[1]);

function position(argument: number | 'none' | 'return' | undefined): number {
  if (argument === 'return') return RETURN;
  return argument === 'none' ? NONE : (argument ?? 0);
}

/** All event types that this capture can deliver. */
export const captureTypes: readonly string[] = [...callNames, 'procexit'];
