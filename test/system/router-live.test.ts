import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

let dataFolder: string;
let url: string;
let router: ChildProcess;

const headers = () => ({ authorization: `Bearer ${readFileSync(join(dataFolder, 'token'), 'utf8').trim()}` });

async function post(output: string): Promise<void> {
  const alert = { time: '2026-11-23T14:00:00Z', rule: 'Live', priority: 'Notice', output };
  const response = await fetch(`${url}/api/alerts`, {
    method: 'POST',
    headers: headers(),
    body: JSON.stringify(alert),
  });
  expect(response.status).toBe(202);
}

/** Opens the live stream; the answer reads on until `text` has come. Runs that an alert sets off come in between. */
async function follow(last?: string): Promise<(text: string) => Promise<string>> {
  const response = await fetch(`${url}/api/events`, {
    headers: { ...headers(), ...(last === undefined ? {} : { 'last-event-id': last }) },
  });
  if (response.body === null) throw new Error('an event stream has a body');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  return async (text) => {
    let read = '';
    while (!read.includes(text)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the stream ended before ${text}: ${read}`);
      read += value;
    }
    return read;
  };
}

beforeEach(async () => {
  dataFolder = mkdtempSync(join(tmpdir(), 'lanner-live-'));
  const listen = `127.0.0.1:${await freePort()}`;
  url = `http://${listen}`;
  router = spawn(process.execPath, ['lanner.ts', 'router', '--data', dataFolder, '--listen', listen], {
    cwd: new URL('../..', import.meta.url).pathname,
    stdio: 'ignore',
  });
  const ready = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok || undefined; // not listening yet
  await eventually('the router to be ready', ready, 20_000);
});

afterEach(async () => {
  if (router.exitCode === null) {
    const gone = new Promise((resolve) => router.once('exit', resolve));
    router.kill('SIGTERM');
    await gone;
  }
  rmSync(dataFolder, { recursive: true, force: true });
});

describe('live events', () => {
  it('are replayed at once, though another viewer waits for the next one', async () => {
    const first = await follow();
    await post('one');
    const id = /^id: (\S+)$/m.exec(await first('"one"'))?.[1];
    expect(id).toMatch(/^\d+-\d+$/);
    await post('two');
    await first('"two"');
    const begunMs = performance.now();
    const again = await follow(id);
    expect(await again('"two"')).not.toContain('"one"');
    expect(performance.now() - begunMs).toBeLessThan(1_500);
  });
});

describe('lanner router', () => {
  it('ends within 1.5 s of SIGTERM, also while somebody watches', async () => {
    await follow();
    const gone = new Promise<number | null>((resolve) => router.once('exit', resolve));
    const begunMs = performance.now();
    router.kill('SIGTERM');
    expect(await gone).toBe(0);
    expect(performance.now() - begunMs).toBeLessThan(1_500);
  });
});
