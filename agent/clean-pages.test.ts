import { describe, expect, it } from 'vitest';
import { findCleanPages } from './clean-pages.ts';

type Mapping = {
  readonly permissions?: string;
  readonly path?: string;
  readonly sizes?: Readonly<Record<string, number>>;
};

/** An entry of /proc/self/smaps. */
function mapping(from: string, to: string, { permissions = 'r-xp', path = '/usr/bin/node', sizes = {} }: Mapping = {}) {
  const all = {
    Size: 8,
    Rss: 8,
    Pss: 4,
    Shared_Dirty: 0,
    Private_Clean: 8,
    Private_Dirty: 0,
    Referenced: 8,
    Anonymous: 0,
  };
  const lines = Object.entries({ ...all, ...sizes }).map(([name, kib]) => `${`${name}:`.padEnd(16)} ${kib} kB\n`);
  return `${from}-${to} ${permissions} 00400000 fe:00 1234${' '.repeat(12)}${path}\n${lines.join('')}VmFlags: rd ex mr mw me\n`;
}

describe('clean pages', () => {
  it('are those of program text and constants, by their addresses', () => {
    const smaps =
      mapping('00400000', '00402000', { permissions: 'r--p' }) +
      mapping('7fac1b90e000', '7fac1b910000', { path: '/usr/lib/my libc.so.6' });
    expect(findCleanPages(smaps)).toEqual([
      [0x400000n, 0x402000n],
      [0x7fac1b90e000n, 0x7fac1b910000n],
    ]);
  });

  it.for<{ readonly name: string } & Mapping>([
    { name: 'what may be written to', permissions: 'rw-p' },
    { name: 'what may be written to and run', permissions: 'rwxp' },
    { name: 'what is shared with others', permissions: 'r--s' },
    { name: 'memory without a file', path: '' },
    { name: 'the heap', path: '[heap]', permissions: 'r--p' },
    { name: 'rings', path: 'anon_inode:bpf-map', permissions: 'r--p' },
    { name: 'a page that was written to before it became read-only', sizes: { Anonymous: 4 } },
    { name: 'what is not in memory', sizes: { Rss: 0 } },
  ])('are not $name', ({ name: _, ...of }) => {
    expect(findCleanPages(mapping('00400000', '00402000', of))).toEqual([]);
  });

  it('are those of a file that was installed just now and is not on the disk yet', () => {
    expect(findCleanPages(mapping('00400000', '00402000', { sizes: { Private_Dirty: 8 } }))).toHaveLength(1);
  });

  it('are not what an old kernel does not tell all of', () => {
    const smaps = mapping('00400000', '00402000').replace(/^Anonymous:.*\n/m, '');
    expect(findCleanPages(smaps)).toEqual([]);
  });
});
