import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { readStat } from '../../agent/respond/process.ts';
import { readSelf } from '../../agent/respond/process-facts.ts';
import { makeProcessKill, makeProcessResume, makeProcessStop } from '../../agent/respond/process-signal.ts';
import { docker, image, inspect, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { commandOf, identityOf, portsOf } from '../support/node-action.ts';

const signal = AbortSignal.timeout(60_000);
/** Every process of a test carries it in its arguments, so that strays are found. */
const mark = `lanner-test-${process.pid}`;
const started: ChildProcess[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const pid of marked()) process.kill(pid, 'SIGKILL');
  rmSync(`/tmp/${mark}.sock`, { force: true });
  await eventually('no process of the test to be left', () => marked().length === 0 || undefined);
});

/** The pids of living processes that carry the mark. */
function marked(): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!(pid > 0) || pid === process.pid) return false;
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(mark) && readStat(pid)?.isDead === false;
      } catch {
        return false; // Ended.
      }
    });
}

/** A session of its own, in which this shell script runs. */
async function start(script: string): Promise<number> {
  const child = spawn('/bin/bash', ['-c', script, mark], { detached: true, stdio: 'ignore' });
  started.push(child);
  if (child.pid === undefined) throw new Error('bash does not start');
  return child.pid;
}

const sleeping = (count: number) =>
  eventually(`${count} processes`, () => (marked().length >= count ? marked() : undefined));

describe('process.kill', () => {
  it('kills that process alone, and is done when nothing of it runs', async () => {
    const pid = await start(`(exec -a ${mark} sleep 1000) & exec -a ${mark} sleep 1000`);
    await sleeping(2);
    const command = commandOf('process.kill', {}, { process: identityOf(pid) });
    expect(await makeProcessKill(portsOf())(command, signal)).toEqual({
      outcome: 'done',
      detail: `process ${pid} (sleep) killed`,
    });
    expect(marked()).toHaveLength(1);
    expect(await makeProcessKill(portsOf())(command, signal)).toMatchObject({ outcome: 'gone' });
  });

  it('leaves a process alone that has the pid of one that ended', async () => {
    const pid = await start(`exec -a ${mark} sleep 1000`);
    const { start_ns } = identityOf(pid);
    const earlier = { pid, start_ns: String(BigInt(start_ns) - 20_000_000n) };
    const result = await makeProcessKill(portsOf())(commandOf('process.kill', {}, { process: earlier }), signal);
    expect(result).toEqual({ outcome: 'gone', detail: `process ${pid} has ended` });
    expect(readStat(pid)?.isDead).toBe(false);
  });

  it('only says what it would do in a dry run', async () => {
    const pid = await start(`(exec -a ${mark} sleep 1000) & exec -a ${mark} sleep 1000`);
    await sleeping(2);
    const command = commandOf('process.kill', { scope: 'tree' }, { process: identityOf(pid), mode: 'dry-run' });
    expect(await makeProcessKill(portsOf())(command, signal)).toEqual({
      outcome: 'skipped',
      detail: `would kill process ${pid} (sleep) and its tree, 2 processes in all`,
    });
    expect(marked()).toHaveLength(2);
  });

  it.for([{ scope: 'tree' }, { scope: 'session' }] as const)(
    'lets nobody of a $scope escape that forks as fast as it can',
    async ({ scope }) => {
      const pid = await start(
        `f() { while :; do (exec -a ${mark} sleep 1000) & sleep 0.002; done; }; f ${mark} & f & wait`,
      );
      await sleeping(40);
      const command = commandOf('process.kill', { scope }, { process: identityOf(pid) });
      const result = await makeProcessKill(portsOf())(command, signal);
      expect(result).toMatchObject({ outcome: 'done', detail: expect.stringContaining(`and its ${scope}`) });
      expect(marked()).toEqual([]);
    },
  );

  it('reaches what left its parent by way of the session', async () => {
    const pid = await start(`((exec -a ${mark} sleep 1000) &) ; exec -a ${mark} sleep 1000`);
    await sleeping(2);
    const command = commandOf('process.kill', { scope: 'session' }, { process: identityOf(pid) });
    expect(await makeProcessKill(portsOf())(command, signal)).toMatchObject({ outcome: 'done' });
    expect(marked()).toEqual([]);
  });

  it('kills what is stopped', async () => {
    const pid = await start(`exec -a ${mark} sleep 1000`);
    process.kill(pid, 'SIGSTOP');
    const command = commandOf('process.kill', {}, { process: identityOf(pid) });
    expect(await makeProcessKill(portsOf())(command, signal)).toMatchObject({ outcome: 'done' });
  });

  it('refuses what the agent is or runs under, also as part of a session', async () => {
    const pid = await start(`(exec -a ${mark} sleep 1000) & exec -a ${mark} sleep 1000`);
    const child = (await sleeping(2)).find((each) => each !== pid) ?? 0;
    const kill = makeProcessKill({ ...portsOf(), self: readSelf(child, '/no/lanner.ts') });
    for (const scope of ['process', 'tree', 'session']) {
      const result = await kill(commandOf('process.kill', { scope }, { process: identityOf(pid) }), signal);
      expect(result).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('the agent itself') });
    }
    expect(marked()).toHaveLength(2);
  });

  it('refuses the engine, Redis, the first process and threads of the kernel', async () => {
    const redis = spawn('redis-server', ['--port', '0', '--unixsocket', `/tmp/${mark}.sock`, '--save', ''], {
      stdio: 'ignore',
    });
    started.push(redis);
    await eventually('Redis', () => existsSync(`/tmp/${mark}.sock`) || undefined);
    const named = (name: string) =>
      readdirSync('/proc')
        .map(Number)
        .find((pid) => pid > 0 && readStat(pid)?.name === name);
    for (const [name, pid] of [
      ['container engine', named('dockerd')],
      ['Redis server', redis.pid],
      ['first process of the host', 1],
      ['thread of the kernel', named('kthreadd')],
    ] as const) {
      const command = commandOf('process.kill', {}, { process: identityOf(pid ?? 0) });
      const result = await makeProcessKill(portsOf())(command, signal);
      expect(result).toMatchObject({ outcome: 'refused', detail: expect.stringContaining(name) });
    }
  });

  it('is not fooled by who calls himself dockerd, at its very path in a namespace of his own', async () => {
    const pid = await start(
      `exec unshare -m sh -c 'mount --bind /bin/sleep /usr/sbin/dockerd; exec /usr/sbin/dockerd 1000'`,
    );
    await eventually('the false dockerd', () => readStat(pid)?.name === 'dockerd' || undefined);
    const command = commandOf('process.kill', {}, { process: identityOf(pid) });
    expect(await makeProcessKill(portsOf())(command, signal)).toMatchObject({ outcome: 'done' });
  });

  it('refuses a process in a protected container', async () => {
    const id = await docker('run', '-d', '--network', 'none', '--label', 'keep=yes', image, 'sleep', '1000');
    try {
      const { pid } = await inspect(id);
      const label = { key: 'keep', value: 'yes' };
      const protection = { containers: [{ name: undefined, image: undefined, label }], processes: [], pods: [] };
      const command = commandOf('process.kill', {}, { process: identityOf(pid) });
      expect(await makeProcessKill(portsOf({ protection }))(command, signal)).toMatchObject({ outcome: 'refused' });
      expect(await makeProcessKill(portsOf())(command, signal)).toMatchObject({ outcome: 'done' });
    } finally {
      await remove(id);
    }
  });
});

describe('process.stop and process.resume', () => {
  it('stop a tree, again without harm, and let it go on', async () => {
    const pid = await start(`(exec -a ${mark} sleep 1000) & exec -a ${mark} sleep 1000`);
    await sleeping(2);
    const process_ = identityOf(pid);
    const isStopped = () => marked().every((each) => readStat(each)?.isStopped);
    for (let repeat = 0; repeat < 2; repeat++) {
      const result = await makeProcessStop(portsOf())(
        commandOf('process.stop', { scope: 'tree' }, { process: process_ }),
        signal,
      );
      expect(result).toEqual({
        outcome: 'done',
        detail: `process ${pid} (sleep) and its tree, 2 processes in all stopped`,
      });
      expect(isStopped()).toBe(true);
    }
    const resume = commandOf('process.resume', { scope: 'tree' }, { process: process_ });
    expect(await makeProcessResume(portsOf())(resume, signal)).toMatchObject({ outcome: 'done' });
    expect(marked()).toHaveLength(2);
    expect(isStopped()).toBe(false);
  });
});
