import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, whenReady } from '../../router/redis/connection.ts';
import { type EmbeddedRedis, startEmbedded } from '../../router/redis/embedded.ts';
import { makeAuditLog } from '../../router/store/audit.ts';
import { makeRunStore } from '../../router/store/runs.ts';
import { eventually } from '../support/eventually.ts';
import { type Work, work } from '../support/run-worker.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-runs-'));
let redis: EmbeddedRedis;
let server: Server;
let origin = '';
/** The Idempotency-Keys of the requests so far. */
let keys: string[] = [];
let answer: (response: ServerResponse, count: number) => void;

beforeAll(async () => {
  const started = await startEmbedded(folder, () => undefined);
  if (!started.ok) throw new Error(started.reason);
  redis = started.redis;
  server = createServer((request, response) => {
    keys.push(String(request.headers['idempotency-key']));
    request.resume().on('end', () => answer(response, keys.length));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await redis.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  keys = [];
  answer = (response) => void response.writeHead(204).end();
});

const workers: ChildProcess[] = [];
afterEach(() => {
  for (const worker of workers.splice(0)) worker.kill('SIGKILL');
});

/** Another process that performs the run. */
function startWorker(job: Work): ChildProcess {
  const module = new URL('../support/run-worker.ts', import.meta.url).href;
  const script = `const { work } = await import(${JSON.stringify(module)}); await work(${JSON.stringify(job)});`;
  const worker = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  workers.push(worker);
  return worker;
}

async function kill(worker: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGKILL');
  await ended;
}

const jobOf = (runId: string, steps: string): Work => ({
  socket: redis.socket,
  runId,
  playbook: `playbook: p\non: { rules: ["*"] }\nsteps:\n${steps}`,
});

describe('a run whose worker is killed while it acts', () => {
  it('repeats a step that is safe to repeat, under the same key, and no step before it', async () => {
    const file = join(folder, 'before.jsonl');
    const job = jobOf(
      'repeats',
      `  - { id: first, uses: log, with: { file: ${file} } }\n  - { id: call, uses: webhook, with: { url: "${origin}/" }, timeout: 30s }\n`,
    );
    answer = (response, count) => (count === 1 ? undefined : response.writeHead(204).end());
    const worker = startWorker(job);
    await eventually('the request of the first worker', () => (keys.length > 0 ? true : undefined), 15_000);
    await kill(worker);
    const run = await work(job);
    expect(run).toMatchObject({
      state: 'done',
      steps: [{ state: 'done' }, { state: 'done', attempts: [{ outcome: 'done' }] }],
    });
    const [key = '', ...others] = keys;
    expect(key).toMatch(/^an-alert\/p\/call\/[0-9a-f]{16}$/);
    expect(others).toEqual([key]);
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(1);
  });

  it('does not repeat a step that is not, and says that nobody knows', async () => {
    const file = join(folder, 'once');
    const job = jobOf(
      'once',
      `  - id: run\n    uses: program\n    with: { argv: [/bin/sh, -c, 'echo x >> "$1"; exec sleep 5', sh, ${file}] }\n    timeout: 60s\n    retry: { attempts: 5, backoff: 10ms }\n`,
    );
    const worker = startWorker(job);
    await eventually('the program to run', () => (existsSync(file) ? true : undefined), 15_000);
    await kill(worker);
    const run = await work(job);
    expect(run).toMatchObject({
      state: 'failed',
      steps: [{ state: 'failed', attempts: [{ outcome: 'failed' }], detail: expect.stringContaining('unknown') }],
    });
    expect(readFileSync(file, 'utf8')).toBe('x\n');
  });

  it('goes on in the middle of its waits, with the attempts that it has had', async () => {
    const job = jobOf(
      'waits',
      `  - { id: call, uses: webhook, with: { url: "${origin}/" }, retry: { attempts: 3, backoff: 3s } }\n`,
    );
    answer = (response, count) => void response.writeHead(count === 1 ? 503 : 200).end();
    const startedMs = Date.now();
    const worker = startWorker(job);
    await eventually('the first request', () => (keys.length > 0 ? true : undefined), 15_000);
    // Its answer is in the journal as soon as the worker waits.
    await eventually('the journal', async () => ((await attemptsOf('waits')) === 1 ? true : undefined));
    await kill(worker);
    const run = await work(job);
    expect(run).toMatchObject({ state: 'done', steps: [{ attempts: [{ outcome: 'failed' }, { outcome: 'done' }] }] });
    expect(keys).toHaveLength(2);
    expect(Date.now() - startedMs).toBeGreaterThan(3_000);
  });
});

describe('a run that two workers perform at the same time', () => {
  it('begins a step that is not safe to repeat once', async () => {
    const file = join(folder, 'twice');
    const job = jobOf(
      'twice',
      `  - { id: run, uses: program, with: { argv: [/bin/sh, -c, 'echo x >> "$1"', sh, ${file}] } }\n`,
    );
    const states = (await Promise.all([work(job), work(job)])).map(({ state }) => state);
    expect(states.toSorted()).toEqual(['done', 'failed']);
    expect(readFileSync(file, 'utf8')).toBe('x\n');
  });
});

async function attemptsOf(runId: string): Promise<number> {
  const connection = connect({ kind: 'socket', path: redis.socket }, 'request', () => undefined);
  try {
    await whenReady(connection, 5_000);
    return (
      (await makeRunStore(connection, makeAuditLog(connection, Date.now).append).load(runId))?.steps[0]?.attempts
        .length ?? 0
    );
  } finally {
    connection.disconnect();
  }
}
