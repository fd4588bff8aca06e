import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Way } from '../../agent/capture/ways.ts';
import { file } from '../../agent/events/decode.ts';
import type { Event } from '../../agent/events/event.ts';
import { eventually } from '../support/eventually.ts';
import { compile, makeFolder, pick, Recorder } from './recorder.ts';

const ways: readonly Way[] = ['typed', 'perf', 'each'];
const types =
  `open openat openat2 creat connect bind socket sendto dup dup2 symlink symlinkat link linkat rename renameat
  renameat2 rmdir unlink unlinkat chmod fchmod fchmodat chown lchown mkdir mkdirat ptrace setns unshare kill setuid
  setresuid capset setsid setpgid chdir fchdir truncate ftruncate pread pwrite umount2 stat`.split(/\s+/);

const folder = makeFolder();
const programs = new Map<string, string>();
beforeAll(() => {
  for (const source of ['calls.c', 'ways.c']) programs.set(source, compile(source, folder.path));
});
afterAll(() => folder.remove());

const opened: Recorder[] = [];
afterEach(() => {
  for (const recorder of opened.splice(0)) recorder.close();
});

function open(way: Way, wanted: readonly string[] = types): Recorder {
  const recorder = new Recorder(wanted, { way });
  opened.push(recorder);
  return recorder;
}

const program = (source: string): string => programs.get(source) ?? '';

const isCall = ({ kind }: Event): boolean => kind === 'file' || kind === 'socket' || kind === 'call';
/** What this kernel says to x32's numbers, and to nothing else that is done here. */
const ENOSYS = -38;
const EDQUOT = 122;

/** The record as the kernel wrote it, but for its time. */
function recordOf(event: Event): string {
  const bytes = Buffer.alloc(event.length);
  event.copyTo(bytes, 0);
  bytes.fill(0, 8, 16);
  return `${event.type} ${event.ret} ${bytes.toString('hex')}`;
}

/** Links with perf's events that this process holds, by their numbers. */
function linkIds(): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    const path = `/proc/self/fdinfo/${fd}`;
    const text = existsSync(path) ? readFileSync(path, 'latin1') : '';
    const id = /^link_type:\s+perf[\s\S]*^link_id:\s+(\d+)/m.exec(text)?.[1];
    if (id !== undefined) ids.add(id);
  }
  return ids;
}

const without = (ids: ReadonlySet<string>, others: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...ids].filter((id) => !others.has(id)));

/** What a process did, when all of it has come. */
async function callsOf({ capture, events }: Recorder, pid: number | undefined): Promise<readonly Event[]> {
  await eventually('its exit', () => {
    capture.drain();
    return events.some((event) => event.pid === pid && event.kind === 'exit') || undefined;
  });
  return events.filter((event) => event.pid === pid && isCall(event));
}

it('the same calls have the same records by each way, but that hooks of single calls miss other entries', async () => {
  const [typed, perf, each] = ways.map((way) => open(way));
  if (typed === undefined || perf === undefined || each === undefined) throw new Error('three ways');
  const { pid, code } = await typed.run(program('calls.c'), [], folder.path);
  expect(code).toBe(0);
  const calls = await callsOf(typed, pid);
  expect((await callsOf(perf, pid)).map(recordOf)).toEqual(calls.map(recordOf));
  const ofThisEntry = calls.filter(({ isCompat, ret }) => !isCompat && ret !== ENOSYS);
  expect(ofThisEntry.length).toBeGreaterThan(20);
  expect(calls.length - ofThisEntry.length).toBeGreaterThan(10);
  expect((await callsOf(each, pid)).map(recordOf)).toEqual(ofThisEntry.map(recordOf));
});

it.each(ways)('%s sees calls that began before, and those that seccomp keeps from their functions', async (way) => {
  const pipe = join(folder.path, `pipe-${way}`);
  execFileSync('mkfifo', [pipe]);
  const child = spawn(program('ways.c'), ['opens', pipe], { stdio: 'ignore' });
  const call = `/proc/${child.pid}/syscall`;
  await eventually('the open', () => readFileSync(call, 'latin1').startsWith('257 ') || undefined);
  const recorder = open(way);
  writeFileSync(pipe, '');
  const opens = (await callsOf(recorder, child.pid)).filter(({ type }) => type === 'openat');
  expect(opens.map((event) => file.path(event))).toEqual([pipe]);
  const refused = await recorder.run(program('ways.c'), ['refused', '/refused'], folder.path);
  expect(refused.code).toBe(0);
  expect(pick(refused, 'mkdirat')).toMatchObject({ ret: -EDQUOT });
});

describe('what is attached', () => {
  it('is a hook for each call that is asked for, and other rules touch only what they change', () => {
    const before = linkIds();
    const mine = () => without(linkIds(), before);
    const { capture } = open('each', ['openat', 'mkdirat', 'connect']);
    const first = mine();
    expect(first.size).toBe(3);
    expect(capture.way().hooks).toBe(3);
    capture.setTypes(['openat', 'connect', 'unlinkat', 'stat']);
    const second = mine();
    expect(second.size).toBe(4);
    expect(without(second, first).size).toBe(2);
    capture.setTypes(['stat', 'openat', 'connect', 'unlinkat']);
    capture.setShed(new Set(['connect']));
    expect(mine()).toEqual(second);
    // No kernel has a tracepoint of this call, and yet it can be made.
    capture.setTypes(['openat', 'tuxcall']);
    expect(mine().size).toBe(1);
    expect(without(mine(), second).size).toBe(1);
    expect(capture.way()).toEqual({
      name: 'perf',
      text: expect.stringMatching(/one hook through perf .* the kernel has no tracepoint syscalls\/sys_exit_tuxcall$/),
      hooks: 1,
    });
    capture.setTypes(['openat']);
    expect(mine().size).toBe(1);
  });

  it('is one hook for all calls in the other ways, whatever is asked for', () => {
    const before = linkIds();
    const typed = open('typed');
    expect(linkIds()).toEqual(before);
    const perf = open('perf', ['openat']);
    const first = linkIds();
    expect(without(first, before).size).toBe(1);
    perf.capture.setTypes(types);
    expect(linkIds()).toEqual(first);
    expect([typed, perf].map(({ capture }) => capture.way().hooks)).toEqual([1, 1]);
  });

  it('never includes the beginning of a call: its arguments are there when it ends', () => {
    const object = readFileSync(new URL('../../.build/lanner.bpf.o', import.meta.url), 'latin1');
    expect(object).toContain('tp_btf/sys_exit');
    expect(object).not.toMatch(/sys_enter/);
  });
});
