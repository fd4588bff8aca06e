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
  vtid: 84,
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
  environment: 208,
  reflex: 212,
  size: 216,
} as const;

export const forkLayout = {
  child_start_ns: 104,
  child_pid: 112,
  child_tid: 116,
  child_ppid: 120,
  child_vpid: 124,
  clone_flags: 128,
  size: 136,
} as const;

export const fileLayout = {
  args: 104,
  inode: 152,
  device: 160,
  file_mode: 164,
  dirfd: 168,
  dirfd2: 172,
  open_flags: 176,
  mode: 180,
  fd: 184,
  path: 188,
  base: 192,
  path2: 196,
  base2: 200,
  resolved: 204,
  extra: 208,
  data: 212,
  size: 216,
} as const;

export const socketLayout = {
  args: 104,
  fd: 152,
  family: 156,
  protocol: 158,
  type: 160,
  local_port: 162,
  remote_port: 164,
  state: 166,
  local: 168,
  remote: 184,
  unix_path: 200,
  data: 204,
  size: 208,
} as const;

export const callLayout = { args: 104, size: 152 } as const;

export const polledLayout = { args: 104, count: 152, unused: 156, size: 160 } as const;

export const recordFlags = {
  compat: 1,
  argsCut: 2,
  upperLayer: 4,
  memfd: 8,
  thread: 16,
  textCut: 32,
  repacked: 64,
  created: 128,
  lowerLayer: 256,
  newPeer: 512,
  uring: 1024,
  noResult: 2048,
  textUnread: 4096,
  accepted: 8192,
  asks: 16384,
} as const;
