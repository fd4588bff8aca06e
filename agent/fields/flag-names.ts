/** Names of bits as the kernel's headers have them, in the order in which they are printed. */
export type FlagNames = readonly (readonly [name: string, bits: number])[];

/** open(2). The numbers are not the kernel's: `evt.rawarg.flags` has the original's own, see `openFlagsOf`. */
export const openFlags: FlagNames = [
  ['O_LARGEFILE', 0x800],
  ['O_DIRECTORY', 0x400],
  ['O_DIRECT', 0x200],
  ['O_TRUNC', 0x100],
  ['O_SYNC', 0x80],
  ['O_NONBLOCK', 0x40],
  ['O_EXCL', 0x20],
  ['O_DSYNC', 0x10],
  ['O_APPEND', 0x8],
  ['O_CREAT', 0x4],
  ['O_RDWR', 0x3],
  ['O_WRONLY', 0x2],
  ['O_RDONLY', 0x1],
  ['O_CLOEXEC', 0x1000],
  ['O_TMPFILE', 0x2000],
  ['O_F_CREATED', 0x4000],
];

/** Kernel bit (asm-generic/fcntl.h, x86) → the original's bit. */
const openBits: readonly (readonly [kernel: number, own: number])[] = [
  [0o100, 0x4],
  [0o200, 0x20],
  [0o1000, 0x100],
  [0o2000, 0x8],
  [0o4000, 0x40],
  [0o10000, 0x10],
  [0o40000, 0x200],
  [0o100000, 0x800],
  [0o200000, 0x400],
  [0o2000000, 0x1000],
  [0o20200000, 0x2000],
  [0o4010000, 0x80],
];

export const O_DIRECTORY = 0o200000;
export const O_TMPFILE = 0o20200000;
const accessModes = [0x1, 0x2, 0x3, 0x3] as const;

/** The kernel's flags of open(2) as the original numbers them: reading is a bit of its own. */
export function openFlagsOf(kernel: number, created: boolean): number {
  let own: number = accessModes[kernel & 3] ?? 0;
  for (const [bits, flag] of openBits) if ((kernel & bits) === bits) own |= flag;
  return created ? own | 0x4000 : own;
}

export const modeBits: FlagNames = [
  ['S_IXOTH', 0o1],
  ['S_IWOTH', 0o2],
  ['S_IROTH', 0o4],
  ['S_IXGRP', 0o10],
  ['S_IWGRP', 0o20],
  ['S_IRGRP', 0o40],
  ['S_IXUSR', 0o100],
  ['S_IWUSR', 0o200],
  ['S_IRUSR', 0o400],
  ['S_ISVTX', 0o1000],
  ['S_ISGID', 0o2000],
  ['S_ISUID', 0o4000],
];

/** What a new node is, besides its permissions: one value of a field, not bits, so the longest come first. */
export const nodeModes: FlagNames = [
  ...modeBits,
  ['S_IFSOCK', 0o140000],
  ['S_IFREG', 0o100000],
  ['S_IFBLK', 0o60000],
  ['S_IFCHR', 0o20000],
  ['S_IFIFO', 0o10000],
];

/** linux/mount.h, by rising bit; bit 7 has no name. */
export const mountFlags: FlagNames = `
  RDONLY NOSUID NODEV NOEXEC SYNCHRONOUS REMOUNT MANDLOCK DIRSYNC - - NOATIME NODIRATIME BIND MOVE REC SILENT POSIXACL
  UNBINDABLE PRIVATE SLAVE SHARED RELATIME KERNMOUNT I_VERSION STRICTATIME LAZYTIME - - NOSEC BORN ACTIVE NOUSER`
  .trim()
  .split(/\s+/)
  .map((name, bit): readonly [string, number] => [name, 2 ** bit])
  .filter(([name]) => name !== '-');

export const unmountFlags: FlagNames = [
  ['FORCE', 1],
  ['DETACH', 2],
  ['EXPIRE', 4],
  ['NOFOLLOW', 8],
];

export const unlinkFlags: FlagNames = [['AT_REMOVEDIR', 0x200]];

export const linkFlags: FlagNames = [
  ['AT_SYMLINK_FOLLOW', 0x400],
  ['AT_EMPTY_PATH', 0x1000],
];

export const lookupFlags: FlagNames = [
  ['AT_SYMLINK_NOFOLLOW', 0x100],
  ['AT_EMPTY_PATH', 0x1000],
];

export const renameFlags: FlagNames = [
  ['RENAME_NOREPLACE', 1],
  ['RENAME_EXCHANGE', 2],
  ['RENAME_WHITEOUT', 4],
];

/** linux/sched.h */
export const cloneFlags: FlagNames = [
  ['CLONE_FILES', 0x400],
  ['CLONE_FS', 0x200],
  ['CLONE_IO', 0x80000000],
  ['CLONE_NEWIPC', 0x8000000],
  ['CLONE_NEWNET', 0x40000000],
  ['CLONE_NEWNS', 0x20000],
  ['CLONE_NEWPID', 0x20000000],
  ['CLONE_NEWUTS', 0x4000000],
  ['CLONE_PARENT', 0x8000],
  ['CLONE_PARENT_SETTID', 0x100000],
  ['CLONE_PTRACE', 0x2000],
  ['CLONE_SIGHAND', 0x800],
  ['CLONE_SYSVSEM', 0x40000],
  ['CLONE_THREAD', 0x10000],
  ['CLONE_UNTRACED', 0x800000],
  ['CLONE_VM', 0x100],
  ['CLONE_NEWUSER', 0x10000000],
  ['CLONE_CHILD_CLEARTID', 0x200000],
  ['CLONE_CHILD_SETTID', 0x1000000],
  ['CLONE_SETTLS', 0x80000],
  ['CLONE_VFORK', 0x4000],
  ['CLONE_NEWCGROUP', 0x2000000],
];

export const memoryFileFlags: FlagNames = [
  ['MFD_CLOEXEC', 1],
  ['MFD_ALLOW_SEALING', 2],
  ['MFD_HUGETLB', 4],
];

export const moduleFlags: FlagNames = [
  ['MODULE_INIT_IGNORE_MODVERSIONS', 1],
  ['MODULE_INIT_IGNORE_VERMAGIC', 2],
  ['MODULE_INIT_COMPRESSED_FILE', 4],
];

export const execFlags: FlagNames = [
  ['EXE_WRITABLE', 1],
  ['EXE_UPPER_LAYER', 2],
  ['EXE_FROM_MEMFD', 4],
  ['EXE_LOWER_LAYER', 8],
];

/** linux/mount.h */
export const moveMountFlags: FlagNames = [
  ['MOVE_MOUNT_F_SYMLINKS', 0x1],
  ['MOVE_MOUNT_F_AUTOMOUNTS', 0x2],
  ['MOVE_MOUNT_F_EMPTY_PATH', 0x4],
  ['MOVE_MOUNT_T_SYMLINKS', 0x10],
  ['MOVE_MOUNT_T_AUTOMOUNTS', 0x20],
  ['MOVE_MOUNT_T_EMPTY_PATH', 0x40],
];

/** asm-generic/mman-common.h */
export const protectionFlags: FlagNames = [
  ['PROT_READ', 1],
  ['PROT_WRITE', 2],
  ['PROT_EXEC', 4],
  ['PROT_SEM', 8],
  ['PROT_GROWSDOWN', 0x1000000],
  ['PROT_GROWSUP', 0x2000000],
];
export const mapFlags: FlagNames = [
  ['MAP_SHARED', 1],
  ['MAP_PRIVATE', 2],
  ['MAP_FIXED', 0x10],
  ['MAP_ANONYMOUS', 0x20],
  ['MAP_32BIT', 0x40],
  ['MAP_GROWSDOWN', 0x100],
  ['MAP_DENYWRITE', 0x800],
  ['MAP_EXECUTABLE', 0x1000],
  ['MAP_LOCKED', 0x2000],
  ['MAP_NORESERVE', 0x4000],
  ['MAP_POPULATE', 0x8000],
  ['MAP_NONBLOCK', 0x10000],
  ['MAP_STACK', 0x20000],
  ['MAP_HUGETLB', 0x40000],
];

/** `O_WRONLY|O_CREAT`; empty when no bit has a name. A bit is named once: what O_RDWR covers is not O_WRONLY too. */
export function nameFlags(value: number, names: FlagNames): string {
  let rest = value;
  const found: string[] = [];
  for (const [name, bits] of names) {
    if (bits === 0 || (rest & bits) >>> 0 !== bits >>> 0) continue;
    found.push(name);
    rest &= ~bits;
  }
  return found.join('|');
}

/** linux/ptrace.h and asm/ptrace-abi.h of x86. */
export const ptraceRequests: ReadonlyMap<number, string> = new Map([
  [0, 'PTRACE_TRACEME'],
  [1, 'PTRACE_PEEKTEXT'],
  [2, 'PTRACE_PEEKDATA'],
  [3, 'PTRACE_PEEKUSR'],
  [4, 'PTRACE_POKETEXT'],
  [5, 'PTRACE_POKEDATA'],
  [6, 'PTRACE_POKEUSR'],
  [7, 'PTRACE_CONT'],
  [8, 'PTRACE_KILL'],
  [9, 'PTRACE_SINGLESTEP'],
  [12, 'PTRACE_GETREGS'],
  [13, 'PTRACE_SETREGS'],
  [14, 'PTRACE_GETFPREGS'],
  [15, 'PTRACE_SETFPREGS'],
  [16, 'PTRACE_ATTACH'],
  [17, 'PTRACE_DETACH'],
  [18, 'PTRACE_GETFPXREGS'],
  [19, 'PTRACE_SETFPXREGS'],
  [21, 'PTRACE_OLDSETOPTIONS'],
  [24, 'PTRACE_SYSCALL'],
  [25, 'PTRACE_GET_THREAD_AREA'],
  [26, 'PTRACE_SET_THREAD_AREA'],
  [30, 'PTRACE_ARCH_PRCTL'],
  [31, 'PTRACE_SYSEMU'],
  [32, 'PTRACE_SYSEMU_SINGLESTEP'],
  [33, 'PTRACE_SINGLEBLOCK'],
  [0x4200, 'PTRACE_SETOPTIONS'],
  [0x4201, 'PTRACE_GETEVENTMSG'],
  [0x4202, 'PTRACE_GETSIGINFO'],
  [0x4203, 'PTRACE_SETSIGINFO'],
  [0x4204, 'PTRACE_GETREGSET'],
  [0x4205, 'PTRACE_SETREGSET'],
  [0x4206, 'PTRACE_SEIZE'],
  [0x4207, 'PTRACE_INTERRUPT'],
  [0x4208, 'PTRACE_LISTEN'],
  [0x4209, 'PTRACE_PEEKSIGINFO'],
  [0x420a, 'PTRACE_GETSIGMASK'],
  [0x420b, 'PTRACE_SETSIGMASK'],
]);

const count = (names: string): ReadonlyMap<number, string> =>
  new Map(
    names
      .trim()
      .split(/\s+/)
      .flatMap((name, number) => (name === '-' ? [] : [[number, name] as const])),
  );

/** bits/socket.h, by rising number. */
export const addressFamilies = count(`
  AF_UNSPEC AF_UNIX AF_INET AF_AX25 AF_IPX AF_APPLETALK AF_NETROM AF_BRIDGE AF_ATMPVC AF_X25 AF_INET6 AF_ROSE AF_DECnet
  AF_NETBEUI AF_SECURITY AF_KEY AF_NETLINK AF_PACKET AF_ASH AF_ECONET AF_ATMSVC AF_RDS AF_SNA AF_IRDA AF_PPPOX
  AF_WANPIPE AF_LLC - - AF_CAN AF_TIPC AF_BLUETOOTH AF_IUCV AF_RXRPC AF_ISDN AF_PHONET AF_IEEE802154 AF_CAIF AF_ALG
  AF_NFC AF_VSOCK`);

/** signal(7) on x86, by rising number. */
export const signalNames = count(`
  - SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM
  SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO
  SIGPWR SIGSYS`);

/** shutdown(2) */
export const shutdownWays = count('SHUT_RD SHUT_WR SHUT_RDWR');

/** linux/seccomp.h */
export const seccompOperations = count(`
  SECCOMP_SET_MODE_STRICT SECCOMP_SET_MODE_FILTER SECCOMP_GET_ACTION_AVAIL SECCOMP_GET_NOTIF_SIZES`);

/** asm-generic/resource.h */
export const resources = count(`
  RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK
  RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME`);

/** linux/keyctl.h */
export const keyCommands = count(`
  KEYCTL_GET_KEYRING_ID KEYCTL_JOIN_SESSION_KEYRING KEYCTL_UPDATE KEYCTL_REVOKE KEYCTL_CHOWN KEYCTL_SETPERM
  KEYCTL_DESCRIBE KEYCTL_CLEAR KEYCTL_LINK KEYCTL_UNLINK KEYCTL_SEARCH KEYCTL_READ KEYCTL_INSTANTIATE KEYCTL_NEGATE
  KEYCTL_SET_REQKEY_KEYRING KEYCTL_SET_TIMEOUT KEYCTL_ASSUME_AUTHORITY KEYCTL_GET_SECURITY KEYCTL_SESSION_TO_PARENT
  KEYCTL_REJECT KEYCTL_INSTANTIATE_IOV KEYCTL_INVALIDATE KEYCTL_GET_PERSISTENT`);

/** linux/prctl.h: 1 to 42, and what has a number of its own. */
export const prctlOptions: ReadonlyMap<number, string> = new Map([
  ...count(`
  - PR_SET_PDEATHSIG PR_GET_PDEATHSIG PR_GET_DUMPABLE PR_SET_DUMPABLE PR_GET_UNALIGN PR_SET_UNALIGN PR_GET_KEEPCAPS
  PR_SET_KEEPCAPS PR_GET_FPEMU PR_SET_FPEMU PR_GET_FPEXC PR_SET_FPEXC PR_GET_TIMING PR_SET_TIMING PR_SET_NAME PR_GET_NAME
  - - PR_GET_ENDIAN PR_SET_ENDIAN PR_GET_SECCOMP PR_SET_SECCOMP PR_CAPBSET_READ PR_CAPBSET_DROP PR_GET_TSC PR_SET_TSC
  PR_GET_SECUREBITS PR_SET_SECUREBITS PR_SET_TIMERSLACK PR_GET_TIMERSLACK PR_TASK_PERF_EVENTS_DISABLE
  PR_TASK_PERF_EVENTS_ENABLE PR_MCE_KILL PR_MCE_KILL_GET PR_SET_MM PR_SET_CHILD_SUBREAPER PR_GET_CHILD_SUBREAPER
  PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS PR_GET_TID_ADDRESS PR_SET_THP_DISABLE PR_GET_THP_DISABLE`),
  [45, 'PR_SET_FP_MODE'],
  [46, 'PR_GET_FP_MODE'],
  [47, 'PR_CAP_AMBIENT'],
  [0x5961_6d61, 'PR_SET_PTRACER'],
]);

/** linux/quota.h: a command's upper 24 bits, and its lowest eight. */
export const quotaCommands: ReadonlyMap<number, string> = new Map([
  [0x80_0001, 'Q_SYNC'],
  [0x80_0002, 'Q_QUOTAON'],
  [0x80_0003, 'Q_QUOTAOFF'],
  [0x80_0004, 'Q_GETFMT'],
  [0x80_0005, 'Q_GETINFO'],
  [0x80_0006, 'Q_SETINFO'],
  [0x80_0007, 'Q_GETQUOTA'],
  [0x80_0008, 'Q_SETQUOTA'],
  [0x80_0009, 'Q_GETNEXTQUOTA'],
]);
export const quotaTypes = count('USRQUOTA GRPQUOTA PRJQUOTA');

/** enum bpf_cmd of linux/bpf.h. */
export const bpfCommands = count(`
  BPF_MAP_CREATE BPF_MAP_LOOKUP_ELEM BPF_MAP_UPDATE_ELEM BPF_MAP_DELETE_ELEM BPF_MAP_GET_NEXT_KEY BPF_PROG_LOAD
  BPF_OBJ_PIN BPF_OBJ_GET BPF_PROG_ATTACH BPF_PROG_DETACH BPF_PROG_TEST_RUN BPF_PROG_GET_NEXT_ID BPF_MAP_GET_NEXT_ID
  BPF_PROG_GET_FD_BY_ID BPF_MAP_GET_FD_BY_ID BPF_OBJ_GET_INFO_BY_FD BPF_PROG_QUERY BPF_RAW_TRACEPOINT_OPEN BPF_BTF_LOAD
  BPF_BTF_GET_FD_BY_ID BPF_TASK_FD_QUERY BPF_MAP_LOOKUP_AND_DELETE_ELEM BPF_MAP_FREEZE BPF_BTF_GET_NEXT_ID
  BPF_MAP_LOOKUP_BATCH BPF_MAP_LOOKUP_AND_DELETE_BATCH BPF_MAP_UPDATE_BATCH BPF_MAP_DELETE_BATCH BPF_LINK_CREATE
  BPF_LINK_UPDATE BPF_LINK_GET_FD_BY_ID BPF_LINK_GET_NEXT_ID BPF_ENABLE_STATS BPF_ITER_CREATE BPF_LINK_DETACH
  BPF_PROG_BIND_MAP`);

/** errno(3), by rising number (asm-generic/errno-base.h, errno.h). */
const errorNames = count(`
  - EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
  ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK
  ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT
  EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV
  ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX
  ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT
  ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET
  ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH
  EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY
  EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON`);

/** Errors that the kernel keeps to itself, but which a traced call may show (linux/errno.h). */
const innerErrors: ReadonlyMap<number, string> = new Map([
  [512, 'ERESTARTSYS'],
  [513, 'ERESTARTNOINTR'],
  [514, 'ERESTARTNOHAND'],
  [516, 'ERESTART_RESTARTBLOCK'],
]);

/** `result` is negative. */
export function nameError(result: number): string {
  return errorNames.get(-result) ?? innerErrors.get(-result) ?? String(-result);
}
