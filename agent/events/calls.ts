/**
 * Names of system calls by number, as `evt.type` spells them (asm/unistd_64.h; pread64, pwrite64 and prlimit64 lose
 * their suffix, as in the original). `-` is a number without a call.
 */

const x64From0 = `
  read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask
  rt_sigreturn ioctl pread pwrite readv writev access pipe select sched_yield mremap msync mincore madvise shmget
  shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer getpid sendfile socket connect accept sendto
  recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername socketpair setsockopt getsockopt clone fork
  vfork execve exit wait4 kill uname semget semop semctl shmdt msgget msgsnd msgrcv msgctl fcntl flock fsync
  fdatasync truncate ftruncate getdents getcwd chdir fchdir rename mkdir rmdir creat link unlink symlink readlink
  chmod fchmod chown fchown lchown umask gettimeofday getrlimit getrusage sysinfo times ptrace getuid syslog getgid
  setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid setregid getgroups setgroups setresuid
  getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget capset rt_sigpending rt_sigtimedwait
  rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib personality ustat statfs fstatfs sysfs getpriority
  setpriority sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max
  sched_get_priority_min sched_rr_get_interval mlock munlock mlockall munlockall vhangup modify_ldt pivot_root
  _sysctl prctl arch_prctl adjtimex setrlimit chroot sync acct settimeofday mount umount2 swapon swapoff reboot
  sethostname setdomainname iopl ioperm create_module init_module delete_module get_kernel_syms query_module
  quotactl nfsservctl getpmsg putpmsg afs_syscall tuxcall security gettid readahead setxattr lsetxattr fsetxattr
  getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr tkill time
  futex sched_setaffinity sched_getaffinity set_thread_area io_setup io_destroy io_getevents io_submit io_cancel
  get_thread_area lookup_dcookie epoll_create epoll_ctl_old epoll_wait_old remap_file_pages getdents64
  set_tid_address restart_syscall semtimedop fadvise64 timer_create timer_settime timer_gettime timer_getoverrun
  timer_delete clock_settime clock_gettime clock_getres clock_nanosleep exit_group epoll_wait epoll_ctl tgkill
  utimes vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify
  mq_getsetattr kexec_load waitid add_key request_key keyctl ioprio_set ioprio_get inotify_init inotify_add_watch
  inotify_rm_watch migrate_pages openat mkdirat mknodat fchownat futimesat newfstatat unlinkat renameat linkat
  symlinkat readlinkat fchmodat faccessat pselect6 ppoll unshare set_robust_list get_robust_list splice tee
  sync_file_range vmsplice move_pages utimensat epoll_pwait signalfd timerfd_create eventfd fallocate
  timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev
  rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init fanotify_mark prlimit name_to_handle_at open_by_handle_at
  clock_adjtime syncfs sendmmsg setns getcpu process_vm_readv process_vm_writev kcmp finit_module sched_setattr
  sched_getattr renameat2 seccomp getrandom memfd_create kexec_file_load bpf execveat userfaultfd membarrier mlock2
  copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx io_pgetevents rseq
`;

const x64From424 = `
  pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount
  fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise epoll_pwait2 mount_setattr
  quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret process_mrelease
  futex_waitv set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue
  statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat
  removexattrat open_tree_attr file_getattr file_setattr
`;

/** 32-bit numbers, under the name of the 64-bit call that does the same (asm/unistd_32.h). */
const i386From0 = `
  restart_syscall exit fork read write open close wait4 creat link unlink execve chdir time mknod chmod lchown - -
  lseek getpid mount umount2 setuid getuid - ptrace alarm - pause utime - - access - - sync kill rename mkdir rmdir
  dup pipe times - brk setgid getgid - geteuid getegid acct umount2 - ioctl fcntl - setpgid - - umask chroot ustat
  dup2 getppid getpgrp setsid - - - setreuid setregid - - sethostname setrlimit getrlimit getrusage gettimeofday
  settimeofday getgroups setgroups select symlink - readlink uselib swapon reboot - mmap munmap truncate ftruncate
  fchmod fchown getpriority setpriority - statfs fstatfs ioperm socketcall syslog setitimer getitimer stat lstat
  fstat - iopl vhangup - - wait4 swapoff sysinfo ipc fsync - clone setdomainname uname modify_ldt adjtimex mprotect -
  create_module init_module delete_module get_kernel_syms quotactl getpgid fchdir - sysfs personality afs_syscall
  setfsuid setfsgid lseek getdents select flock msync readv writev getsid fdatasync _sysctl mlock munlock mlockall munlockall
  sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_yield sched_get_priority_max
  sched_get_priority_min sched_rr_get_interval nanosleep mremap setresuid getresuid - query_module poll nfsservctl
  setresgid getresgid prctl rt_sigreturn rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo
  rt_sigsuspend pread pwrite chown getcwd capget capset sigaltstack sendfile getpmsg putpmsg vfork - mmap truncate
  ftruncate stat lstat fstat lchown getuid getgid geteuid getegid setreuid setregid - setgroups fchown setresuid -
  setresgid - chown setuid setgid setfsuid setfsgid pivot_root mincore madvise getdents64 fcntl - - gettid readahead
  setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr
  fremovexattr tkill sendfile futex sched_setaffinity sched_getaffinity set_thread_area get_thread_area io_setup
  io_destroy io_getevents io_submit io_cancel fadvise64 - exit_group lookup_dcookie epoll_create epoll_ctl
  epoll_wait remap_file_pages set_tid_address timer_create timer_settime timer_gettime timer_getoverrun timer_delete
  clock_settime clock_gettime clock_getres clock_nanosleep - - tgkill utimes fadvise64 vserver mbind get_mempolicy
  set_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr kexec_load waitid - add_key
  request_key keyctl ioprio_set ioprio_get inotify_init inotify_add_watch inotify_rm_watch migrate_pages openat
  mkdirat mknodat fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat
  pselect6 ppoll unshare set_robust_list get_robust_list splice sync_file_range tee vmsplice move_pages getcpu
  epoll_pwait utimensat signalfd timerfd_create eventfd fallocate timerfd_settime timerfd_gettime signalfd4 eventfd2
  epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init
  fanotify_mark prlimit name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg setns process_vm_readv
  process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create bpf
  execveat socket socketpair bind connect listen accept4 getsockopt setsockopt getsockname getpeername sendto
  sendmsg recvfrom recvmsg shutdown userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect
  pkey_alloc pkey_free statx arch_prctl io_pgetevents rseq
`;

const i386From393 = `
  semget semctl shmget shmctl shmat shmdt msgget msgsnd msgrcv msgctl - clock_settime - - - - - - - - - - - - - - -
  - - - - pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig
  fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise epoll_pwait2
  mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret
  process_mrelease futex_waitv set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait
  futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat
  listxattrat removexattrat open_tree_attr file_getattr file_setattr
`;

/** Calls for which x32 has numbers of its own (asm/unistd_x32.h). */
const x32From512 = `
  rt_sigaction rt_sigreturn ioctl readv writev recvfrom sendmsg recvmsg execve ptrace rt_sigpending rt_sigtimedwait
  rt_sigqueueinfo sigaltstack timer_create mq_notify kexec_load waitid set_robust_list get_robust_list vmsplice
  move_pages preadv pwritev rt_tgsigqueueinfo recvmmsg sendmmsg process_vm_readv process_vm_writev setsockopt
  getsockopt io_setup io_submit execveat preadv2 pwritev2
`;

function table(from: number, names: string): readonly (readonly [number, string])[] {
  return names
    .trim()
    .split(/\s+/)
    .flatMap((name, at) => (name === '-' ? [] : [[from + at, name] as const]));
}

const entries = [...table(0, x64From0), ...table(424, x64From424)];
const nameByNumber: readonly (string | undefined)[] = fill(entries);
const numberByName: ReadonlyMap<string, number> = new Map(entries.map(([number, name]) => [name, number]));

function fill(pairs: readonly (readonly [number, string])[]): readonly (string | undefined)[] {
  const filled: (string | undefined)[] = new Array(512).fill(undefined);
  for (const [number, name] of pairs) filled[number] = name;
  return filled;
}

/** Name of an x86_64 call. */
export function nameOfCall(number: number): string | undefined {
  return nameByNumber[number];
}

/** Number of an x86_64 call. */
export function numberOfCall(name: string): number | undefined {
  return numberByName.get(name);
}

/** Names of all calls, by rising number. */
export const callNames: readonly string[] = entries.map(([, name]) => name);

/** Pairs of a 32-bit number and the name of its 64-bit call; `socketcall` and `ipc` are many. */
export const i386Calls: readonly (readonly [number, string])[] = [...table(0, i386From0), ...table(393, i386From393)];

/** Pairs of an x32 number, without its marking bit, and the name of its 64-bit call. */
export const x32Calls: readonly (readonly [number, string])[] = table(512, x32From512);
