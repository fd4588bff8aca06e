/**
 * Offsets of the records' fields; the C side is native/bpf/event.h, and test/kernel/layout.test.ts compares the two.
 * `size` is the size of the whole fixed part.
 */
export const headerLayout = {
  kind: 0,
  length: 4,
  time_ns: 8,
  start_ns: 16,
  cgroup: 24,
  ret: 32,
  pid: 40,
  tid: 44,
  ppid: 48,
  vpid: 52,
  uid: 56,
  gid: 60,
  euid: 64,
  loginuid: 68,
  cpu: 72,
  nr: 76,
  flags: 80,
  comm: 88,
  size: 104,
} as const;

export const execLayout = {
  parent_start_ns: 104,
  inode: 112,
  cap_effective: 120,
  cap_permitted: 128,
  cap_inheritable: 136,
  device: 144,
  file_mode: 148,
  file_uid: 152,
  tty: 156,
  sid: 160,
  pgid: 164,
  mnt_ns: 168,
  pid_ns: 172,
  egid: 176,
  exe: 180,
  filename: 184,
  argv: 188,
  cwd: 192,
  cgroup_path: 196,
  vsid: 200,
  vpgid: 204,
  size: 208,
} as const;

export const forkLayout = {
  child_start_ns: 104,
  child_pid: 112,
  child_tid: 116,
  child_ppid: 120,
  child_vpid: 124,
  size: 128,
} as const;

export const fileLayout = {
  inode: 104,
  device: 112,
  file_mode: 116,
  dirfd: 120,
  dirfd2: 124,
  open_flags: 128,
  mode: 132,
  fd: 136,
  path: 140,
  base: 144,
  path2: 148,
  base2: 152,
  resolved: 156,
  extra: 160,
  size: 168,
} as const;

export const socketLayout = {
  fd: 104,
  family: 108,
  protocol: 110,
  type: 112,
  local_port: 114,
  remote_port: 116,
  local: 120,
  remote: 136,
  unix_path: 152,
  size: 160,
} as const;

export const callLayout = { args: 104, size: 152 } as const;

export const recordFlags = {
  compat: 1,
  argsCut: 2,
  upperLayer: 4,
  memfd: 8,
  thread: 16,
  textCut: 32,
  socketcall: 64,
} as const;
