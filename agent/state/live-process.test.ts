import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { makeLiveProcess } from './live-process.ts';
import { readProcess } from './proc-folder.ts';
import { sampleProcess } from './sample-process.ts';

const live = makeLiveProcess();

describe('what the kernel tells of a process that runs', () => {
  it('is that of this process', async () => {
    const own = readProcess(process.pid);
    if (own === undefined) throw new Error('this process runs');
    const megabytes = (live.status(own, 'VmRSS') ?? 0) / 1_024;
    expect(megabytes).toBeGreaterThan(process.memoryUsage().rss / 2 ** 21);
    expect(live.status(own, 'Threads')).toBeGreaterThan(1);
    expect(live.descriptors(own)).toBeGreaterThan(3);
    expect(live.descriptorLimit(own)).toBeGreaterThan(100);
    expect(live.faults(own, process.pid)?.minor).toBeGreaterThan(1_000);
    expect(live.cgroups(own, process.pid)?.size).toBeGreaterThan(0);
    expect(live.programTimes(own)?.mtimeNs).toBeGreaterThan(10n ** 18n);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const types = Array.from({ length: 64 }, (_, fd) => live.descriptor(own, fd)?.type);
    expect(types).toContain('ipv4');
    expect(types).toContain('eventpoll');
    expect(live.descriptorTypes(own)).toEqual(expect.arrayContaining(['ipv4', 'eventpoll']));
    server.close();
  });

  it.for([
    { name: 'is its only address', lines: 'busybox ip addr add 10.9.8.7/24 dev lo', expected: '10.9.8.7' },
    {
      name: 'is not known when there are several',
      lines: 'busybox ip addr add 10.9.8.7/24 dev lo; busybox ip addr add 10.9.7.7/24 dev lo',
      expected: undefined,
    },
    { name: 'is none where only the loopback has one', lines: 'true', expected: undefined },
  ])('in a network of its own $name', async ({ lines, expected }) => {
    const words = ['-n', 'sh', '-c', `busybox ip link set lo up; ${lines}; echo done; exec sleep 100`];
    const child = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const read = readProcess(child.pid ?? 0);
    const address = read && live.address(read);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(read).toBeDefined();
    expect(address).toBe(expected);
  });

  it('in the host’s network is no address of a container', () => {
    const own = readProcess(process.pid);
    expect(own && live.address(own)).toBeUndefined();
  });

  it('is none of another that has the pid, and of none that ended', async () => {
    const child = spawn('/bin/sleep', ['100'], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child, 'spawn');
    const read = readProcess(child.pid ?? 0);
    if (read === undefined) throw new Error('it runs');
    expect(live.descriptor(read, 0)).toEqual({ type: 'file', name: '/dev/null' });
    expect(live.descriptor(read, 9)).toBeUndefined();
    expect(live.status({ ...read, startNs: read.startNs - 1e9 }, 'VmRSS')).toBeUndefined();
    const times = live.programTimes(read);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(live.status(read, 'VmRSS')).toBeUndefined();
    // The file itself is still there.
    expect(live.programTimes(read)).toEqual(times);
    expect(live.programTimes(sampleProcess({ inode: 1 }, read))).toBeUndefined();
  });
});
