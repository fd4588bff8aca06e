import { describe, expect, it } from 'vitest';
import { compilePathMatch } from './path-match.ts';

describe('compilePathMatch', () => {
  it.for([
    {
      paths: ['/usr'],
      fits: ['/usr', '/usr/', '/usr/bin/x', 'usr/bin', '//usr//bin'],
      not: ['/us', '/usrx', '/x/usr', ''],
    },
    { paths: ['/usr/bin/'], fits: ['/usr/bin', '/usr//bin/x'], not: ['/usr', '/usr/binx'] },
    { paths: ['usr'], fits: ['/usr/x'], not: ['/x'] },
    { paths: ['/'], fits: ['/', '/x', '', 'x'], not: [] },
    { paths: [''], fits: ['/x', ''], not: [] },
    { paths: [], fits: [], not: ['/', '/x', ''] },
    { paths: ['/etc', '/usr/lib'], fits: ['/etc/x', '/usr/lib'], not: ['/usr', '/usr/libx'] },
    { paths: ['/home/*/.ssh'], fits: ['/home/a/.ssh/id', '/home/.a/.ssh'], not: ['/home/.ssh', '/home/a/b/.ssh'] },
    { paths: ['/lib/*.so'], fits: ['/lib/a.so', '/lib/a.so/x'], not: ['/lib/x/a.so'] },
    { paths: ['/a?/[bc]'], fits: ['/ax/b/d', '/ay/c'], not: ['/a/b', '/ax/d'] },
    { paths: ['/x', '/*/b'], fits: ['/x', '/a/b'], not: ['/a'] },
  ])('$paths', ({ paths, fits, not }) => {
    const matches = compilePathMatch(paths);
    expect(fits.filter((value) => !matches(value))).toEqual([]);
    expect(not.filter(matches)).toEqual([]);
  });
});
