import { describe, expect, it } from 'vitest';
import { writeRecord } from '../events/write-record.ts';
import { commandLineOf } from './process.ts';
import { contextOf, Programs } from './programs.ts';
import { sampleProcess } from './sample-process.ts';

const texts = { exe: '/usr/bin/ls', argv: 'ls\0-l\0', cwd: '/root', cgroup_path: '/user.slice' };
const numbers = { inode: 7, file_mode: 0o100755, sid: 5, uid: 0, cap_effective: 0xffn };

describe('Programs', () => {
  it('has one object for what is run again and again', () => {
    const programs = new Programs();
    const first = programs.of(writeRecord('exec', 'execve', { numbers, texts }));
    const later = writeRecord('exec', 'execve', { numbers: { ...numbers, pid: 9, sid: 6 }, texts });
    expect(programs.of(later)).toBe(first);
    expect(first).toMatchObject({ exePath: '/usr/bin/ls', argv: ['ls', '-l'], inode: 7, upperLayer: false });
  });

  it.for([
    { name: 'arguments', change: { texts: { ...texts, argv: 'ls\0-a\0' } } },
    { name: 'a file', change: { numbers: { ...numbers, inode: 8 } } },
    { name: 'a mode', change: { numbers: { ...numbers, file_mode: 0o104755 } } },
    { name: 'an owner', change: { numbers: { ...numbers, file_uid: 1000 } } },
    { name: 'a layer', change: { numbers: { ...numbers, flags: 4 } } },
  ])('tells $name apart', ({ change }) => {
    const programs = new Programs();
    const first = programs.of(writeRecord('exec', 'execve', { numbers, texts }));
    const other = writeRecord('exec', 'execve', { numbers, texts, ...change });
    expect(programs.of(other)).not.toEqual(first);
  });

  it('keeps no long command line', () => {
    const programs = new Programs();
    const long = { ...texts, argv: `ls\0${'x'.repeat(600)}\0` };
    const [one, other] = [1, 2].map(() => programs.of(writeRecord('exec', 'execve', { numbers, texts: long })));
    expect(other).toEqual(one);
    expect(other).not.toBe(one);
  });

  it('makes a command line once for a name', () => {
    const program = new Programs().of(writeRecord('exec', 'execve', { numbers, texts }));
    const [one, renamed] = ['ls', 'worker'].map((comm) => ({ ...sampleProcess({ comm }), program }));
    if (one === undefined || renamed === undefined) throw new Error('there are two');
    expect([one, one, renamed, one].map(commandLineOf)).toEqual(['ls -l', 'ls -l', 'worker -l', 'ls -l']);
  });

  it('knows no program of a kernel thread', () => {
    expect(new Programs().of(writeRecord('exec', 'execve', {}))).toMatchObject({ exePath: undefined, argv: [] });
  });
});

describe('contextOf', () => {
  it('shares what did not change, and nothing else', () => {
    const known = contextOf(writeRecord('exec', 'execve', { numbers, texts }), undefined);
    expect(known).toMatchObject({ cwd: '/root', sid: 5, cgroup: '/user.slice', capEffective: 0xffn });
    const same = writeRecord('exec', 'execve', { numbers: { ...numbers, inode: 8 }, texts });
    expect(contextOf(same, known)).toBe(known);
    const other = writeRecord('exec', 'execve', { numbers: { ...numbers, cap_effective: 1n }, texts });
    expect(contextOf(other, known)).toEqual({ ...known, capEffective: 1n });
  });
});
