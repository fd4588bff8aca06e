import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { fromNodeSchema, type Receipt, receiptSchema } from '#playbooks/command';
import { type Channel, openChannel } from './channel.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** The router's end: takes only the right token, checks every message and hands out what came. */
async function startRouter(port = 0) {
  const server = new WebSocketServer({
    port,
    host: '127.0.0.1',
    verifyClient: ({ req }: { readonly req: IncomingMessage }) =>
      req.headers.authorization === 'Bearer secret' && req.url === '/api/nodes/channel',
  });
  await once(server, 'listening');
  const messages: ReturnType<typeof fromNodeSchema.parse>[] = [];
  const sockets: WebSocket[] = [];
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('message', (data) => messages.push(fromNodeSchema.parse(JSON.parse(String(data)))));
  });
  const close = () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  };
  closers.push(close);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  const { port: listening } = address;
  return { port: listening, url: new URL(`http://127.0.0.1:${listening}`), messages, sockets, close };
}

const commandOf = (id: string) => ({
  version: 1,
  kind: 'command',
  id,
  action: 'container.kill',
  params: { container: 'ab'.repeat(32) },
  mode: 'enforce',
  deadline_ms: Date.now() + 10_000,
  alert: { id: 'alert', rule: 'rule' },
});

const receiptOf = (command: string): Receipt =>
  receiptSchema.parse({
    version: 1,
    kind: 'receipt',
    command,
    outcome: 'done',
    detail: 'killed',
    started_ms: 1,
    finished_ms: 2,
  });

function open(url: URL, changes: Partial<Parameters<typeof openChannel>[0]> = {}): Channel {
  const channel = openChannel({
    url,
    token: 'secret',
    node: 'node-1',
    agentVersion: '0.1.0',
    bootId: 'boot',
    actions: ['container.kill'],
    perform: async (command) => receiptOf(command.id),
    revision: async () => ({ ok: true }),
    unacknowledged: () => [],
    acknowledged: () => undefined,
    responding: () => undefined,
    log: vi.fn(),
    ...changes,
  });
  closers.push(() => channel.close());
  return channel;
}

describe('channel to the router', () => {
  it('says hello, carries out a command and sends the receipt', async () => {
    const router = await startRouter();
    open(router.url);
    await vi.waitFor(() => expect(router.messages).toHaveLength(1));
    expect(router.messages[0]).toMatchObject({ kind: 'hello', node: 'node-1', actions: ['container.kill'] });
    router.sockets[0]?.send(JSON.stringify(commandOf('a')));
    await vi.waitFor(() => expect(router.messages[1]).toEqual(receiptOf('a')));
  });

  it('connects anew when the router comes back, and sends again what was not acknowledged', async () => {
    const first = await startRouter();
    const waiting = new Map([['a', receiptOf('a')]]);
    open(first.url, {
      unacknowledged: () => [...waiting.values()],
      acknowledged: (command) => void waiting.delete(command),
    });
    await vi.waitFor(() => expect(first.messages).toHaveLength(2));
    first.close();
    const second = await startRouter(first.port);
    await vi.waitFor(() => expect(second.messages).toHaveLength(2), { timeout: 5_000 });
    expect(second.messages[1]).toEqual(receiptOf('a'));
    second.sockets[0]?.send(JSON.stringify({ version: 1, kind: 'ack', command: 'a' }));
    await vi.waitFor(() => expect(waiting.size).toBe(0));
  });

  it('hands on whether nodes may respond', async () => {
    const router = await startRouter();
    const responding = vi.fn();
    open(router.url, { responding });
    await vi.waitFor(() => expect(router.messages).toHaveLength(1));
    const stop = { since_ms: 1, reason: 'too much', by: 'ann' };
    for (const each of [stop, null])
      router.sockets[0]?.send(JSON.stringify({ version: 1, kind: 'responding', stop: each }));
    await vi.waitFor(() => expect(responding.mock.calls).toEqual([[stop], [undefined]]));
  });

  it('lives on after messages that make no sense', async () => {
    const router = await startRouter();
    const log = vi.fn();
    open(router.url, { log });
    await vi.waitFor(() => expect(router.messages).toHaveLength(1));
    for (const text of ['', 'nonsense', '[]', '{"kind":"command"}', JSON.stringify({ ...commandOf('a'), extra: 1 })])
      router.sockets[0]?.send(text);
    router.sockets[0]?.send(JSON.stringify(commandOf('b')));
    await vi.waitFor(() => expect(router.messages[1]).toEqual(receiptOf('b')));
    expect(log).toHaveBeenCalledTimes(5);
  });

  it('says once that the token is wrong, with the reason, and keeps trying', async () => {
    const router = await startRouter();
    const log = vi.fn();
    const channel = open(router.url, { token: 'wrong', log });
    await vi.waitFor(() => expect(log).toHaveBeenCalled(), { timeout: 5_000 });
    expect(log.mock.calls[0]?.[2]).toEqual({ reason: 'Unexpected server response: 401' });
    expect(channel.isConnected()).toBe(false);
    expect(log).toHaveBeenCalledTimes(1);
  });

  it('closes at once and stays closed', async () => {
    const router = await startRouter();
    const channel = open(router.url);
    await vi.waitFor(() => expect(channel.isConnected()).toBe(true));
    channel.close();
    channel.close();
    const [socket] = router.sockets;
    await vi.waitFor(() => expect(socket?.readyState).toBe(3));
    expect(router.sockets).toHaveLength(1);
  });
});
