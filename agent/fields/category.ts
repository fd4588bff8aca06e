/** `evt.category` of each call that has one of its own; the rest is `other`. */
const categories: Readonly<Record<string, string>> = {
  file: `open openat openat2 open_by_handle_at creat close read write pread pwrite readv writev preadv pwritev lseek unlink
    unlinkat rmdir mkdir mkdirat mknod mknodat rename renameat renameat2 link linkat symlink symlinkat chmod fchmod
    fchmodat fchmodat2 chown fchown lchown fchownat chdir fchdir chroot mount umount umount2 stat lstat fstat newfstatat
    access faccessat truncate ftruncate getdents getdents64 flock fcntl splice sendfile copy_file_range`,
  net: `socket connect accept accept4 bind listen send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg shutdown
    getsockname getpeername setsockopt getsockopt socketpair`,
  IPC: 'pipe pipe2 eventfd eventfd2 signalfd signalfd4 memfd_create semop semget semctl shmget shmat shmctl msgget msgsnd',
  memory: 'mmap munmap brk mprotect mlock mlock2 munlock mlockall munlockall userfaultfd',
  process: `execve execveat clone clone3 fork vfork procexit prctl ptrace setpgid setsid setns unshare capset seccomp bpf
    process_vm_readv process_vm_writev pidfd_open pidfd_getfd`,
  signal: 'kill tkill tgkill signaldeliver',
  user: 'setuid setgid setresuid setresgid setreuid setregid getuid getgid geteuid getegid getresuid getresgid',
  system: 'init_module finit_module delete_module quotactl getrlimit setrlimit prlimit',
  time: 'timerfd_create gettimeofday settimeofday',
  sleep: 'nanosleep',
  wait: 'poll ppoll select epoll_wait',
};

const categoryByType: ReadonlyMap<string, string> = new Map(
  Object.entries(categories).flatMap(([category, types]) =>
    types.split(/\s+/).map((type): readonly [string, string] => [type, category]),
  ),
);

export const categoryOf = (type: string): string => categoryByType.get(type) ?? 'other';
