import { execFile, spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NodeActionName } from '#playbooks/command';
import { makeActions } from '../../agent/respond/actions.ts';
import { docker, image, inspect, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { type CommandChanges, commandOf, portsOf } from '../support/node-action.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(120_000);
const started: string[] = [];
/** Addresses of the bridge on the host's side, where two servers listen. */
const network = 'lanner-test-net';
const [here, there] = ['10.231.78.1', '10.231.79.1'];
let server: Server;
const sockets = new Set<Socket>();
/** What the talking container has sent so far. */
let received = 0;

beforeAll(async () => {
  await docker('network', 'create', '--subnet', '10.231.78.0/24', '--gateway', here, network);
  await run('ip', ['address', 'add', `${there}/32`, 'dev', 'lo']);
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received += bytes.length;
      socket.write('x');
    });
  });
  await new Promise<void>((resolve) => server.listen(17_801, '0.0.0.0', resolve));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map(remove));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await run('ip', ['address', 'del', `${there}/32`, 'dev', 'lo']);
  await docker('network', 'rm', network);
});

async function start(...args: readonly string[]): Promise<string> {
  const id = await docker('run', '-d', ...args);
  started.push(id);
  return id;
}
/** Talks to the server without end over one connection. */
const talker = () =>
  start('--network', network, image, 'sh', '-c', `while :; do echo hello; sleep 0.05; done | nc ${here} 17801`);

const perform = (name: NodeActionName, params: object, changes: CommandChanges = {}) => {
  const action = makeActions(portsOf()).get(name);
  if (action === undefined) throw new Error(`no action ${name}`);
  return action(commandOf(name, params, changes), signal);
};

/** Whether a new connection from the container gets an answer. */
async function reaches(container: string, address: string): Promise<boolean> {
  const { pid } = await inspect(container);
  const child = spawn('nsenter', ['-t', String(pid), '-n', 'busybox', 'nc', '-w', '1', address, '17801'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.write('hello\n');
  const answer = await Promise.race([
    new Promise<boolean>((resolve) => child.stdout.once('data', () => resolve(true))),
    new Promise<boolean>((resolve) => child.once('close', () => resolve(false))),
    new Promise<boolean>((resolve) => setTimeout(resolve, 1_200, false)),
  ]);
  child.kill('SIGKILL');
  return answer;
}

const ruleset = async (container: string) => {
  const { pid } = await inspect(container);
  return (await run('nsenter', ['-t', String(pid), '-n', 'nft', 'list', 'ruleset'])).stdout;
};

async function isFlowing(): Promise<boolean> {
  const before = received;
  await new Promise((resolve) => setTimeout(resolve, 400));
  return received > before;
}

describe('network.isolate and network.restore', () => {
  it('cut a connection that is there and every new one, and give the network back exactly', async () => {
    const container = await talker();
    await eventually('traffic', async () => (await isFlowing()) || undefined);
    const before = await ruleset(container);
    const neighbour = await start('--network', network, image, 'sleep', '1000');

    for (let repeat = 0; repeat < 2; repeat++) {
      const result = await perform('network.isolate', { container });
      expect(result).toEqual({ outcome: 'done', detail: `container ${container.slice(0, 12)} is cut off` });
      expect(await isFlowing()).toBe(false);
    }
    expect(await reaches(container, here)).toBe(false);
    expect(await reaches(neighbour, here)).toBe(true);

    for (let repeat = 0; repeat < 2; repeat++) {
      expect(await perform('network.restore', { container })).toMatchObject({ outcome: 'done' });
      expect(await ruleset(container)).toBe(before);
    }
    expect(await reaches(container, here)).toBe(true);
    // TCP had kept what it could not send: the connection itself goes on.
    await eventually('traffic again', async () => (await isFlowing()) || undefined);
  });

  it('leave the allowed networks in reach', async () => {
    const container = await start('--network', network, image, 'sleep', '1000');
    expect(await reaches(container, there)).toBe(true);
    expect(await perform('network.isolate', { container, allow: ['10.231.78.0/24', here] })).toMatchObject({
      outcome: 'done',
      detail: expect.stringContaining('but for 10.231.78.0/24'),
    });
    expect(await reaches(container, here)).toBe(true);
    expect(await reaches(container, there)).toBe(false);
  });

  it('stop what a raw socket sends, which the tables of inet do not see', async () => {
    const container = await start('--network', network, image, 'sleep', '1000');
    const { pid } = await inspect(container);
    const python = `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
try:
  s.send(b"\\xff" * 6 + b"\\x02" * 6 + b"\\x88\\xb5" + b"lanner" * 10)
  print("sent")
except OSError as e:
  print("dropped", e.errno)`;
    const send = async () => (await run('nsenter', ['-t', String(pid), '-n', 'python3', '-c', python])).stdout.trim();
    expect(await send()).toBe('sent');
    await perform('network.isolate', { container });
    // NET_XMIT_DROP becomes ENOBUFS, or the packet is swallowed: the device's own counter is what tells.
    const sent = async () =>
      Number(
        (await run('nsenter', ['-t', String(pid), '-n', 'cat', '/proc/net/dev'])).stdout.match(
          /eth0:(?:\s+\d+){9}\s+(\d+)/,
        )?.[1],
      );
    const before = await sent();
    await send();
    expect(await sent()).toBe(before);
  });

  it('only say what they would do in a dry run', async () => {
    const container = await start('--network', network, image, 'sleep', '1000');
    expect(await perform('network.isolate', { container }, { mode: 'dry-run' })).toMatchObject({ outcome: 'skipped' });
    expect(await reaches(container, here)).toBe(true);
  });

  it('refuse a container on the host’s network, and one that has ended is gone', async () => {
    const host = await start('--network', 'host', image, 'sleep', '1000');
    expect(await perform('network.isolate', { container: host })).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('the host’s own network'.replace('’', "'")),
    });
    await docker('kill', host);
    await eventually('its end', async () => ((await inspect(host)).status === 'exited' ? true : undefined));
    expect(await perform('network.restore', { container: host })).toMatchObject({ outcome: 'gone' });
  });
});
