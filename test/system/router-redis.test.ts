import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

let dataFolder: string;
let listen: string;
let router: ChildProcess;

/** Every Redis that works in our data folder, by its socket. */
function servers(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, 'utf8');
        return /(redis|valkey)-server/.test(line) && line.includes(dataFolder);
      } catch {
        return false; // it ended
      }
    })
    .map(Number);
}

const ask = async (path: string) => fetch(`http://${listen}${path}`).catch(() => undefined); // not listening

async function start(...more: readonly string[]): Promise<void> {
  router = spawn(process.execPath, ['lanner.ts', 'router', '--data', dataFolder, '--listen', listen, ...more], {
    cwd: new URL('../..', import.meta.url).pathname,
    stdio: 'ignore',
  });
  await eventually('the router to be ready', async () => (await ask('/readyz'))?.ok || undefined, 20_000);
}

async function end(signal: NodeJS.Signals): Promise<void> {
  if (router.exitCode !== null || router.signalCode !== null) return;
  const gone = new Promise((resolve) => router.once('exit', resolve));
  router.kill(signal);
  await gone;
}

beforeEach(async () => {
  dataFolder = mkdtempSync(join(tmpdir(), 'lanner-redis-'));
  listen = `127.0.0.1:${await freePort()}`;
  await start();
});

afterEach(async () => {
  await end('SIGTERM');
  for (const pid of servers()) process.kill(pid, 'SIGKILL');
  rmSync(dataFolder, { recursive: true, force: true });
});

describe('the Redis of our own', () => {
  it('ends with the router', async () => {
    expect(servers()).toHaveLength(1);
    await end('SIGTERM');
    expect(servers()).toEqual([]);
  });

  it('has a limit to its memory, so that alerts can be refused before it is reached', () => {
    const socket = join(dataFolder, 'redis/redis.sock');
    const [, bytes] = execFileSync('redis-cli', ['-s', socket, 'config', 'get', 'maxmemory'], {
      encoding: 'utf8',
    }).split('\n');
    expect(Number(bytes)).toBeGreaterThan(0);
  });

  it('is taken on by the next router when one was killed', async () => {
    const before = servers();
    await end('SIGKILL');
    expect(servers()).toEqual(before);
    await start();
    expect(servers()).toEqual(before);
    await end('SIGTERM');
    expect(servers()).toEqual([]);
  });

  it('never gets a second server beside it, though it was taken on and does not answer', async () => {
    await end('SIGKILL');
    await start();
    const [pid = 0] = servers();
    process.kill(pid, 'SIGSTOP');
    const most: number[] = [];
    await eventually(
      'the server that hangs to be replaced',
      () => {
        most.push(servers().length);
        return servers().includes(pid) ? undefined : true;
      },
      40_000,
    );
    expect(Math.max(...most)).toBe(1);
    await eventually('the router to be ready again', async () => (await ask('/readyz'))?.ok || undefined, 20_000);
    expect(servers()).toHaveLength(1);
  });

  it('is started again when it is killed, with what it held', async () => {
    const headers = { authorization: `Bearer ${readFileSync(join(dataFolder, 'token'), 'utf8').trim()}` };
    const alert = { time: '2026-11-23T14:00:00Z', rule: 'Kept', priority: 'Notice' };
    const url = `http://${listen}/api/alerts`;
    expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify(alert) })).status).toBe(202);
    const [pid = 0] = servers();
    process.kill(pid, 'SIGKILL');
    const answer = await eventually(
      'the alert to be there again',
      async () => {
        const response = await fetch(url, { headers });
        return response.ok && !servers().includes(pid) ? response.text() : undefined;
      },
      20_000,
    );
    expect(answer).toContain('Kept');
  });
});

describe('a Redis of somebody else', () => {
  it('does not keep the router from ending when it is gone', async () => {
    await end('SIGTERM');
    const port = await freePort();
    const redis = spawn('redis-server', ['--port', String(port), '--dir', dataFolder, '--save', ''], {
      stdio: 'ignore',
    });
    try {
      await start('--redis', `redis://127.0.0.1:${port}`);
      redis.kill('SIGKILL');
      await eventually(
        'the router to miss it',
        async () => (await ask('/readyz'))?.status === 503 || undefined,
        20_000,
      );
      await end('SIGTERM');
      expect(router.exitCode).toBe(0);
    } finally {
      redis.kill('SIGKILL');
    }
  });
});
