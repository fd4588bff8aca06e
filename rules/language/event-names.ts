/**
 * The names that `evt.type` may be compared with, and how many event codes of the original share each: an enter and an
 * exit code for every version of an event. The count only decides the warning LOAD_NO_EVTTYPE.
 */

/** Events with one version. */
const twoCodes = `
  accept4 access asyncevent bind capset chdir chmod chown chroot clone3 close connect copy_file_range cpu_hotplug
  creat delete_module drop dup2 dup3 epoll_create epoll_create1 epoll_wait eventfd eventfd2 execveat fchdir fchmod
  fchmodat fchown fchownat fcntl finit_module flock fsconfig fstat fstat64 futex getcwd getdents getdents64 getegid
  geteuid getgid getpeername getresgid getresuid getrlimit getsockname getsockopt getuid groupadded groupdeleted infra
  init_module inotify_init inotify_init1 io_uring_enter io_uring_register io_uring_setup k8s kill lchown listen llseek
  lseek lstat lstat64 memfd_create mesos mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mount mprotect munlock
  munlockall munmap nanosleep newfstatat notification open open_by_handle_at openat2 page_fault pidfd_getfd pidfd_open
  pipe pipe2 pluginevent poll ppoll prctl pread preadv prlimit process_vm_readv process_vm_writev procinfo ptrace
  pwrite pwritev quotactl read readv recv recvfrom recvmmsg recvmsg rename renameat renameat2 scapevent seccomp select
  semctl semget semop send sendfile sendmmsg sendmsg sendto setgid setns setpgid setregid setresgid setresuid setreuid
  setrlimit setsid setsockopt setuid shutdown signaldeliver signalfd signalfd4 socket socketpair splice stat stat64
  symlink symlinkat syscall tgkill timerfd_create timerfd_settime tkill tracer umount2 unshare useradded userdeleted
  userfaultfd write writev
`;

const moreCodes = {
  accept: 4,
  bpf: 4,
  brk: 4,
  clone: 8,
  container: 4,
  dup: 4,
  execve: 16,
  fork: 6,
  ioctl: 4,
  link: 4,
  linkat: 4,
  mkdir: 4,
  openat: 4,
  procexit: 4,
  rmdir: 4,
  switch: 4,
  umount: 4,
  unlink: 4,
  unlinkat: 4,
  vfork: 6,
} as const;

/** System calls without an event of their own: they share the two generic codes, so each counts as none here. */
const generic = `
  _llseek _newselect _sysctl acct add_key adjtimex afs_syscall alarm arch_prctl arch_specific_syscall bdflush break
  cachestat capget chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
  clock_gettime64 clock_nanosleep clock_nanosleep_time64 clock_settime clock_settime64 close_range create_module
  epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait_old exit exit_group faccessat faccessat2 fadvise64
  fadvise64_64 fallocate fanotify_init fanotify_mark fchmodat2 fchown32 fcntl64 fdatasync fgetxattr flistxattr
  fremovexattr fsetxattr fsmount fsopen fspick fstatat fstatat64 fstatfs fstatfs64 fsync ftime ftruncate ftruncate64
  futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_kernel_syms get_mempolicy get_robust_list
  get_thread_area getcpu getegid32 geteuid32 getgid32 getgroups getgroups32 getitimer getpgid getpgrp getpid getpmsg
  getppid getpriority getrandom getresgid32 getresuid32 getrusage getsid gettid gettimeofday getuid32 getxattr
  getxattrat gtty idle inotify_add_watch inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
  io_pgetevents_time64 io_setup io_submit ioperm iopl ioprio_get ioprio_set ipc kcmp kexec_file_load kexec_load keyctl
  landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown32 lgetxattr listmount listxattr listxattrat
  llistxattr lock lookup_dcookie lremovexattr lsetxattr lsm_get_self_attr lsm_list_modules lsm_set_self_attr madvise
  map_shadow_stack mbind membarrier memfd_secret migrate_pages mincore modify_ldt mount_setattr move_mount move_pages
  mpx mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
  mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync name_to_handle_at nfsservctl nice oldfstat oldlstat
  oldolduname oldstat olduname open_tree open_tree_attr pause perf_event_open personality pidfd_send_signal pivot_root
  pkey_alloc pkey_free pkey_mprotect ppoll_time64 pread64 preadv2 prlimit64 process_madvise process_mrelease prof
  profil pselect6 pselect6_time64 putpmsg pwrite64 pwritev2 query_module quotactl_fd readahead readdir readlink
  readlinkat reboot recvmmsg_time64 remap_file_pages removexattr removexattrat request_key restart_syscall rseq
  rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
  rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
  sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
  sched_setattr sched_setparam sched_setscheduler sched_yield security semtimedop semtimedop_time64 sendfile64
  set_mempolicy set_mempolicy_home_node set_robust_list set_thread_area set_tid_address setdomainname setfsgid
  setfsgid32 setfsuid setfsuid32 setgid32 setgroups setgroups32 sethostname setitimer setpriority setregid32
  setresgid32 setresuid32 setreuid32 settimeofday setuid32 setxattr setxattrat sgetmask shmat shmctl shmdt shmget
  sigaction sigaltstack signal sigpending sigprocmask sigreturn sigsuspend socketcall ssetmask statfs statfs64
  statmount statx stime stty swapoff swapon sync sync_file_range sync_file_range2 syncfs sysfs sysinfo syslog tee time
  timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
  timerfd_gettime timerfd_gettime64 timerfd_settime64 times truncate truncate64 tuxcall ugetrlimit ulimit umask uname
  uselib ustat utime utimensat utimensat_time64 utimes vhangup vm86 vm86old vmsplice vserver wait4 waitid waitpid
`;

/** How many codes all names of `generic` share. */
export const genericCodes = 2;

/** A rule whose event set holds more codes than this is warned about. */
export const manyCodes = 100;

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

export const eventTypes: ReadonlyMap<string, number> = new Map([
  ...words(twoCodes).map((name): [string, number] => [name, 2]),
  ...Object.entries(moreCodes),
  ...words(generic).map((name): [string, number] => [name, 0]),
]);
