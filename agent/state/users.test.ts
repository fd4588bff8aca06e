import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeUsers, parseGroup, parsePasswd } from './users.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('users and groups', () => {
  it('reads passwd, the first of two users with one number, and skips what is no line of it', () => {
    const users = parsePasswd('root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\n\nbroken\n# note\nx:y:z\n');
    expect([...users]).toEqual([[0, { name: 'root', home: '/root', shell: '/bin/bash' }]]);
  });

  it('reads group', () => {
    expect([...parseGroup('root:x:0:\nadm:x:4:a,b\n')]).toEqual([
      [0, 'root'],
      [4, 'adm'],
    ]);
  });

  it('reads anew when the file changes, and keeps the names when it is gone', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lanner-users-'));
    folders.push(folder);
    const passwd = join(folder, 'passwd');
    let nowMs = 0;
    writeFileSync(passwd, 'a:x:5:5::/:/bin/sh\n');
    const users = makeUsers(() => nowMs, passwd, join(folder, 'group'));
    expect(users.user(5)?.name).toBe('a');
    writeFileSync(passwd, 'b:x:5:5::/:/bin/sh\n');
    utimesSync(passwd, 1, 1);
    expect(users.user(5)?.name).toBe('a');
    nowMs = 2_000;
    expect(users.user(5)?.name).toBe('b');
    rmSync(passwd);
    nowMs = 4_000;
    expect(users.user(5)?.name).toBe('b');
    expect(users.groupName(0)).toBeUndefined();
    writeFileSync(passwd, 'b:x:5:5::/:/bin/sh\nc:x:6:6::/:/bin/sh\n');
    nowMs = 4_050;
    expect(users.user(6)?.name).toBe('c');
  });
});
