import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askMetrics, serveMetrics, socketPath } from './serve.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-metrics-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const said: string[] = [];
const log = (_: string, message: string) => said.push(message);
const serve = (render: () => string, port?: number) =>
  serveMetrics({
    render,
    dataFolder: folder,
    listen: port === undefined ? undefined : { host: '127.0.0.1', port },
    log,
  });

it('answers on a socket that only its owner may use, whatever was left there before', async () => {
  writeFileSync(socketPath(folder), 'left behind');
  const server = await serve(() => 'figures\n');
  expect(await askMetrics({ socketPath: socketPath(folder) })).toBe('figures\n');
  expect(statSync(socketPath(folder)).mode & 0o777).toBe(0o600);
  server.close();
  expect(await askMetrics({ socketPath: socketPath(folder) })).toBeUndefined();
});

it('leaves the socket to an agent that answers there', async () => {
  const first = await serve(() => 'first');
  const second = await serve(() => 'second');
  expect(await askMetrics({ socketPath: socketPath(folder) })).toBe('first');
  second.close();
  expect(await askMetrics({ socketPath: socketPath(folder) })).toBe('first');
  first.close();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

it('listens on a port only where one is given, and knows one path', async () => {
  const port = await freePort();
  const server = await serve(() => 'figures\n', port);
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await answer.text()).toBe('figures\n');
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  const other = await serve(() => 'other', port);
  expect(said.at(-1)).toBe(`metrics cannot be asked for at 127.0.0.1:${port}`);
  other.close();
  server.close();
});
