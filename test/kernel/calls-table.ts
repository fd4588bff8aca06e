/**
 * What rules see of each call of calls.c, beside its type and its result: parameters of `evt.arg` by name. Paths begin with
 * the test's folder where they are relative to it (`./`).
 */
type Expected = Readonly<Record<string, string | undefined>>;

const nobody = String(0x3fff_ffff);
const noThread = String(0x3fff_fffe);
const noFd = '4242';
const noOtherFd = '4343';

const onFiles: Readonly<Record<string, Expected>> = {
  open: {
    fd: 'ENOENT',
    name: './absent/opened',
    flags: 'O_TRUNC|O_CREAT|O_WRONLY',
    mode: 'S_IRGRP|S_IWUSR|S_IRUSR',
  },
  openat: { fd: 'EBADF', dirfd: noFd, name: 'opened', flags: 'O_CREAT|O_RDWR', mode: 'S_IROTH|S_IWUSR|S_IRUSR' },
  openat2: {
    fd: 'EBADF',
    dirfd: noFd,
    name: 'opened2',
    flags: 'O_CREAT|O_WRONLY',
    mode: 'S_IXOTH|S_IXGRP|S_IXUSR|S_IWUSR|S_IRUSR',
  },
  creat: { fd: 'ENOENT', name: './absent/made', mode: 'S_IWGRP|S_IWUSR|S_IRUSR' },
  mkdir: { res: 'ENOENT', path: './absent/folder', mode: 'S_IXGRP|S_IXUSR|S_IWUSR|S_IRUSR' },
  rename: { res: 'ENOENT', oldpath: './absent-old', newpath: './absent-new' },
  renameat2: { res: 'EBADF', oldpath: 'old-name2', newpath: 'new-name2', flags: 'RENAME_NOREPLACE' },
  symlink: { res: 'ENOENT', target: 'pointed-by', linkpath: './absent/pointer' },
  unlink: { res: 'ENOENT', path: './absent-unlink' },
  unlinkat: { res: 'EBADF', dirfd: noFd, name: 'unlinked', flags: 'AT_REMOVEDIR' },
  chmod: { res: 'ENOENT', filename: './absent-chmod', mode: 'S_IROTH|S_IWUSR|S_IRUSR' },
  fchmod: { res: 'EBADF', fd: noFd, mode: 'S_IRGRP|S_IWUSR|S_IRUSR' },
  open_by_handle_at: { fd: 'EINVAL', mountfd: noFd, flags: 'O_DIRECTORY|O_RDONLY', path: undefined },
  dup3: { res: 'EBADF', oldfd: noFd, newfd: noOtherFd, flags: 'O_CLOEXEC' },
  fcntl: { res: 'EBADF', fd: noFd, cmd: '1' },
  pread: { res: 'EBADF', fd: noFd, size: '33', pos: '77', data: undefined },
  readv: { res: 'EBADF', fd: noFd },
  preadv: { res: 'EBADF', fd: noFd, pos: '78' },
  pwritev: { res: 'EBADF', fd: noFd, pos: '79' },
  accept: { fd: 'EBADF', tuple: undefined },
  renameat: { res: 'EBADF', olddirfd: noFd, oldpath: 'old-name', newdirfd: noOtherFd, newpath: 'new-name' },
  link: { res: 'ENOENT', oldpath: './absent-link', newpath: './linked' },
  linkat: {
    olddir: 'AT_FDCWD',
    oldpath: './absent-linkat',
    newdir: noOtherFd,
    newpath: 'linked',
    flags: 'AT_SYMLINK_FOLLOW',
  },
  symlinkat: { res: 'EBADF', target: 'pointed', linkdirfd: noFd, linkpath: 'pointer' },
  mkdirat: { res: 'EBADF', dirfd: noFd, path: 'made', mode: 'S_IXOTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR' },
  rmdir: { res: 'ENOENT', path: './absent-rmdir' },
  mknod: { res: 'ENOENT', path: './absent/node', mode: 'S_IWGRP|S_IWUSR|S_IRUSR|S_IFIFO', dev: '259' },
  mknodat: { res: 'EBADF', dirfd: noFd, path: 'node', mode: 'S_IWOTH|S_IWUSR|S_IRUSR|S_IFIFO', dev: '260' },
  fchmodat: { res: 'EBADF', dirfd: noFd, filename: 'mode', mode: 'S_IRGRP|S_IWUSR|S_IRUSR' },
  fchmodat2: { dirfd: noFd, filename: 'mode2', mode: 'S_IROTH|S_IWUSR|S_IRUSR', flags: 'AT_SYMLINK_NOFOLLOW' },
  lchown: { res: 'ENOENT', path: './absent-lchown', uid: '11', gid: '12' },
  fchown: { res: 'EBADF', fd: noFd, uid: '13', gid: '14' },
  fchownat: { res: 'EBADF', dirfd: noFd, pathname: 'owned', uid: '15', gid: '16', flags: 'AT_SYMLINK_NOFOLLOW' },
  pivot_root: { res: 'ENOENT', new_root: './absent-new', put_old: './absent-old' },
  chroot: { res: 'ENOENT', path: './absent-root' },
  ftruncate: { res: 'EBADF', fd: noFd, length: '99' },
  utime: { res: 'ENOENT', path: './absent-utime' },
  utimes: { res: 'ENOENT', path: './absent-utimes' },
  futimesat: { res: 'EBADF', dirfd: noFd, path: 'futimesat' },
  utimensat: { res: 'EBADF', dirfd: noFd, path: 'utimensat', flags: 'AT_SYMLINK_NOFOLLOW' },
  chdir: { res: 'ENOENT', path: './absent-chdir' },
  fchdir: { res: 'EBADF', fd: noFd },
  lsetxattr: { res: 'ENOENT', path: './absent-lset', name: 'user.lset' },
  fsetxattr: { res: 'EBADF', fd: noFd, name: 'user.fset' },
  setxattrat: { dirfd: noFd, path: 'set', name: 'user.setat' },
  removexattr: { res: 'ENOENT', path: './absent-remove', name: 'user.remove' },
  lremovexattr: { res: 'ENOENT', path: './absent-lremove', name: 'user.lremove' },
  fremovexattr: { res: 'EBADF', fd: noFd, name: 'user.fremove' },
  removexattrat: { dirfd: noFd, path: 'removed', name: 'user.removeat' },
};

const onTheKernel: Readonly<Record<string, Expected>> = {
  process_vm_readv: { res: 'ESRCH', pid: nobody },
  process_vm_writev: { res: 'ESRCH', pid: noThread },
  unshare: { res: 'EINVAL', flags: 'CLONE_NEWNET' },
  kill: { res: 'ESRCH', pid: nobody, sig: 'SIGUSR1' },
  tkill: { res: 'ESRCH', tid: noThread, sig: 'SIGUSR2' },
  tgkill: { res: 'ESRCH', pid: nobody, tid: noThread, sig: 'SIGHUP' },
  prctl: { res: 'EINVAL', option: 'PR_CAPBSET_DROP', arg2_str: undefined, arg2_int: '9999' },
  bpf: { cmd: 'BPF_MAP_FREEZE' },
  perf_event_open: { fd: 'EINVAL', pid: nobody, cpu: '7', group_fd: noFd, flags: '128' },
  ptrace: { res: 'ESRCH', request: 'PTRACE_ATTACH', pid: nobody },
  socket: { fd: 'EPROTONOSUPPORT', domain: 'AF_NETLINK', type: '3', proto: '99' },
  userfaultfd: { flags: 'O_NONBLOCK|O_CLOEXEC' },
  memfd_create: { name: 'lanner-memory', flags: 'MFD_CLOEXEC' },
  finit_module: {
    fd: noFd,
    uargs: 'options=8',
    flags: 'MODULE_INIT_IGNORE_MODVERSIONS|MODULE_INIT_IGNORE_VERMAGIC',
  },
  delete_module: { name: 'lanner_absent', flags: 'O_NONBLOCK' },
  kexec_load: { entry: '119', nr_segments: '1000', flags: '4080' },
  kexec_file_load: { fd: noFd, initrd_fd: noOtherFd, cmdline: 'lanner=1', flags: '240' },
  io_uring_setup: { entries: '99999999' },
  io_uring_enter: { fd: noFd, to_submit: '3', min_complete: '5', flags: '1' },
  io_uring_register: { fd: noFd, opcode: '7', arg: '0', nr_args: '9' },
  personality: { res: '0', persona: '4294967295' },
  quotactl: { cmd: 'Q_GETQUOTA', type: 'GRPQUOTA', id: '4717', special: './absent-quota' },
  keyctl: { operation: 'KEYCTL_READ' },
  request_key: { type: 'user', description: 'lanner:absent' },
  pkey_mprotect: { res: 'EINVAL', addr: '1', length: '4096', prot: 'PROT_READ|PROT_EXEC' },
  mmap: { length: '12288', prot: 'PROT_READ|PROT_EXEC', flags: 'MAP_PRIVATE|MAP_ANONYMOUS', fd: '-1', offset: '0' },
  seccomp: { res: 'EINVAL', op: 'SECCOMP_GET_ACTION_AVAIL', flags: '5' },
  // No rule language has parameters for it: by number.
  ioprio_get: { ID: 'ioprio_get', nativeID: '252', arg0: '1111', arg1: '2222', arg2: '3', arg5: '6' },
};

const onItself: Readonly<Record<string, Expected>> = {
  setsid: {},
  setpgid: { res: 'ESRCH', pid: nobody, pgid: noThread },
  capset: { res: 'EINVAL' },
  setgid: { res: '0', gid: '4701' },
  setregid: { res: '0', rgid: '4702', egid: '4703' },
  setresgid: { res: '0', rgid: '4704', egid: '4705', sgid: '4706' },
  setfsgid: { res: '4705', gid: '4707' },
  setfsuid: { res: '0', uid: '4711' },
  setreuid: { res: '0', ruid: '4712', euid: 'root' },
  setresuid: { res: '0', ruid: '4713', euid: 'root', suid: '4714' },
  setuid: { res: '0', uid: '4715' },
};

export const made: Readonly<Record<string, Expected>> = { ...onFiles, ...onTheKernel, ...onItself };

/** Through the 32-bit entry: the name that the stimulus gives it, the type that rules see, its parameters. */
export const throughI386: readonly (readonly [name: string, type: string, expected: Expected])[] = [
  ['kill', 'kill', { res: 'ESRCH', pid: nobody, sig: 'SIGILL' }],
  ['unlink', 'unlink', { res: 'ENOENT', path: './absent-i386' }],
  ['ptrace', 'ptrace', { res: 'ESRCH', request: 'PTRACE_DETACH', pid: nobody, addr: '5', data: '6' }],
  ['unshare', 'unshare', { res: 'EINVAL', flags: 'CLONE_NEWIPC' }],
  ['bpf', 'bpf', { cmd: 'BPF_BTF_GET_NEXT_ID' }],
  ['delete_module', 'delete_module', { name: 'absent-i386', flags: 'O_NONBLOCK' }],
  ['process_vm_writev', 'process_vm_writev', { pid: nobody }],
  ['umount', 'umount2', { res: 'ENOENT', name: './absent-i386', flags: '0' }],
  ['mmap', 'mmap', { res: 'EINVAL', addr: '1', length: '8192', prot: 'PROT_READ|PROT_EXEC', fd: '-1', offset: '0' }],
  ['fanotify_mark', 'fanotify_mark', { dirfd: noOtherFd, path: 'absent-i386' }],
];

const wide = (high: bigint, low: bigint): bigint => (high << 32n) | low;
const none = 0xffff_ffffn;
const fd = BigInt(noFd);

/**
 * Of these the 32-bit entry has other arguments: the name that the stimulus gives it, the type that rules see, which of
 * that type it is, its arguments as those of the 64-bit call. `undefined`: an address.
 */
export const rearranged: readonly (readonly [
  name: string,
  type: string,
  index: number,
  given: readonly (bigint | undefined)[],
])[] = [
  ['lseek', 'lseek', 0, [fd, -5n, 1n]],
  ['_llseek', 'lseek', 1, [fd, wide(1n, 2n), 1n, 0n, 0n]],
  ['pread64', 'pread', 0, [fd, undefined, 33n, wide(5n, 77n), 0n, 0n]],
  ['pwrite64', 'pwrite', 0, [fd, undefined, 34n, wide(6n, 78n), 0n, 0n]],
  ['preadv', 'preadv', 0, [fd, undefined, 1n, wide(7n, 79n), 0n, 0n]],
  ['pwritev2', 'pwritev2', 0, [fd, undefined, 1n, wide(8n, 80n), 0n, 1n]],
  ['truncate', 'truncate', 0, [undefined, -2n]],
  ['truncate64', 'truncate', 1, [undefined, wide(9n, 3n), 0n]],
  ['ftruncate64', 'ftruncate', 0, [fd, wide(10n, 4n), 0n]],
  ['readahead', 'readahead', 0, [fd, wide(11n, 5n), 6n, 0n]],
  ['fadvise64', 'fadvise64', 0, [fd, wide(12n, 6n), 7n, 4n, 0n]],
  ['fadvise64_64', 'fadvise64', 1, [fd, wide(13n, 7n), wide(14n, 8n), 3n, 0n, 0n]],
  ['sync_file_range', 'sync_file_range', 0, [fd, wide(14n, 8n), wide(15n, 9n), 2n, 0n, 0n]],
  ['fallocate', 'fallocate', 0, [fd, 1n, wide(15n, 9n), wide(16n, 10n), 0n, 0n]],
  ['lookup_dcookie', 'lookup_dcookie', 0, [wide(17n, 11n), undefined, 12n, 0n]],
  ['fanotify_mark', 'fanotify_mark', 0, [fd, 1n, wide(0x10n, 0x20n), BigInt(noOtherFd), undefined, 0n]],
  ['chown', 'chown', 0, [undefined, none, 7n]],
  ['setresuid', 'setresuid', 0, [none, none, none]],
  ['mmap2', 'mmap', 1, [1n, 4_096n, 5n, 0x32n, none, 12_288n]],
  ['clone', 'clone', 0, [0x10000n, 0n, 7n, 9n, 8n]],
  ['select', 'select', 0, [1n, 0n, 0n, 0n, undefined, 0n]],
  ['send', 'sendto', 0, [fd, undefined, 3n, 0x40n, 0n, 0n]],
  ['semop', 'semop', 0, [fd, undefined, 1n, 0n, 0n, 0n]],
  ['semget', 'semget', 0, [4801n, 0xffff_fffdn, 5n, 0n, 0n, 0n]],
  ['semctl', 'semctl', 0, [fd, 6n, 0x10cn, 0x1234n, 0n, 0n]],
  ['semtimedop', 'semtimedop', 0, [fd, undefined, 2n, undefined, 0n, 0n]],
  ['msgsnd', 'msgsnd', 0, [fd, undefined, 7n, 0x800n, 0n, 0n]],
  ['msgrcv', 'msgrcv', 0, [fd, 0x1234n, 8n, -0x7fff_ffffn, 0x800n, 0n]],
  ['msgrcv-1', 'msgrcv', 1, [fd, undefined, 9n, -10n, 0x800n, 0n]],
  ['msgget', 'msgget', 0, [4802n, 11n, 0n, 0n, 0n, 0n]],
  ['msgctl', 'msgctl', 0, [fd, 0x102n, undefined, 0n, 0n, 0n]],
  ['shmat', 'shmat', 0, [fd, undefined, 0o10000n, 0n, 0n, 0n]],
  ['shmdt', 'shmdt', 0, [undefined, 0n, 0n, 0n, 0n, 0n]],
  ['shmget', 'shmget', 0, [4803n, 12n, 13n, 0n, 0n, 0n]],
  ['shmctl', 'shmctl', 0, [fd, 0x102n, undefined, 0n, 0n, 0n]],
];

/** Through the x32 entry, which answers ENOSYS where the kernel was built without it. */
export const throughX32: readonly (readonly [type: string, expected: Expected])[] = [
  ['kill', { pid: nobody, sig: 'SIGQUIT' }],
  ['unlink', { path: './absent-x32' }],
  ['ptrace', { request: 'PTRACE_ATTACH', pid: nobody }],
];

const capture = 'capture.test.ts';
const descriptors = 'descriptors.test.ts';
const uring = 'uring.test.ts';
const shown = (file: string, names: string) =>
  names.split(/\s+/).map((name): readonly [string, string] => [name, file]);

/** Shown on a real event by another test of this folder, which names the call. */
export const shownElsewhere: ReadonlyMap<string, string> = new Map([
  ...shown(
    capture,
    `execve execveat clone procexit open openat openat2 creat mkdir unlink unlinkat rename renameat2 symlink chmod
    fchmod mount umount2 ptrace connect bind listen accept4 sendto sendmsg`,
  ),
  ...shown(
    descriptors,
    `clone3 close dup dup2 read write pwrite writev socket socketpair shutdown recvfrom recvmsg sendmmsg recvmmsg
    chown truncate setns mprotect init_module add_key setxattr`,
  ),
  ...shown(uring, 'openat connect'),
]);

/** The calls of issue 4's list of events. */
export const listed = `
  execve execveat clone fork vfork clone3 procexit open openat openat2 creat open_by_handle_at close dup dup2 dup3 fcntl
  read write pread pwrite readv writev preadv pwritev socket bind listen connect accept accept4 sendto sendmsg sendmmsg
  recvfrom recvmsg recvmmsg socketpair rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat mkdir
  mkdirat rmdir mknod mknodat chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat mount umount2 pivot_root
  chroot ptrace process_vm_readv process_vm_writev setns unshare setuid setgid setreuid setregid setresuid setresgid
  setfsuid setfsgid capset prctl kill tkill tgkill bpf perf_event_open userfaultfd memfd_create init_module
  finit_module delete_module kexec_load kexec_file_load io_uring_setup io_uring_enter io_uring_register personality
  quotactl keyctl add_key request_key setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr
  removexattrat mprotect pkey_mprotect mmap truncate ftruncate utime utimes futimesat utimensat chdir fchdir setsid
  setpgid seccomp`
  .trim()
  .split(/\s+/);
