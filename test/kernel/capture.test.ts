import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBlindSpots } from '#native';
import { openCapture } from '../../agent/capture/kernel.ts';
import { captureTypes } from '../../agent/capture/shapes.ts';
import { decodeExec, decodeFork, file, socket } from '../../agent/events/decode.ts';
import { compile, makeFolder, pick, Recorder, type Run } from './recorder.ts';

const folder = makeFolder();
let stimulus = '';
let recorder: Recorder;

beforeAll(() => {
  stimulus = compile('stimulus.c', folder.path);
  // Reads and writes are left out: this test's own would be many.
  recorder = new Recorder(captureTypes.filter((type) => !/^(read|write|close|mmap|futex|epoll_)/.test(type)));
});

afterAll(() => {
  recorder?.close();
  folder.remove();
});

const EXIT_OK = 0;
const ENOENT = -2;

describe('a program started', () => {
  let run: Run;
  beforeAll(async () => {
    run = await recorder.run(stimulus, ['nothing', 'two words', ''], folder.path);
  });

  test('has its path, arguments, folder and ids', () => {
    const event = pick(run, 'execve');
    expect(event).toMatchObject({ comm: 'stimulus', uid: 0, gid: 0, euid: 0, vpid: run.pid, ppid: process.pid });
    expect(event.loginUid).toBe(Number(readFileSync('/proc/self/loginuid', 'latin1')));
    expect(decodeExec(event)).toMatchObject({
      exePath: stimulus,
      filename: stimulus,
      argv: [stimulus, 'nothing', 'two words', ''],
      argvCut: false,
      cwd: folder.path,
      memfd: false,
      upperLayer: false,
      fileMode: 0o100755,
    });
  });

  test('has the cgroup, namespaces and session of its parent, as /proc shows them', () => {
    const exec = decodeExec(pick(run, 'execve'));
    const cgroups = readFileSync('/proc/self/cgroup', 'latin1')
      .split('\n')
      .map((line) => line.replace(/^\d+:[^:]*:/, ''));
    expect(cgroups).toContain(exec.cgroup);
    expect(`pid:[${exec.pidNs}]`).toBe(execFileSync('readlink', ['/proc/self/ns/pid'], { encoding: 'utf8' }).trim());
    expect(`mnt:[${exec.mntNs}]`).toBe(execFileSync('readlink', ['/proc/self/ns/mnt'], { encoding: 'utf8' }).trim());
    expect(exec.sid).toBe(Number(statOf(process.pid)[3]));
  });

  test('ends with its status', () => {
    expect(pick(run, 'procexit').ret).toBe(EXIT_OK);
    expect(pick(run, 'procexit').startNs).toBe(pick(run, 'execve').startNs);
  });

  test('has the start time that /proc shows, and a fork by its parent', async () => {
    const child = spawn('/bin/sleep', ['30']);
    const pid = child.pid ?? 0;
    const ticks = Number(statOf(pid)[19]);
    child.kill();
    await once(child, 'exit');
    recorder.capture.drain();
    const exec = recorder.events.find((event) => event.pid === pid && event.kind === 'exec');
    expect(Math.floor((exec?.startNs ?? 0) / 10_000_000)).toBe(ticks);
    expect(Math.floor(decodeExec(pick({ ...run, events: exec ? [exec] : [] }, 'execve')).parentStartNs / 1e7)).toBe(
      Number(statOf(process.pid)[19]),
    );
    const exit = recorder.events.find((event) => event.pid === pid && event.kind === 'exit');
    expect(exit?.ret).toBe(15); // SIGTERM
  });

  test('ends once, however many threads end together', async () => {
    for (let round = 0; round < 20; round++) {
      const threads = await recorder.run(stimulus, ['threads'], folder.path);
      expect(threads.events.filter((event) => event.kind === 'fork')).toHaveLength(8);
      expect(threads.events.filter((event) => event.type === 'procexit')).toHaveLength(1);
    }
  });

  test('may be an anonymous file, or have more arguments than a record holds', async () => {
    const memory = await recorder.run(stimulus, ['memory'], folder.path);
    expect(decodeExec(pick(memory, 'execveat', -1))).toMatchObject({
      memfd: true,
      exePath: 'memfd:ghost',
      argv: ['ghost', 'memory-done'],
    });
    const long = await recorder.run(stimulus, ['nothing', 'x'.repeat(9000)], folder.path);
    const exec = decodeExec(pick(long, 'execve'));
    expect(exec.argvCut).toBe(true);
    expect(exec.argv.join('\0')).toHaveLength(4096);
  });
});

/** Fields of /proc/PID/stat from the state on (proc_pid_stat(5)). */
function statOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

describe('calls that name files', () => {
  let run: Run;
  const inside = (name: string) => join(folder.path, name);
  beforeAll(async () => {
    run = await recorder.run(stimulus, ['files'], folder.path);
  });

  test('the group ran', () => expect(run.code).toBe(EXIT_OK));

  test.each([
    ['mkdir', 'folder', 'folder'],
    ['openat', 'inner', 'folder/inner'],
    ['openat2', './folder/../folder/inner', 'folder/inner'],
    ['creat', 'created', 'created'],
    ['chmod', 'created', 'created'],
    ['fchmod', undefined, 'folder/inner'],
    ['unlink', 'moved', 'moved'],
    ['open', 'absent', 'absent'],
  ])('%s of %s', (type, given, absolute) => {
    const event = pick(run, type, -1);
    expect(file.path(event)).toBe(given);
    expect(file.absolute(event)).toBe(inside(absolute));
  });

  test('an open has its flags, descriptor and the mode of the file', () => {
    const event = pick(run, 'openat', -1);
    expect(file.flags(event) & 0o101).toBe(0o101); // O_CREAT | O_WRONLY
    expect(file.mode(event)).toBe(0o640);
    expect(file.fd(event)).toBe(event.ret);
    expect(file.fileMode(event) & 0o170000).toBe(0o100000);
  });

  test('a rename has both paths, each from its own folder', () => {
    const first = pick(run, 'rename');
    expect([file.absolute(first), file.absolute2(first)]).toEqual([inside('created'), inside('folder/renamed')]);
    const second = pick(run, 'renameat2');
    expect([file.path(second), file.absolute(second)]).toEqual(['renamed', inside('folder/renamed')]);
    expect([file.path2(second), file.absolute2(second)]).toEqual(['moved', inside('moved')]);
  });

  test('unlinkat is relative to its folder', () => {
    expect(file.absolute(pick(run, 'unlinkat', 0))).toBe(inside('folder/inner'));
    expect(file.absolute(pick(run, 'unlinkat', 1))).toBe(inside('folder'));
  });

  test('modes and targets', () => {
    expect(file.mode(pick(run, 'chmod'))).toBe(0o4755);
    expect(file.mode(pick(run, 'fchmod'))).toBe(0o600);
    expect([file.path(pick(run, 'symlink')), file.absolute2(pick(run, 'symlink'))]).toEqual([
      '/etc/passwd',
      inside('link'),
    ]);
  });

  test('what failed says so', () => {
    expect(pick(run, 'open', -1).ret).toBe(ENOENT);
    const exec = run.events.find((event) => event.type === 'execve' && event.kind === 'file');
    expect(exec?.ret).toBe(ENOENT);
    expect(exec && file.absolute(exec)).toBe(inside('absent'));
  });

  test('the 32-bit entry is seen, socketcall too', async () => {
    const compat = await recorder.run(stimulus, ['compat'], folder.path);
    const event = pick(compat, 'open', -1);
    expect(event.isCompat).toBe(true);
    expect(file.path(event)).toBe('/etc/hostname');
    const connected = pick(compat, 'connect');
    expect([...(socket.remote(connected) ?? []), socket.remotePort(connected)]).toEqual([127, 0, 0, 4, 9]);
    expect(compat.code).toBe(EXIT_OK);
  });
});

describe('calls on sockets', () => {
  let run: Run;
  let port = 0;
  const servers: Server[] = [];
  const unixPath = join(folder.path, 'listener');
  beforeAll(async () => {
    const tcp = createServer().listen(0, '127.0.0.1');
    const unix = createServer().listen(unixPath);
    servers.push(tcp, unix);
    await Promise.all(servers.map((server) => server.listening || once(server, 'listening')));
    const address = tcp.address();
    port = typeof address === 'object' && address ? address.port : 0;
    run = await recorder.run(stimulus, ['sockets', String(port), unixPath], folder.path);
  });
  afterAll(() => {
    for (const server of servers) server.close();
  });

  test('connect over IPv4 has both ends', () => {
    const event = pick(run, 'connect', 0);
    expect(run.code).toBe(EXIT_OK);
    expect([socket.family(event), socket.protocol(event), event.ret]).toEqual([2, 6, 0]);
    expect([...(socket.remote(event) ?? [])]).toEqual([127, 0, 0, 1]);
    expect(socket.remotePort(event)).toBe(port);
    expect([...(socket.local(event) ?? [])]).toEqual([127, 0, 0, 1]);
    expect(socket.localPort(event)).toBeGreaterThan(0);
  });

  test('connect over IPv6', () => {
    const event = pick(run, 'connect', 1);
    expect([socket.family(event), socket.remotePort(event)]).toEqual([10, 9]);
    expect([...(socket.remote(event) ?? [])]).toEqual([...new Array(15).fill(0), 1]);
  });

  test('connect to unix sockets by path and by abstract name', () => {
    const event = pick(run, 'connect', 2);
    expect([socket.family(event), socket.unixPath(event)]).toEqual([1, unixPath]);
    const abstract = pick(run, 'connect', 3);
    expect(socket.unixPath(abstract)).toBe('\0lanner-none');
    expect(abstract.ret).toBeLessThan(0);
  });

  test('a datagram goes where the call says, else where the socket is connected to', async () => {
    const datagrams = await recorder.run(stimulus, ['datagrams'], folder.path);
    expect(datagrams.code).toBe(EXIT_OK);
    const peers = ['sendto', 'sendmsg'].map((type) => pick(datagrams, type));
    for (const peer of [...peers, pick(datagrams, 'sendto', 1)]) expect(socket.protocol(peer)).toBe(17);
    expect(peers.map((peer) => [...(socket.remote(peer) ?? []), socket.remotePort(peer)])).toEqual([
      [127, 0, 0, 3, 10],
      [127, 0, 0, 3, 10],
    ]);
    expect(socket.remotePort(pick(datagrams, 'sendto', 1))).toBe(9);
  });

  test('bind, listen and accept have the local end', () => {
    const bound = pick(run, 'bind');
    const accepted = pick(run, 'accept4');
    expect(socket.localPort(bound)).toBeGreaterThan(0);
    expect(socket.localPort(pick(run, 'listen'))).toBe(socket.localPort(bound));
    expect(socket.localPort(accepted)).toBe(socket.localPort(bound));
    expect(socket.remotePort(accepted)).toBe(socket.localPort(pick(run, 'connect', -1)));
  });
});

describe('other calls', () => {
  test('mount has source, target and type', async () => {
    const run = await recorder.run(stimulus, ['mounts'], folder.path);
    expect(run.code).toBe(EXIT_OK);
    const event = pick(run, 'mount', -1);
    expect([file.path2(event), file.absolute(event), file.extra(event)]).toEqual([
      'none',
      join(folder.path, 'target'),
      'tmpfs',
    ]);
    expect(file.flags(event)).toBe(2); // MS_NOSUID
    expect(file.path(pick(run, 'umount2'))).toBe('target');
  });

  test('ptrace has its raw arguments, fork its child', async () => {
    const run = await recorder.run(stimulus, ['trace'], folder.path);
    const child = decodeFork(pick(run, 'clone'));
    expect(child).toMatchObject({ ppid: run.pid, isThread: false });
    expect(pick(run, 'ptrace').argument(0)).toBe(16n); // PTRACE_ATTACH
    expect(pick(run, 'ptrace').argument(1)).toBe(BigInt(child.pid));
    const killed = recorder.events.find((event) => event.pid === child.pid && event.kind === 'exit');
    expect(killed?.ret).toBe(9);
    expect(killed?.startNs).toBe(child.startNs);
  });
});

describe('the capture', () => {
  test("leaves out the agent's own events", () => {
    closeSync(openSync('/etc/hostname', 'r'));
    recorder.capture.drain();
    expect(recorder.events.filter((event) => event.pid === process.pid)).toEqual([]);
  });

  test('delivers in the order of time and loses nothing here', () => {
    const times = recorder.events.map((event) => event.timeNs);
    expect(recorder.events.length).toBeGreaterThan(200);
    expect(Object.values(recorder.capture.counters().dropped)).toEqual([0, 0, 0, 0]);
    expect(times.filter((time, at) => time < (times[at - 1] ?? 0) - 5_000_000)).toEqual([]);
  });

  test('counts what a full ring loses, closes twice, and then is quiet', async () => {
    const small = new Recorder(['open', 'openat'], { bulkBytes: 4096 });
    // Without a turn of the event loop nothing is drained.
    execFileSync(stimulus, ['flood'], { cwd: folder.path });
    const { bulk, dropped } = small.capture.counters();
    expect(bulk + dropped.bulkFull).toBeGreaterThanOrEqual(20_000);
    expect(dropped.bulkFull).toBeGreaterThan(19_000);
    expect(dropped.lifecycleFull).toBe(0);
    small.close();
    small.close();
    const seen = small.events.length;
    execFileSync(stimulus, ['nothing']);
    expect(small.events).toHaveLength(seen);
    expect(small.capture.counters().bulk).toBe(bulk);
  });

  test('goes without a hook that the kernel has not, and names what is not seen', () => {
    const outcome = openCapture({
      types: ['openat'],
      lifecycleBytes: 65_536,
      bulkBytes: 65_536,
      onEvent: () => undefined,
      leaveOut: 'io_uring_submit_req',
    });
    if (!outcome.ok) throw new Error(outcome.reason);
    outcome.capture.close();
    expect(outcome.blindSpots).toEqual([
      expect.stringMatching(
        /^calls made through io_uring: the kernel has no io_uring_submit_req, no io_uring_submit_sqe$/,
      ),
    ]);
    expect(findBlindSpots()).toEqual([]);
  });

  test('delivers without being asked', async () => {
    const before = recorder.events.length;
    const child = spawn(stimulus, ['nothing']);
    await once(child, 'exit');
    await expect
      .poll(() => recorder.events.slice(before).some((each) => each.pid === child.pid && each.kind === 'exit'))
      .toBe(true);
  });
});
