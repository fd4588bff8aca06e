import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  deepestCgroup,
  listPids,
  makeEnvironment,
  makeLocate,
  makeLook,
  parseStat,
  readProcess,
} from './proc-folder.ts';

describe('reading /proc', () => {
  it('finds the fields after a name with blanks and parentheses', () => {
    const stat = '42 (a) b) (c) S 7 41 40 34816 42 0 0 0 0 0 0 0 0 0 20 0 1 0 1234 0 0';
    expect(parseStat(stat)).toEqual({ comm: 'a) b) (c', ppid: 7, pgid: 41, sid: 40, tty: 34_816, startTicks: 1_234 });
  });

  it('has nothing for what is no stat line', () => expect(parseStat('42 (a) S')).toBeUndefined());

  it.for([
    { text: '12:pids:/docker/ab\n1:name=systemd:/\n0::/\n', path: '/docker/ab' },
    { text: '0::/system.slice/a.service\n', path: '/system.slice/a.service' },
    { text: '0::/\n', path: '/' },
    { text: '', path: undefined },
    {
      text: `4:memory:/a/much/longer/group/${'0a'.repeat(40)}\n0::/docker/${'0b'.repeat(32)}\n`,
      path: `/docker/${'0b'.repeat(32)}`,
    },
  ])('takes the group that says most: $path', ({ text, path }) => expect(deepestCgroup(text)).toBe(path));

  it('reads a process that runs, and nothing of one that ended', async () => {
    const cwd = mkdtempSync('/tmp/lanner-cwd-');
    const child = spawn('/bin/sleep', ['100'], { env: { MARK: 'here' }, cwd });
    await once(child, 'spawn');
    rmdirSync(cwd);
    const pid = child.pid ?? 0;
    const read = readProcess(pid);
    expect(read).toMatchObject({
      pid,
      ppid: process.pid,
      comm: 'sleep',
      program: { argv: ['/bin/sleep', '100'] },
      context: { cwd, tty: 0 },
    });
    if (read === undefined) throw new Error('it runs');
    expect(makeEnvironment()(read)).toBe('MARK=here\0');
    expect(makeEnvironment()({ ...read, startNs: read.startNs - 1e9 })).toBeUndefined();
    expect(makeLocate(() => undefined)(pid, 1)).toMatchObject({ certain: false });
    expect(listPids()).toContain(pid);
    const look = makeLook();
    expect(look.cwd(read)).toBe(cwd);
    expect(Object.keys(look.capabilities(read) ?? {})).toEqual(['capEffective', 'capPermitted', 'capInheritable']);
    const { sid, pgid, vsid, vpgid } = read.context;
    expect(look.groups(read)).toEqual({ sid, pgid, vsid, vpgid, tty: 0 });
    expect(look.groups({ ...read, startNs: read.startNs - 1e9 })).toBeUndefined();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readProcess(pid)).toBeUndefined();
    expect(makeEnvironment()(read)).toBeUndefined();
    expect(makeLocate(() => undefined)(pid, 1)).toBeUndefined();
  });

  it('finds which hierarchy a group’s number is of', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lanner-groups-'));
    mkdirSync(join(folder, 'memory/docker/a'), { recursive: true });
    mkdirSync(join(folder, 'pids/mine'), { recursive: true });
    mkdirSync(join(folder, 'proc/5'), { recursive: true });
    writeFileSync(join(folder, 'proc/5/cgroup'), '4:memory:/docker/a\n3:pids:/mine\n0::/\n');
    const locate = makeLocate(
      (hierarchy) => (hierarchy === '' ? undefined : join(folder, hierarchy)),
      join(folder, 'proc'),
    );
    const inode = (path: string) => statSync(join(folder, path)).ino;
    expect(locate(5, 4 * 2 ** 48 + inode('memory/docker/a'))).toEqual({ path: '/docker/a', certain: true });
    expect(locate(5, 3 * 2 ** 48 + inode('pids/mine'))).toEqual({ path: '/mine', certain: true });
    expect(locate(5, 4 * 2 ** 48 + inode('pids/mine'))).toMatchObject({ certain: false });
    expect(locate(5, 1)).toEqual({ path: '/docker/a', certain: false });
    rmSync(folder, { recursive: true });
  });
});
