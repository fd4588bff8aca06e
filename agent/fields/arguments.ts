import { decodeExec, decodeFork, file } from '../events/decode.ts';
import { descriptorParameters, onDemandTypes } from './descriptor-arguments.ts';
import {
  cloneFlags,
  execFlags,
  linkFlags,
  lookupFlags,
  modeBits,
  mountFlags,
  nameFlags,
  nodeModes,
  openFlags as openFlagNames,
  openFlagsOf,
  renameFlags,
  signalNames,
  unlinkFlags,
  unmountFlags,
} from './flag-names.ts';
import {
  changedFolder,
  device,
  extraText,
  firstFolder,
  firstPath,
  firstText,
  flags,
  given,
  group,
  inode,
  integer,
  missing,
  mode,
  ofEvent,
  ofProcess,
  opened,
  openFlags,
  otherFolder,
  otherPath,
  otherText,
  type Parameter,
  result,
  unsigned,
  user,
} from './parameters.ts';
import { environmentAt, execFlagsOf } from './program.ts';
import type { Scene } from './scene.ts';
import { systemParameters } from './system-arguments.ts';

const own = (name: string) => openFlags(name, openFlagNames, openFlagsOf);

/** What the original has at this place and no event of ours tells. */
const usage = `fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap`.split(' ').map(missing);

const program: readonly Parameter[] = [
  result,
  ofProcess('exe', ({ program: { argv } }) => argv[0]),
  ofProcess('args', ({ program: { args } }) => args),
  ofEvent('tid', ({ event }) => event.tid),
  ofEvent('pid', ({ event }) => event.pid),
  ofEvent('ptid', ({ event }) => event.ppid),
  ofProcess('cwd', ({ context }) => context.cwd),
  ...usage,
  ofProcess('comm', ({ comm }) => comm),
  ofProcess('cgroups', ({ context }) => context.cgroup),
];

const exec: readonly Parameter[] = [
  ...program,
  ofEvent('env', ({ event, process, around }) =>
    (process && environmentAt(event, process, around))?.replaceAll('\0', ' ').trimEnd(),
  ),
  ofProcess('tty', ({ context }) => context.tty),
  ofProcess('vpgid', ({ context }) => context.vpgid),
  ofProcess('loginuid', ({ context: { loginUid } }) => (loginUid === 0xffff_ffff ? -1 : loginUid)),
  ofProcess('flags', execFlagsOf, ({ process }) => process && nameFlags(execFlagsOf(process) ?? 0, execFlags)),
  ofProcess('cap_inheritable', ({ context }) => context.capInheritable),
  ofProcess('cap_permitted', ({ context }) => context.capPermitted),
  ofProcess('cap_effective', ({ context }) => context.capEffective),
  ofProcess('exe_ino', ({ program: { inode: number } }) => number),
  missing('exe_ino_ctime'),
  missing('exe_ino_mtime'),
  ofProcess('uid', ({ context }) => context.uid),
  ofProcess('trusted_exepath', ({ program: { exePath } }) => exePath),
  ofProcess('pgid', ({ context }) => context.pgid),
  ofProcess('gid', ({ context }) => context.gid),
  ofEvent('filename', (scene) => givenProgram(scene)),
];

/** As given to the call. */
function givenProgram({ kind, event }: Scene): string | undefined {
  if (kind === 'exec') return decodeExec(event).filename;
  return kind === 'file' ? file.path(event) : undefined;
}

const cloneFlagsOf = ({ kind, event }: Scene): number | undefined =>
  kind === 'fork' ? decodeFork(event).cloneFlags : undefined;

const fork: readonly Parameter[] = [
  ...program,
  ofEvent('flags', cloneFlagsOf, (scene) => nameFlags(cloneFlagsOf(scene) ?? 0, cloneFlags)),
  ofProcess('uid', ({ context }) => context.uid),
  ofProcess('gid', ({ context }) => context.gid),
  missing('vtid'),
  ofProcess('vpid', ({ vpid }) => vpid),
];

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
  open_by_handle_at: [
    opened,
    integer('mountfd', 0),
    own('flags'),
    ofEvent('path', (scene) => whenFile(scene, file.resolved)),
    device,
    inode,
  ],
  creat: [opened, name, mode('mode', modeBits), device, inode, own('creat_flags')],
  unlink: [result, pathOnly],
  unlinkat: [result, firstFolder('dirfd'), name, flags('flags', unlinkFlags)],
  rmdir: [result, pathOnly],
  mkdir: [result, pathOnly, mode('mode', modeBits)],
  mkdirat: [result, firstFolder('dirfd'), pathOnly, mode('mode', modeBits)],
  mknod: [result, pathOnly, mode('mode', nodeModes), unsigned('dev', 2)],
  mknodat: [result, firstFolder('dirfd'), pathOnly, mode('mode', nodeModes), unsigned('dev', 3)],
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
  chown: [result, pathOnly, user('uid', 1), group('gid', 2)],
  lchown: [result, pathOnly, user('uid', 1), group('gid', 2)],
  fchown: [result, given('fd', 0), user('uid', 1), group('gid', 2)],
  fchownat: [
    result,
    firstFolder('dirfd'),
    firstPath('pathname'),
    user('uid', 2),
    group('gid', 3),
    flags('flags', lookupFlags),
  ],
  truncate: [result, pathOnly],
  chdir: [result, changedFolder('path')],
  fchdir: [result, given('fd', 0)],
  chroot: [result, changedFolder('path')],
  mount: [result, otherText('dev'), firstPath('dir'), extraText('type'), flags('flags', mountFlags)],
  umount: [result, name],
  umount2: [result, name, flags('flags', unmountFlags)],
  ...descriptorParameters,
  ...systemParameters,
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

/** Any other call: its six arguments as they are, by number. */
const generic: readonly Parameter[] = [
  ofEvent('ID', ({ type }) => type),
  ofEvent('nativeID', ({ event }) => event.nr),
  ...[0, 1, 2, 3, 4, 5].map((index) => unsigned(`arg${index}`, index)),
];

function whenFile(scene: Scene, read: (event: Scene['event']) => string | undefined): string | undefined {
  return scene.kind === 'file' ? read(scene.event) : undefined;
}

export function parametersOf(type: string): readonly Parameter[] {
  return Object.hasOwn(parameters, type) ? (parameters[type] ?? generic) : generic;
}

/** Types whose parameters are known: what is captured for a rule that does not say which events it is for. */
export const describedTypes: readonly string[] = Object.keys(parameters).filter((type) => !onDemandTypes.has(type));
