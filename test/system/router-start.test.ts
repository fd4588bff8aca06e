import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { runLanner } from '../support/lanner.ts';
import { makePlace, startRouterAt } from '../support/router.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-start-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = async (...args: readonly string[]) =>
  runLanner('router', '--data', join(folder, 'data'), '--listen', `127.0.0.1:${await freePort()}`, ...args);

/** Every Redis server whose command line names our folder. */
function servers(): readonly string[] {
  const list = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout;
  return list.split('\n').filter((line) => /(redis|valkey)-server/.test(line) && line.includes(folder));
}

describe('lanner router that cannot start', () => {
  it.for([
    {
      name: 'playbooks that are not there',
      args: ['--playbooks', '/nonexistent'],
      says: /cannot be read: .*\/nonexistent/,
    },
    {
      name: 'a Redis that is not there',
      args: ['--redis', 'redis://127.0.0.1:1'],
      says: /ECONNREFUSED.*\n(.*\n)*.*Redis was not ready/,
    },
    { name: 'an address of another machine', args: ['--listen', '192.0.2.1:7470'], says: /no address 192\.0\.2\.1/ },
    { name: 'a data folder below a file', args: ['--data', '/etc/hostname/x'], says: /ENOTDIR/ },
    { name: 'a data folder that nobody can make', args: ['--data', '/proc/x/y'], says: /ENOENT.*mkdir '\/proc\/x/ },
    {
      name: 'a token file that holds no token',
      args: ['--token-file', '/etc/hostname/../os-release'],
      says: /os-release: expected one word/,
    },
  ])('says so and ends with 1: $name', async ({ args, says }) => {
    const { code, stderr } = await run(...args);
    expect(stderr).toMatch(says);
    expect(code).toBe(1);
    expect(servers()).toEqual([]);
  });

  it('says so as `lanner up`, too', async () => {
    const { code, stderr } = await runLanner('up', '--data', '/proc/x');
    expect(stderr).toMatch(/^lanner up: ENOENT.*'\/proc\/x'\n$/);
    expect(code).toBe(1);
  });

  it('says that its port is taken, and leaves no Redis behind', async () => {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    try {
      const { code, stderr } = await run('--listen', `127.0.0.1:${port}`);
      expect(stderr).toContain(`port ${port} of 127.0.0.1 is taken`);
      expect(code).toBe(1);
      expect(servers()).toEqual([]);
    } finally {
      server.close();
    }
  });

  it('names every mistake in its playbooks with its place', async () => {
    const file = join(folder, 'bad.yaml');
    writeFileSync(
      file,
      'playbook: a\non: { rules: [x] }\nsteps:\n  - { id: a, uses: webhok }\n  - { id: b, uses: lgo }\n',
    );
    const { code, stderr } = await run('--playbooks', file);
    expect(code).toBe(1);
    expect(stderr).toContain(`${file}:4:20: `);
    expect(stderr).toContain('did you mean webhook?');
    expect(stderr).toContain(`${file}:5:20: `);
  });

  it.for([
    ['--listen', '127.0.0.1:99999'],
    ['--listen', 'localhost'],
    ['--redis', 'localhost:6379'],
    ['--nodes', 'many'],
    ['stray'],
    ['--unknown'],
  ])('ends with 2 and its usage for %j', async (args) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(args[1] ?? args[0]);
    expect(stderr).toContain('usage: lanner router');
  });

  it('ends with 77 and says what to install on a machine without Redis', () => {
    // A mount namespace of its own, in which the server's files cannot be executed.
    const hide =
      'for f in /usr/bin/redis-server /usr/bin/valkey-server /usr/local/bin/redis-server; do [ ! -e "$f" ] || mount --bind /dev/null "$f"; done';
    const script = `${hide}; exec "$@"`;
    const words = ['lanner.ts', 'router', '--data', join(folder, 'data'), '--listen', '127.0.0.1:1'];
    const { status, stderr } = spawnSync('unshare', ['-m', 'sh', '-ec', script, 'sh', process.execPath, ...words], {
      cwd: new URL('../..', import.meta.url).pathname,
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(stderr).toContain('apt-get install redis-server');
    expect(status).toBe(77);
  });
});

describe('the data folder', () => {
  it('is for its owner only, with a token made once', async () => {
    const place = await makePlace();
    const modeOf = (name: string) => (statSync(join(place.dataFolder, name)).mode & 0o777).toString(8);
    try {
      const first = await startRouterAt(place);
      const token = readFileSync(join(place.dataFolder, 'token'), 'utf8');
      expect(token).toMatch(/^[\w-]{43}\n$/);
      expect([modeOf('token'), modeOf('redis'), modeOf('redis/redis.sock')]).toEqual(['600', '700', '700']);
      const second = await runLanner('router', '--data', place.dataFolder, '--listen', `127.0.0.1:${await freePort()}`);
      expect(second.code).toBe(1);
      expect(second.stderr).toContain(`another router (process ${first.pid})`);
      expect(await first.end()).toBe(0);
      const next = await startRouterAt(place);
      expect(readFileSync(join(place.dataFolder, 'token'), 'utf8')).toBe(token);
      await next.end();
    } finally {
      place.remove();
    }
  });

  it('may have a path that is too long for a socket', async () => {
    const place = await makePlace();
    const dataFolder = join(place.dataFolder, 'long'.repeat(30));
    mkdirSync(dataFolder);
    writeFileSync(join(dataFolder, 'token'), 'a-token-of-this-test\n');
    writeFileSync(join(place.dataFolder, 'token'), 'a-token-of-this-test\n');
    const shortOnes = () => readdirSync('/run').filter((name) => name.startsWith('lanner-'));
    const before = shortOnes();
    try {
      const router = await startRouterAt({ ...place, dataFolder });
      const made = shortOnes().filter((name) => !before.includes(name));
      expect(made).toHaveLength(1);
      expect(statSync(`/run/${made[0]}`).mode & 0o777).toBe(0o700);
      expect((await place.get('/api/alerts')).status).toBe(200);
      await router.end();
    } finally {
      for (const name of shortOnes()) if (!before.includes(name)) rmSync(`/run/${name}`, { recursive: true });
      place.remove();
    }
  });
});
