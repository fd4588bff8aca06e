import { describe, expect, test } from 'vitest';
import { callNames, i386Calls, nameOfCall, numberOfCall } from './calls.ts';
import { join, splitArgv } from './decode.ts';
import { kinds, typeOf } from './kinds.ts';
import { recordFlags } from './layout.ts';

test('has a bit for each flag of a record', () => {
  const flags = Object.values(recordFlags);
  expect(new Set(flags).size).toBe(flags.length);
  expect(flags.every((flag) => Math.clz32(flag) === 31 - Math.log2(flag))).toBe(true);
});

describe('join', () => {
  test.each([
    ['/home', 'a/b', '/home/a/b'],
    ['/home', './a/../b', '/home/b'],
    ['/home', '../../..', '/'],
    ['/', 'a', '/a'],
    ['/home', '/etc//passwd', '/etc/passwd'],
    ['/home', '/etc/', '/etc'],
    ['/home', '/etc/.hidden', '/etc/.hidden'],
    ['/home', '...', '/home/...'],
    [undefined, 'a', 'a'],
    [undefined, '/a/./b', '/a/b'],
  ])('%s and %s', (base, path, whole) => {
    expect(join(base, path)).toBe(whole);
  });

  test('nothing stays nothing', () => expect(join('/home', undefined)).toBeUndefined());
});

test('arguments are separated by NUL, empty ones count', () => {
  expect(splitArgv('a\0two words\0\0')).toEqual(['a', 'two words', '']);
  expect(splitArgv('cut\0in the mid')).toEqual(['cut', 'in the mid']);
  expect(splitArgv(undefined)).toEqual([]);
});

describe('calls', () => {
  // From asm/unistd_64.h and asm/unistd_32.h, as spot checks of the tables' counting.
  test.each([
    [0, 'read'],
    [59, 'execve'],
    [257, 'openat'],
    [322, 'execveat'],
    [334, 'rseq'],
    [424, 'pidfd_send_signal'],
    [435, 'clone3'],
    [437, 'openat2'],
    [452, 'fchmodat2'],
  ])('%i is %s', (number, name) => {
    expect(nameOfCall(number)).toBe(name);
    expect(numberOfCall(name)).toBe(number);
  });

  test('32-bit numbers lead to 64-bit calls', () => {
    const known = new Map(i386Calls);
    expect([5, 11, 102, 295, 362, 437].map((number) => known.get(number))).toEqual([
      'open',
      'execve',
      'socketcall',
      'openat',
      'connect',
      'openat2',
    ]);
    const strangers = [...known.values()].filter((name) => numberOfCall(name) === undefined);
    expect(strangers).toEqual(['socketcall', 'ipc']); // translated by the kernel side
    expect([22, 82, 90, 140, 142, 192, 272].map((number) => known.get(number))).toEqual([
      'umount2',
      'select',
      'mmap',
      'lseek',
      'select',
      'mmap',
      'fadvise64',
    ]);
  });

  test('no name twice', () => expect(new Set(callNames).size).toBe(callNames.length));
});

test('an event has the name of its call, or of what happened', () => {
  const call = (name: string) => numberOfCall(name) ?? -1;
  expect(typeOf('exec', call('execveat'))).toBe('execveat');
  expect(typeOf('exec', call('execve'))).toBe('execve');
  expect(typeOf('fork', call('vfork'))).toBe('vfork');
  expect(typeOf('fork', 0xffffffff)).toBe('clone');
  expect(typeOf('exit', 0xffffffff)).toBe('procexit');
  expect(typeOf('call', 511)).toBe('syscall');
  expect(typeOf('denied', 322)).toBe('execveat');
  expect(typeOf('polled', 7)).toBe('poll');
  expect(Object.keys(kinds)).toHaveLength(8);
});
