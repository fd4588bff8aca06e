import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { deepestCgroup, listPids, parseStat, readCgroup, readEnvironment, readProcess } from './proc-folder.ts';

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
  ])('takes the group that says most: $path', ({ text, path }) => expect(deepestCgroup(text)).toBe(path));

  it('reads a process that runs, and nothing of one that ended', async () => {
    const child = spawn('/bin/sleep', ['100'], { env: { MARK: 'here' }, cwd: '/tmp' });
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    const read = readProcess(pid);
    expect(read).toMatchObject({
      pid,
      ppid: process.pid,
      comm: 'sleep',
      argv: ['/bin/sleep', '100'],
      cwd: '/tmp',
      tty: 0,
    });
    if (read === undefined) throw new Error('it runs');
    expect(readEnvironment(read)).toBe('MARK=here\0');
    expect(readEnvironment({ ...read, startNs: read.startNs - 1e9 })).toBeUndefined();
    expect(readCgroup(pid)).toMatch(/^\//);
    expect(listPids()).toContain(pid);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readProcess(pid)).toBeUndefined();
    expect(readEnvironment(read)).toBeUndefined();
    expect(readCgroup(pid)).toBeUndefined();
  });
});
