import { describe, expect, it } from 'vitest';
import { parseStat, readStat } from './process.ts';

const statOf = (name: string, state: string, threads: number) =>
  `7 (${name}) ${state} 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 ${threads} 0 123456 1000 20 18446744073709551615`;

describe('parseStat', () => {
  it.for([
    { name: 'a running process', stat: statOf('sh', 'S', 1), isDead: false },
    { name: 'a name with blanks and parentheses', stat: statOf('a) Z (b', 'R', 1), isDead: false },
    { name: 'a zombie', stat: statOf('sh', 'Z', 1), isDead: true },
    { name: 'a leader that ended before its threads', stat: statOf('sh', 'Z', 2), isDead: false },
  ])('reads $name', ({ stat, isDead }) => {
    expect(parseStat(stat)).toMatchObject({ startTicks: 123_456n, isDead, ppid: 1, sid: 7, isKernelThread: false });
  });

  it('tells a thread of the kernel, and one that is stopped', () => {
    expect(parseStat(statOf('kthreadd', 'S', 1).replace('4194560', '2129984'))?.isKernelThread).toBe(true);
    expect(parseStat(statOf('a) Z (b', 'T', 1))).toMatchObject({ isStopped: true, name: 'a) Z (b' });
  });

  it('has nothing for what is no stat line', () => expect(parseStat('')).toBeUndefined());
});

describe('readStat', () => {
  it('reads this very process', () => expect(readStat(process.pid)).toMatchObject({ isDead: false }));
  it('has nothing for a pid beyond the kernel’s bound', () => expect(readStat(4_194_305)).toBeUndefined());
});
