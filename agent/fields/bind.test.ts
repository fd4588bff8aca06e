import { describe, expect, it } from 'vitest';
import { fieldCatalogue, fieldSpecs } from '#rules/fields';
import { numberOfCall } from '../events/calls.ts';
import { type Batch, Event } from '../events/event.ts';
import { type Kind, kinds } from '../events/kinds.ts';
import { callLayout, execLayout, fileLayout, headerLayout, socketLayout } from '../events/layout.ts';
import type { Container } from '../state/containers/container.ts';
import type { Process } from '../state/process.ts';
import { ProcessTable } from '../state/process-table.ts';
import { describedTypes, parametersOf } from './arguments.ts';
import { bindField, readableFields } from './bind.ts';
import type { Scene } from './scene.ts';

const second = 1_000_000_000;
const bootWallNs = 1_795_439_100_000_000_000n;

type Parts = {
  readonly numbers?: Readonly<Record<string, number | bigint>>;
  readonly texts?: Readonly<Record<string, string>>;
};
const layouts = {
  file: fileLayout,
  socket: socketLayout,
  call: callLayout,
  exec: execLayout,
  fork: {},
  exit: {},
} as const;
const wide: ReadonlySet<string> = new Set(['time_ns', 'start_ns', 'cgroup', 'ret', 'inode']);
const narrow: ReadonlySet<string> = new Set(['family', 'protocol', 'type', 'local_port', 'remote_port']);

/** A record as the kernel programs write it. */
function record(kind: Kind, call: string, { numbers = {}, texts = {} }: Parts = {}): Event {
  const bytes = Buffer.alloc(4_096);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets: Readonly<Record<string, number>> = { ...headerLayout, ...layouts[kind] };
  const at = (name: string): number => {
    const offset = offsets[name];
    if (offset === undefined) throw new Error(`a ${kind} record has no ${name}`);
    return offset;
  };
  const header = {
    kind: kinds[kind],
    time_ns: 100 * second,
    start_ns: 90 * second,
    pid: 42,
    tid: 42,
    ppid: 7,
    vpid: 1,
  };
  for (const [name, value] of Object.entries({ ...header, nr: numberOfCall(call) ?? 0, ...numbers })) {
    if (wide.has(name)) view.setBigInt64(at(name), BigInt(value), true);
    else if (narrow.has(name)) view.setUint16(at(name), Number(value), true);
    else view.setInt32(at(name), Number(value) | 0, true);
  }
  let end = 512;
  for (const [name, text] of Object.entries(texts)) {
    if (name === 'comm') {
      bytes.write(text, headerLayout.comm, 'latin1');
      continue;
    }
    view.setUint16(at(name), end, true);
    view.setUint16(at(name) + 2, text.length, true);
    end += bytes.write(text, end, 'latin1');
  }
  view.setUint32(headerLayout.length, end, true);
  return new Event(batchOf(bytes));
}

function batchOf(bytes: Buffer): Batch {
  return {
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    latin1: (from, to) => bytes.toString('latin1', from, to),
    copy: (from, to) => batchOf(Buffer.from(bytes.subarray(from, to))),
  };
}

const shell: Process = {
  pid: 42,
  startNs: 90 * second,
  ppid: 7,
  parentStartNs: undefined,
  parent: undefined,
  comm: 'sh',
  exePath: '/bin/busybox',
  argv: ['/bin/sh', '-c', 'cat "/etc/shadow"'],
  cwd: '/root',
  tty: 34_816,
  sid: 42,
  pgid: 42,
  vpid: 1,
  vsid: 1,
  vpgid: 1,
  uid: 0,
  gid: 0,
  loginUid: 0xffff_ffff,
  cgroup: undefined,
  inode: 99,
  device: 0,
  fileMode: 0o100755,
  fileUid: 0,
  capEffective: 0b100001n,
  capPermitted: 0n,
  capInheritable: 0n,
  upperLayer: true,
  memfd: false,
  execNs: 91 * second,
  exitNs: undefined,
};

const container: Container = {
  id: 'abcdef0123456789'.repeat(4),
  engine: 'docker',
  status: 'known',
  details: {
    name: 'web',
    image: 'registry:5000/team/app:1.2',
    imageId: 'ff'.repeat(32),
    repository: 'registry:5000/team/app',
    tag: '1.2',
    digest: undefined,
    privileged: false,
    mounts: [
      { source: '/etc', destination: '/host/etc', mode: 'ro', writable: false, propagation: 'rprivate' },
      { source: '/var/run/docker.sock', destination: '/sock', mode: '', writable: true, propagation: '' },
    ],
    labels: new Map([['io.kubernetes.pod.name', 'web-1']]),
    ip: '172.17.0.2',
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    createdMs: 1_795_439_190_000,
  },
};

function sceneOf(event: Event, changes: Partial<Scene> = {}): Scene {
  const processes = new ProcessTable(() => undefined);
  const init = { ...shell, pid: 1, startNs: second, ppid: 0, comm: 'systemd', argv: ['/sbin/init'], sid: 1, pgid: 1 };
  const login = { ...shell, pid: 7, startNs: 60 * second, ppid: 1, comm: 'bash', argv: ['-bash'], sid: 7, pgid: 7 };
  const process = { ...shell };
  for (const each of [init, login, process]) processes.put(each);
  const { kind } = event;
  if (kind === undefined) throw new Error('a record has a kind');
  return {
    event,
    kind,
    type: event.type,
    process,
    container: undefined,
    number: 5,
    previousNs: 99 * second,
    around: {
      processes,
      users: {
        user: (uid) => (uid === 0 ? { name: 'root', home: '/root', shell: '/bin/bash' } : undefined),
        groupName: (gid) => (gid === 0 ? 'root' : undefined),
      },
      hostname: 'host-1',
      wallNs: (ns) => bootWallNs + BigInt(ns),
      offsetMinutes: () => 60,
      startedNs: 80 * second,
      environment: ({ pid }) => (pid === 42 ? 'PATH=/bin\0HOME=/root\0' : undefined),
    },
    ...changes,
  };
}

/** The value of a field as a rule would name it. */
function read(text: string, scene: Scene): unknown {
  const bracket = /^(.*)\[(.*)\]$/.exec(text);
  const found = fieldCatalogue.lookup(bracket?.[1] ?? text, bracket?.[2]);
  if (!found.ok) throw new Error(found.explain());
  const reader = bindField(found.use);
  if (reader === undefined) throw new Error(`${text} has no reader`);
  return reader(scene);
}

const open = record('file', 'openat', {
  numbers: { ret: 3, fd: 3, dirfd: -100, open_flags: 0o2000001, file_mode: 0o100644, inode: 7, device: 0x803 },
  texts: { path: 'shadow', base: '/etc', resolved: '/etc/shadow', comm: 'cat' },
});
const connect = record('socket', 'connect', {
  numbers: {
    ret: -115,
    fd: 4,
    family: 2,
    protocol: 6,
    type: 1,
    local: 0x0100_007f,
    remote: 0x0802_000a,
    local_port: 51_820,
    remote_port: 443,
  },
});
const exec = record('exec', 'execve', { texts: { comm: 'sh' } });
const inside = { container };

describe('the table of readers', () => {
  it('has only fields that the catalogue knows, and reads what it can say so', () => {
    const names = new Set(fieldSpecs.map(({ name }) => name));
    expect([...readableFields].filter((name) => !names.has(name))).toEqual([]);
    expect(readableFields.size).toBeGreaterThan(180);
  });

  it('gives what a type of field promises', () => {
    const forms: Readonly<Record<string, readonly string[]>> = {
      CHARBUF: ['string'],
      BOOL: ['boolean'],
      IPADDR: ['object'],
      IPNET: ['object'],
      PORT: ['number', 'object'],
    };
    for (const event of [open, connect, exec]) {
      for (const spec of fieldSpecs.filter(({ name }) => readableFields.has(name))) {
        if (spec.argument?.required === true || spec.candidates !== undefined) continue;
        const value = bindField({ spec })?.(sceneOf(event, inside));
        const allowed = forms[spec.type] ?? ['number', 'bigint'];
        if (value !== undefined) expect(allowed, `${spec.name} is ${typeof value}`).toContain(typeof value);
      }
    }
  });

  it('knows the parameters of every type it describes, each name once', () => {
    for (const type of describedTypes) {
      const names = parametersOf(type).map(({ name }) => name);
      expect(new Set(names).size, type).toBe(names.length);
    }
  });
});

describe('fields of an open', () => {
  it.for([
    ['evt.type', 'openat'],
    ['evt.dir', '<'],
    ['evt.num', 5],
    ['evt.category', 'file'],
    ['evt.time', '14:06:40.000000000'],
    ['evt.time.s', '14:06:40'],
    ['evt.time.iso8601', '2026-11-23T13:06:40.000000000+0000'],
    ['evt.datetime', '2026-11-23 14:06:40.000000000'],
    ['evt.rawtime', bootWallNs + 100_000_000_000n],
    ['evt.reltime.s', 20],
    ['evt.deltatime', second],
    ['evt.rawres', 3],
    ['evt.res', 'SUCCESS'],
    ['evt.failed', false],
    ['evt.count.error', undefined],
    ['evt.is_open_write', true],
    ['evt.is_open_read', false],
    ['evt.is_open_create', false],
    ['evt.arg.name', '/etc/shadow'],
    ['evt.arg.flags', 'O_WRONLY|O_CLOEXEC'],
    ['evt.arg[0]', '<f>/etc/shadow'],
    ['evt.rawarg.fd', 3],
    [
      'evt.args',
      'fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=shadow(/etc/shadow) flags=4098(O_WRONLY|O_CLOEXEC) mode=00 dev=2051 ino=7',
    ],
    ['evt.type.is.openat', 1],
    ['evt.type.is.open', 0],
    ['evt.abspath', '/etc/shadow'],
    ['fd.num', 3],
    ['fd.name', '/etc/shadow'],
    ['fd.nameraw', 'shadow'],
    ['fd.directory', '/etc'],
    ['fd.filename', 'shadow'],
    ['fd.type', 'file'],
    ['fd.typechar', 'f'],
    ['fd.ino', 7],
    ['fd.dev.major', 8],
    ['fd.dev.minor', 3],
    ['fd.sip', undefined],
    ['fd.l4proto', undefined],
    ['fs.path.name', '/etc/shadow'],
    ['fs.path.nameraw', 'shadow'],
    ['fs.path.source', undefined],
  ] as const)('reads %s', ([field, expected]) => {
    expect(read(field, sceneOf(open))).toEqual(expected);
  });

  it('names the path of an open that failed', () => {
    const failed = record('file', 'openat', {
      numbers: { ret: -2, fd: -1, dirfd: -100 },
      texts: { path: '../x', base: '/etc/y' },
    });
    const scene = sceneOf(failed);
    expect(read('fd.name', scene)).toBe('/etc/x');
    expect(read('fd.num', scene)).toBe(-1);
    expect(read('evt.res', scene)).toBe('ENOENT');
    expect(read('evt.failed', scene)).toBe(true);
    expect(read('evt.count.error.file', scene)).toBe(1);
    expect(read('fs.path.name', scene)).toBeUndefined();
  });

  it.for([
    { name: 'an exclusive create', flags: 0o301, mode: 0o100644, ret: 3, created: true },
    { name: 'a create of what is a regular file', flags: 0o101, mode: 0o100644, ret: 3, created: true },
    { name: 'a redirection to a device', flags: 0o1101, mode: 0o20666, ret: 3, created: false },
    { name: 'a create that failed', flags: 0o301, mode: 0, ret: -17, created: false },
    { name: 'an open for reading', flags: 0, mode: 0o100644, ret: 3, created: false },
  ])('tells creation: $name', ({ flags, mode, ret, created }) => {
    const event = record('file', 'open', { numbers: { ret, fd: ret, open_flags: flags, file_mode: mode } });
    expect(read('evt.is_open_create', sceneOf(event))).toBe(created);
  });
});

describe('fields of a connection', () => {
  it.for([
    ['fd.name', '127.0.0.1:51820->10.0.2.8:443'],
    ['fd.type', 'ipv4'],
    ['fd.typechar', '4'],
    ['fd.sip', new Uint8Array([10, 0, 2, 8])],
    ['fd.cip', new Uint8Array([127, 0, 0, 1])],
    ['fd.rip', new Uint8Array([10, 0, 2, 8])],
    ['fd.ip', [new Uint8Array([127, 0, 0, 1]), new Uint8Array([10, 0, 2, 8])]],
    ['fd.sport', 443],
    ['fd.cport', 51_820],
    ['fd.lport', 51_820],
    ['fd.rport', 443],
    ['fd.port', [51_820, 443]],
    ['fd.sproto', 'https'],
    ['fd.l4proto', 'tcp'],
    ['fd.sockfamily', 'ip'],
    ['fd.is_server', false],
    ['fd.directory', undefined],
    ['evt.res', 'EINPROGRESS'],
    ['evt.category', 'net'],
  ] as const)('reads %s', ([field, expected]) => {
    expect(read(field, sceneOf(connect))).toEqual(expected);
  });

  it('turns the ends round for a server, and has one for a socket that waits', () => {
    const numbers = {
      ret: 5,
      fd: 5,
      family: 2,
      type: 1,
      local: 0x0100_007f,
      remote: 0x0802_000a,
      local_port: 80,
      remote_port: 999,
    };
    const accepted = sceneOf(record('socket', 'accept4', { numbers }));
    expect(read('fd.name', accepted)).toBe('10.0.2.8:999->127.0.0.1:80');
    expect(read('fd.sport', accepted)).toBe(80);
    const listening = sceneOf(record('socket', 'listen', { numbers }));
    expect(read('fd.name', listening)).toBe('127.0.0.1:80');
    expect(read('fd.port', listening)).toEqual([80]);
    expect(read('fd.cip', listening)).toBeUndefined();
  });

  it.for([
    { unix_path: '/run/docker.sock', expected: '/run/docker.sock' },
    { unix_path: '\0session', expected: '@session' },
  ])('names the unix socket $expected', ({ unix_path, expected }) => {
    const scene = sceneOf(record('socket', 'connect', { numbers: { family: 1, fd: 3 }, texts: { unix_path } }));
    expect(read('fd.name', scene)).toBe(expected);
    expect(read('fd.typechar', scene)).toBe('u');
    expect(read('fd.ip', scene)).toBeUndefined();
  });
});

describe('fields of the process', () => {
  it.for([
    ['proc.name', 'sh'],
    ['proc.pname', 'bash'],
    ['proc.aname', ['bash', 'systemd']],
    ['proc.aname[0]', 'sh'],
    ['proc.aname[2]', 'systemd'],
    ['proc.aname[3]', undefined],
    ['proc.apid', [7, 1]],
    ['proc.exe', '/bin/sh'],
    ['proc.exepath', '/bin/busybox'],
    ['proc.cmdline', 'sh -c cat "/etc/shadow"'],
    ['proc.exeline', '/bin/sh -c cat "/etc/shadow"'],
    ['proc.pcmdline', 'bash'],
    ['proc.args', '-c cat "/etc/shadow"'],
    ['proc.args[1]', 'cat "/etc/shadow"'],
    ['proc.cmdnargs', 2],
    ['proc.cmdlenargs', 19],
    ['proc.cwd', '/root/'],
    ['proc.pid', 42],
    ['proc.ppid', 7],
    ['proc.vpid', 1],
    ['proc.tty', 34_816],
    ['proc.sname', 'sh'],
    ['proc.loginshellid', 7],
    ['proc.duration', 10 * second],
    ['proc.pid.ts', bootWallNs + 90_000_000_000n],
    ['proc.is_exe_upper_layer', true],
    ['proc.is_exe_from_memfd', false],
    ['proc.is_exe_writable', true],
    ['proc.is_vpgid_leader', true],
    ['proc.env[HOME]', '/root'],
    ['proc.env', 'PATH=/bin HOME=/root'],
    ['proc.env[PATHS]', undefined],
    ['proc.aenv[HOME]', []],
    ['thread.cap_effective', 'CAP_CHOWN CAP_KILL'],
    ['thread.tid', 42],
    ['thread.ismain', true],
    ['evt.arg.flags', 'EXE_WRITABLE|EXE_UPPER_LAYER'],
    ['evt.arg.exe', '/bin/sh'],
    ['user.name', 'root'],
    ['user.homedir', '/root'],
    ['user.loginuid', 0],
    ['group.name', 'root'],
    ['container.id', 'host'],
    ['container.name', 'host'],
    ['container.image', undefined],
  ] as const)('reads %s', ([field, expected]) => {
    expect(read(field, sceneOf(exec))).toEqual(expected);
  });

  it('falls back to the record when the process is not known', () => {
    const scene = sceneOf(open, { process: undefined });
    expect(read('proc.name', scene)).toBe('cat');
    expect(read('proc.pid', scene)).toBe(42);
    expect(read('proc.cmdline', scene)).toBeUndefined();
    expect(read('proc.aname', scene)).toBeUndefined();
  });

  it('shows an unset login as -1, without a name', () => {
    const scene = sceneOf(record('exec', 'execve', { numbers: { loginuid: -1 } }));
    expect(read('user.loginuid', scene)).toBe(-1);
    expect(read('user.loginname', scene)).toBeUndefined();
  });

  it('gives no host name to a user inside a container, but root', () => {
    const other = record('exec', 'execve', { numbers: { uid: 1_000 } });
    expect(read('user.name', sceneOf(other, inside))).toBeUndefined();
    expect(read('user.name', sceneOf(exec, inside))).toBe('root');
  });
});

describe('fields of the container', () => {
  it.for([
    ['container.id', 'abcdef012345'],
    ['container.full_id', container.id],
    ['container.name', 'web'],
    ['container.type', 'docker'],
    ['container.image.repository', 'registry:5000/team/app'],
    ['container.image.tag', '1.2'],
    ['container.image.digest', undefined],
    ['container.privileged', false],
    ['container.mounts', '/etc:/host/etc:ro:false:rprivate /var/run/docker.sock:/sock::true:'],
    ['container.mount[0]', '/etc:/host/etc:ro:false:rprivate'],
    ['container.mount[2]', 'N/A'],
    ['container.mount.dest[/etc]', '/host/etc'],
    ['container.mount.dest[/proc]', 'N/A'],
    ['container.mount.dest[/var/run/*]', '/sock'],
    ['container.mount.source[/sock]', '/var/run/docker.sock'],
    ['container.mount.rdwr[/etc]', 'false'],
    ['container.ip', '172.17.0.2'],
    ['container.start_ts', 1_795_439_190_000_000_000n],
    ['container.duration', 10 * second],
    ['k8s.pod.name', 'web-1'],
    ['k8s.ns.name', undefined],
    ['fd.containername', 'abcdef012345:/etc/shadow'],
  ] as const)('reads %s', ([field, expected]) => {
    expect(read(field, sceneOf(open, inside))).toEqual(expected);
  });

  it('has nothing but the id while no engine has answered', () => {
    const scene = sceneOf(open, { container: { ...container, details: undefined, status: 'waiting' } });
    expect(read('container.id', scene)).toBe('abcdef012345');
    for (const field of ['container.name', 'container.image', 'container.privileged', 'container.mount[0]']) {
      expect(read(field, scene)).toBeUndefined();
    }
  });
});

describe('parameters of calls', () => {
  it.for([
    {
      event: record('call', 'ptrace', { numbers: { args: 0x4206 } }),
      field: 'evt.arg.request',
      expected: 'PTRACE_SEIZE',
    },
    {
      event: record('file', 'chmod', { numbers: { mode: 0o4755 }, texts: { path: 'x', base: '/tmp' } }),
      field: 'evt.arg.mode',
      expected: 'S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID',
    },
    {
      event: record('file', 'chmod', { numbers: { mode: 0o4755 }, texts: { path: 'x', base: '/tmp' } }),
      field: 'evt.arg.filename',
      expected: '/tmp/x',
    },
    {
      event: record('file', 'mount', {
        numbers: { open_flags: 0x1001 },
        texts: { path: '/mnt', path2: 'proc', extra: 'proc' },
      }),
      field: 'evt.args',
      expected: 'res=0 dev=proc dir=/mnt type=proc flags=4097(RDONLY|BIND)',
    },
    {
      event: record('file', 'symlink', { texts: { path: '../etc/shadow', path2: 'l', base2: '/tmp' } }),
      field: 'fs.path.target',
      expected: '../etc/shadow',
    },
    {
      event: record('file', 'symlink', { texts: { path: '../etc/shadow', path2: 'l', base2: '/tmp' } }),
      field: 'fs.path.source',
      expected: '/tmp/l',
    },
    {
      event: record('file', 'rename', { texts: { path: 'a', base: '/x', path2: '/y/b' } }),
      field: 'fs.path.target',
      expected: '/y/b',
    },
    { event: record('call', 'setuid', { numbers: { args: 0 } }), field: 'evt.arg.uid', expected: 'root' },
    {
      event: record('call', 'unshare', { numbers: { args: 0x1000_0000 } }),
      field: 'evt.arg.flags',
      expected: 'CLONE_NEWUSER',
    },
    { event: record('call', 'getrandom'), field: 'evt.arg[0]', expected: 'getrandom' },
    { event: record('exit', '', { numbers: { ret: 9 } }), field: 'evt.arg.sig', expected: 'SIGKILL' },
    { event: record('exit', ''), field: 'evt.rawres', expected: undefined },
  ])('reads $field of $event.type', ({ event, field, expected }) => {
    expect(read(field, sceneOf(event))).toBe(expected);
  });
});
