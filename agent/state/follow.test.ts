import { describe, expect, it } from 'vitest';
import type { Event } from '../events/event.ts';
import { type RecordParts, writeRecord } from '../events/write-record.ts';
import type { Look } from './changes.ts';
import { follow } from './follow.ts';
import type { Process } from './process.ts';
import { ProcessTable } from './process-table.ts';

const second = 1_000_000_000;
const nobody: Look = { cwd: () => undefined, capabilities: () => undefined, groups: () => undefined };

/** A process table with one program: `bash`, process 10, in /start. */
function setUp({ pid = 10, vpid = pid, look = nobody }: { pid?: number; vpid?: number; look?: Look } = {}) {
  const processes = new ProcessTable(() => undefined);
  const header = { pid, tid: pid, vpid, ppid: 1, start_ns: pid * second, cgroup: 5 };
  const seen = (event: Event) => follow(event, processes, look);
  const exec = { parent_start_ns: 0, sid: 7, pgid: 7, vsid: 7, vpgid: 7, tty: 34_816, cap_effective: 0xffn };
  seen(
    writeRecord('exec', 'execve', {
      numbers: { ...header, ...exec },
      texts: { comm: 'bash', argv: 'bash\0', cwd: '/start' },
    }),
  );
  const call = (kind: 'file' | 'call', name: string, { numbers = {}, texts = {} }: RecordParts = {}) =>
    seen(writeRecord(kind, name, { numbers: { ...header, ...numbers }, texts: { comm: 'bash', ...texts } }));
  const now = (): Process => {
    const process = processes.peek(pid);
    if (process === undefined) throw new Error('it is there');
    return process;
  };
  return { processes, call, now, seen, header };
}

describe('the current folder', () => {
  it.for([
    {
      name: 'a relative path: the folder as the kernel tells it',
      call: 'chdir',
      texts: { path: 'sub', base: '/start/sub' },
      cwd: '/start/sub',
    },
    { name: 'a descriptor', call: 'fchdir', texts: { resolved: '/other' }, cwd: '/other' },
    { name: 'an absolute path of a process that is gone', call: 'chdir', texts: { path: '/a/../b' }, cwd: '/b' },
  ])('follows $name', ({ call, texts, cwd }) => {
    const world = setUp();
    expect(world.call('file', call, { texts })?.context.cwd).toBe(cwd);
    expect(world.now().context.cwd).toBe(cwd);
  });

  it('follows an absolute path by what the kernel says, as it may be a link', () => {
    const world = setUp({ look: { ...nobody, cwd: () => '/target' } });
    world.call('file', 'chdir', { texts: { path: '/link' } });
    expect(world.now().context.cwd).toBe('/target');
  });

  it('stays after a failure', () => {
    const world = setUp();
    world.call('file', 'chdir', { numbers: { ret: -2 }, texts: { path: '/absent' } });
    expect(world.now().context.cwd).toBe('/start');
  });

  it('is a child’s own from the fork on', () => {
    const world = setUp();
    const fork = { child_pid: 20, child_tid: 20, child_ppid: 10, child_vpid: 20, child_start_ns: 20 * second };
    world.seen(writeRecord('fork', 'clone', { numbers: { ...world.header, ...fork }, texts: { comm: 'bash' } }));
    world.call('file', 'chdir', { texts: { path: '/later' } });
    expect(world.processes.peek(20)?.context.cwd).toBe('/start');
  });

  it('does not change for an event that happened before and still waits', () => {
    const world = setUp();
    const before = world.call('file', 'openat', { texts: { path: 'x' } });
    world.call('file', 'chdir', { texts: { path: '/later' } });
    expect(before?.context.cwd).toBe('/start');
  });
});

describe('sessions and groups', () => {
  it('follows setsid, which also gives up the terminal', () => {
    const world = setUp({ vpid: 3 });
    world.call('call', 'setsid', { numbers: { ret: 3 } });
    expect(world.now().context).toMatchObject({ sid: 10, pgid: 10, vsid: 3, vpgid: 3, tty: 0 });
  });

  it.for([
    { name: 'of itself', first: 0, second: 0, pgid: 10 },
    { name: 'of itself by number', first: 10, second: 10, pgid: 10 },
    { name: 'into another group', first: 0, second: 8, pgid: 8 },
  ])('follows setpgid $name', ({ first, second: group, pgid }) => {
    const world = setUp();
    world.seen(withArguments('setpgid', world.header, [first, group]));
    expect(world.now().context).toMatchObject({ pgid, vpgid: pgid, sid: 7 });
  });

  it('follows a shell that puts its child into a group', () => {
    const world = setUp();
    const fork = { child_pid: 20, child_tid: 20, child_ppid: 10, child_vpid: 20, child_start_ns: 20 * second };
    world.seen(writeRecord('fork', 'clone', { numbers: { ...world.header, ...fork }, texts: { comm: 'bash' } }));
    world.seen(withArguments('setpgid', world.header, [20, 20]));
    expect(world.processes.peek(20)?.context).toMatchObject({ pgid: 20, vpgid: 20 });
    expect(world.now().context.pgid).toBe(7);
  });

  it('asks the kernel for a group of another pid namespace, and knows none when it is gone', () => {
    const groups = { sid: 7, pgid: 99, vsid: 1, vpgid: 4, tty: 0 };
    const world = setUp({ vpid: 3, look: { ...nobody, groups: () => groups } });
    world.seen(withArguments('setpgid', world.header, [0, 4]));
    expect(world.now().context).toMatchObject({ pgid: 99, vpgid: 4 });
    const gone = setUp({ vpid: 3 });
    gone.seen(withArguments('setpgid', gone.header, [0, 4]));
    expect(gone.now().context).toMatchObject({ pgid: undefined, vpgid: undefined });
  });

  it('has neither inside a pid namespace that it is the first of', () => {
    const world = setUp();
    const fork = { child_pid: 20, child_tid: 20, child_ppid: 10, child_vpid: 1, child_start_ns: 20 * second };
    world.seen(writeRecord('fork', 'clone', { numbers: { ...world.header, ...fork }, texts: { comm: 'bash' } }));
    expect(world.processes.peek(20)).toMatchObject({ vpid: 1, context: { sid: 7, vsid: 0, vpgid: 0 } });
  });
});

describe('credentials', () => {
  it('follow setuid, with the capabilities that the kernel says are left', () => {
    const left = { capEffective: 0n, capPermitted: 1n, capInheritable: 0n };
    const world = setUp({ look: { ...nobody, capabilities: () => left } });
    world.call('call', 'setuid', { numbers: { uid: 1000, gid: 1000 } });
    expect(world.now().context).toMatchObject({ uid: 1000, gid: 1000, ...left });
  });

  it('are unknown, and not what they were, when the process is gone', () => {
    const world = setUp();
    expect(world.now().context.capEffective).toBe(0xffn);
    world.call('call', 'capset');
    expect(world.now().context.capEffective).toBeUndefined();
  });

  it('of another thread are not the process’s', () => {
    const world = setUp();
    world.call('call', 'setuid', { numbers: { tid: 11, uid: 1000 } });
    expect(world.now().context).toMatchObject({ uid: 0, capEffective: 0xffn });
  });
});

describe('names', () => {
  it('follow the first thread only', () => {
    const world = setUp();
    const before = world.now();
    world.call('file', 'openat', { texts: { comm: 'renamed' } });
    world.call('file', 'openat', { numbers: { tid: 11 }, texts: { comm: 'worker' } });
    expect(world.now().comm).toBe('renamed');
    expect(before.comm).toBe('bash');
  });
});

function withArguments(
  name: string,
  header: Readonly<Record<string, number>>,
  [first, group]: readonly [number, number],
): Event {
  // `writeRecord` fills in the first argument only.
  const event = writeRecord('call', name, { numbers: header, texts: { comm: 'bash' } });
  return Object.assign(event, { argument: (index: number) => BigInt(index === 0 ? first : group) });
}
