import { file } from '../events/decode.ts';
import {
  addressFamilies,
  bpfCommands,
  cloneFlags,
  execFlags,
  linkFlags,
  lookupFlags,
  memoryFileFlags,
  modeBits,
  moduleFlags,
  mountFlags,
  nameFlags,
  nodeModes,
  openFlags as openFlagNames,
  openFlagsOf,
  ptraceRequests,
  renameFlags,
  signalNames,
  unlinkFlags,
  unmountFlags,
} from './flag-names.ts';
import {
  address,
  changedFolder,
  device,
  extraText,
  firstFolder,
  firstPath,
  firstText,
  flags,
  given,
  inode,
  integer,
  mode,
  named,
  ofEvent,
  ofProcess,
  opened,
  openFlags,
  otherFolder,
  otherPath,
  otherText,
  type Parameter,
  result,
  tuple,
  unsigned,
  user,
} from './parameters.ts';
import { execFlagsOf } from './program.ts';
import type { Scene } from './scene.ts';

const own = (name: string) => openFlags(name, openFlagNames, openFlagsOf);

const program: readonly Parameter[] = [
  result,
  ofProcess('exe', ({ argv }) => argv[0]),
  ofProcess('args', ({ argv }) => argv.slice(1).join(' ')),
  ofEvent('tid', ({ event }) => event.tid),
  ofEvent('pid', ({ event }) => event.pid),
  ofEvent('ptid', ({ event }) => event.ppid),
  ofProcess('cwd', ({ cwd }) => cwd),
  ofProcess('comm', ({ comm }) => comm),
  ofProcess('tty', ({ tty }) => tty),
];

const exec: readonly Parameter[] = [
  ...program,
  ofProcess('pgid', ({ pgid }) => pgid),
  ofProcess('loginuid', ({ loginUid }) => (loginUid === 0xffff_ffff ? -1 : loginUid)),
  ofProcess('flags', execFlagsOf, ({ process }) => process && nameFlags(execFlagsOf(process) ?? 0, execFlags)),
  ofProcess('exe_ino', ({ inode: number }) => number),
  ofProcess('uid', ({ uid }) => uid),
  ofProcess('trusted_exepath', ({ exePath }) => exePath),
  ofProcess('gid', ({ gid }) => gid),
];

const fork: readonly Parameter[] = [...program, ofProcess('uid', ({ uid }) => uid), ofProcess('gid', ({ gid }) => gid)];

const name = firstPath('name');
const pathOnly = firstPath('path');

/**
 * The parameters of each event in the order of the original's table (`evt.arg[0]` is the first), as far as the records
 * carry them.
 */
const parameters: Readonly<Record<string, readonly Parameter[]>> = {
  open: [opened, name, own('flags'), mode('mode', modeBits), device, inode],
  openat: [opened, firstFolder('dirfd'), name, own('flags'), mode('mode', modeBits), device, inode],
  openat2: [opened, firstFolder('dirfd'), name, own('flags'), mode('mode', modeBits), device, inode],
  open_by_handle_at: [opened, ofEvent('path', (scene) => whenFile(scene, file.resolved)), own('flags'), device, inode],
  creat: [opened, name, mode('mode', modeBits), device, inode, own('creat_flags')],
  unlink: [result, pathOnly],
  unlinkat: [result, firstFolder('dirfd'), name, flags('flags', unlinkFlags)],
  rmdir: [result, pathOnly],
  mkdir: [result, pathOnly, mode('mode', modeBits)],
  mkdirat: [result, firstFolder('dirfd'), pathOnly, mode('mode', modeBits)],
  mknod: [result, pathOnly, mode('mode', nodeModes)],
  mknodat: [result, firstFolder('dirfd'), pathOnly, mode('mode', nodeModes)],
  rename: [result, firstPath('oldpath'), otherPath('newpath')],
  renameat: [result, firstFolder('olddirfd'), firstPath('oldpath'), otherFolder('newdirfd'), otherPath('newpath')],
  renameat2: [
    result,
    firstFolder('olddirfd'),
    firstPath('oldpath'),
    otherFolder('newdirfd'),
    otherPath('newpath'),
    flags('flags', renameFlags),
  ],
  link: [result, firstPath('oldpath'), otherPath('newpath')],
  linkat: [
    result,
    firstFolder('olddir'),
    firstPath('oldpath'),
    otherFolder('newdir'),
    otherPath('newpath'),
    flags('flags', linkFlags),
  ],
  symlink: [result, firstText('target'), otherPath('linkpath')],
  symlinkat: [result, firstText('target'), otherFolder('linkdirfd'), otherPath('linkpath')],
  chmod: [result, firstPath('filename'), mode('mode', modeBits)],
  fchmod: [result, given('fd', 0), mode('mode', modeBits)],
  fchmodat: [result, firstFolder('dirfd'), firstPath('filename'), mode('mode', modeBits)],
  fchmodat2: [result, firstFolder('dirfd'), firstPath('filename'), mode('mode', modeBits), flags('flags', lookupFlags)],
  chown: [result, pathOnly],
  lchown: [result, pathOnly],
  fchown: [result, given('fd', 0)],
  fchownat: [result, firstFolder('dirfd'), firstPath('pathname'), flags('flags', lookupFlags)],
  truncate: [result, pathOnly],
  chdir: [result, changedFolder('path')],
  fchdir: [result, given('fd', 0)],
  chroot: [result, changedFolder('path')],
  mount: [result, otherText('dev'), firstPath('dir'), extraText('type'), flags('flags', mountFlags)],
  umount: [result, name],
  umount2: [result, name, flags('flags', unmountFlags)],
  ptrace: [result, unsigned('addr', 2), unsigned('data', 3), named('request', 0, ptraceRequests), integer('pid', 1)],
  connect: [result, tuple, given('fd', 0), address],
  accept: [opened, tuple],
  accept4: [opened, tuple],
  bind: [result, address, given('fd', 0)],
  listen: [result, given('fd', 0), integer('backlog', 1)],
  socket: [opened, named('domain', 0, addressFamilies), integer('type', 1), integer('proto', 2)],
  socketpair: [result],
  sendto: [result, given('fd', 0), tuple],
  sendmsg: [result, given('fd', 0), tuple],
  recvfrom: [result, given('fd', 0), tuple],
  recvmsg: [result, given('fd', 0), tuple],
  setuid: [result, user('uid', 0)],
  setgid: [result, user('gid', 0)],
  setreuid: [result, user('ruid', 0), user('euid', 1)],
  setregid: [result, user('rgid', 0), user('egid', 1)],
  setresuid: [result, user('ruid', 0), user('euid', 1), user('suid', 2)],
  setresgid: [result, user('rgid', 0), user('egid', 1), user('sgid', 2)],
  setns: [result, given('fd', 0), flags('nstype', cloneFlags, 1)],
  unshare: [result, flags('flags', cloneFlags)],
  setsid: [result],
  setpgid: [result, integer('pid', 0), integer('pgid', 1)],
  kill: [result, integer('pid', 0), named('sig', 1, signalNames)],
  tkill: [result, integer('tid', 0), named('sig', 1, signalNames)],
  tgkill: [result, integer('pid', 0), integer('tid', 1), named('sig', 2, signalNames)],
  dup: [result, given('oldfd', 0)],
  dup2: [result, given('oldfd', 0), integer('newfd', 1)],
  dup3: [result, given('oldfd', 0), integer('newfd', 1), own('flags')],
  memfd_create: [opened, name, flags('flags', memoryFileFlags, 1)],
  userfaultfd: [result, own('flags')],
  init_module: [result, unsigned('length', 1)],
  finit_module: [result, given('fd', 0), flags('flags', moduleFlags, 2)],
  delete_module: [result, name, own('flags')],
  bpf: [opened, named('cmd', 0, bpfCommands)],
  process_vm_readv: [result, integer('pid', 0)],
  process_vm_writev: [result, integer('pid', 0)],
  pidfd_open: [opened, integer('pid', 0)],
  execve: exec,
  execveat: exec,
  clone: fork,
  clone3: fork,
  fork,
  vfork: fork,
  procexit: [
    ofEvent('status', ({ event }) => event.ret),
    ofEvent('ret', ({ event }) => (event.ret >> 8) & 0xff),
    ofEvent(
      'sig',
      ({ event }) => event.ret & 0x7f,
      ({ event }) => signalNames.get(event.ret & 0x7f),
    ),
    ofEvent('core', ({ event }) => (event.ret & 0x80) >> 7),
  ],
};

const generic: readonly Parameter[] = [ofEvent('ID', ({ type }) => type), ofEvent('nativeID', ({ event }) => event.nr)];

function whenFile(scene: Scene, read: (event: Scene['event']) => string | undefined): string | undefined {
  return scene.kind === 'file' ? read(scene.event) : undefined;
}

export function parametersOf(type: string): readonly Parameter[] {
  return Object.hasOwn(parameters, type) ? (parameters[type] ?? generic) : generic;
}

/** Types whose parameters are known: what is captured for a rule that does not say which events it is for. */
export const describedTypes: readonly string[] = Object.keys(parameters);
