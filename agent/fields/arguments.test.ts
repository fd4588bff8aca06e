import { describe, expect, it } from 'vitest';
import { read, record, sceneOf } from './sample.ts';

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
