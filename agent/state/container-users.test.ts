import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ContainerUsers, parseMap } from './container-users.ts';
import { readProcess } from './proc-folder.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const own = readProcess(process.pid);

function setUp({ map = '0 0 4294967295\n' } = {}) {
  if (own === undefined) throw new Error('this process runs');
  const proc = mkdtempSync(join(tmpdir(), 'lanner-container-users-'));
  folders.push(proc);
  const root = join(proc, String(own.pid), 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0::/root:/bin/ash\nweb:x:1000:1000::/srv:/bin/false\nmüller:x:1001:1000::/:/bin/sh\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nwww:x:33:\n');
  for (const name of ['uid_map', 'gid_map']) writeFileSync(join(proc, String(own.pid), name), map);
  const world = { nowMs: 0, isAlive: true };
  const gone = { ...own, pid: own.pid + 1 };
  const users = new ContainerUsers({
    nowMs: () => world.nowMs,
    isAlive: ({ pid }) => world.isAlive && pid === own.pid,
    proc,
  });
  return { users, world, root, inside: [gone, own] };
}

describe('users of a container', () => {
  it('have the names that the container gives them', () => {
    const { users, inside } = setUp();
    expect(users.of('c', inside)?.user(1000)).toEqual({ name: 'web', home: '/srv', shell: '/bin/false' });
    expect(users.of('c', inside)?.groupName(33)).toBe('www');
    expect(users.of('c', inside)?.user(5)).toBeUndefined();
    // Text is byte strings.
    expect(users.of('c', inside)?.user(1001)?.name).toBe('m\xc3\xbcller');
  });

  it('are those inside when the container has a user namespace', () => {
    const { users, inside } = setUp({ map: '         0     100000      65536\n' });
    const found = users.of('c', inside);
    expect(found?.user(100_000)?.name).toBe('root');
    expect(found?.user(101_000)?.name).toBe('web');
    expect(found?.groupName(100_033)).toBe('www');
    expect(found?.user(1000)).toBeUndefined();
  });

  it('are not the host’s, which a container that is being made still sees', () => {
    const { users, root, inside } = setUp();
    rmSync(root, { recursive: true });
    symlinkSync('/', root);
    expect(users.of('c', inside)).toBeUndefined();
  });

  it('are read anew after a while, and kept when the process is gone by then', () => {
    const { users, world, root, inside } = setUp();
    users.of('c', inside);
    writeFileSync(join(root, 'etc/passwd'), 'new:x:1000:1000::/:/bin/sh\n');
    expect(users.of('c', inside)?.user(1000)?.name).toBe('web');
    world.nowMs = 5_000;
    expect(users.of('c', inside)?.user(1000)?.name).toBe('new');
    world.nowMs = 10_000;
    world.isAlive = false;
    expect(users.of('c', inside)?.user(1000)?.name).toBe('new');
    expect(users.of('other', inside)).toBeUndefined();
  });

  it('are not taken from where a link leads', () => {
    const { users, root, inside } = setUp();
    rmSync(join(root, 'etc'), { recursive: true });
    symlinkSync('/etc', join(root, 'etc'));
    expect(users.of('c', inside)?.user(0)).toBeUndefined();
  });

  it('are known before the first program runs, and after all have ended', () => {
    const { users, world, root } = setUp();
    const etc = { folder: root, parts: ['etc', 'passwd'] };
    const uids = [{ inside: 0, outside: 100_000, length: 65_536 }];
    world.isAlive = false;
    users.foresee('none', () => undefined);
    users.foresee('unmounted', () => ({
      passwd: { ...etc, folder: `${root}/none` },
      group: undefined,
      uids,
      gids: uids,
    }));
    users.foresee('c', () => ({ passwd: etc, group: undefined, uids, gids: uids }));
    users.foresee('c', () => expect.unreachable('it is asked once'));
    world.nowMs = 60_000;
    expect(users.of('c', [])?.user(101_000)?.name).toBe('web');
    expect(users.of('c', [])?.groupName(100_033)).toBeUndefined();
    for (const unknown of ['none', 'unmounted']) expect(users.of(unknown, [])).toBeUndefined();
  });

  it('reads nothing from what is no map', () => expect(parseMap('x\n\n1 2\n')).toEqual([]));
});
