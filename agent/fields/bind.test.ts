import { describe, expect, it } from 'vitest';
import { fieldSpecs } from '#rules/fields';
import { describedTypes, parametersOf } from './arguments.ts';
import { bindField, readableFields } from './bind.ts';
import { bootWallNs, container, read, record, sceneOf, second } from './sample.ts';

const open = record('file', 'openat', {
  numbers: { ret: 3, fd: 3, dirfd: -100, open_flags: 0o2000001, file_mode: 0o100644, inode: 7, device: 0x80_0003 },
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
        if (spec.list) {
          expect(Array.isArray(value), spec.name).toBe(true);
          continue;
        }
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

  it.for([
    { given: '/proc/self/exe', expected: '/proc/self/exe' },
    { given: '/proc/41/task/42/fd/7', expected: '/proc/41/task/42/fd/7' },
    { given: '/proc/self/root/etc/shadow', expected: '/etc/shadow' },
    { given: '/proc/self/fd/7/../../etc/shadow', expected: '/etc/shadow' },
  ])('names the link of a process as it was given: $given', ({ given, expected }) => {
    const texts = { path: given, resolved: '/etc/shadow' };
    expect(read('fd.name', sceneOf(record('file', 'open', { numbers: { ret: 3, fd: 3 }, texts })))).toBe(expected);
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
    { name: 'a file that was made', open_flags: 0o101, flags: 128, ret: 3, created: true },
    { name: 'a file without a name', open_flags: 0o20200002, flags: 0, ret: 3, created: true },
    { name: 'a file that was there', open_flags: 0o101, flags: 0, ret: 3, created: false },
    { name: 'a create that failed', open_flags: 0o301, flags: 0, ret: -17, created: false },
  ])('tells creation: $name', ({ open_flags, flags, ret, created }) => {
    const event = record('file', 'open', { numbers: { ret, fd: ret, open_flags, flags } });
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
    ['proc.is_exe_lower_layer', false],
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

  it('names a user inside a container as the container does, and root in any', () => {
    const other = record('exec', 'execve', { numbers: { uid: 1_000, gid: 33 } });
    const fields = ['user.name', 'user.homedir', 'user.shell', 'group.name'];
    expect(fields.map((field) => read(field, sceneOf(other, inside)))).toEqual(['web', '/srv', '/bin/false', 'www']);
    const unread = { container: { ...container, id: 'other' } };
    expect(fields.map((field) => read(field, sceneOf(other, unread)))).toEqual(fields.map(() => undefined));
    expect(read('user.name', sceneOf(exec, unread))).toBe('root');
    expect(read('user.name', sceneOf(exec, inside))).toBe('root');
  });
});
