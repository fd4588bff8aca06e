import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CHANNEL_VERSION, fromNodeSchema, type Hello, type NodeCommand, type Stop } from '#playbooks/command';
import type { Log } from '#rules/cli/log';
import type { Outbox } from './outbox.ts';
import type { NodeRecord, NodeRegistry } from './registry.ts';
import type { Responding } from './responding.ts';

const CHANNEL_PATH = '/api/nodes/channel';

const MOST_MESSAGE_BYTES = 256 * 1024;
const MOST_NODES = 5_000;
const HELLO_MS = 5_000;
const PING_MS = 10_000;
/** Commands are sent again after so long without a receipt; the node recognises repeats. */
const SWEEP_MS = 2_000;
const REPEAT_MS = 5_000;

export type ChannelOptions = {
  readonly outbox: Outbox;
  readonly registry: NodeRegistry;
  readonly responding: Pick<Responding, 'current' | 'onChange'>;
  /** The commit that is used; nodes fetch its rules. */
  readonly revision: {
    readonly current: () => string | undefined;
    readonly onChange: (listener: (commit: string) => void) => () => void;
  };
  readonly isAllowed: (authorization: string | undefined) => boolean;
  readonly log: Log;
  readonly nowMs: () => number;
};

export type NodeChannel = {
  /** Takes over an HTTP upgrade; answers 401 or 404 on the socket where it is not for a node. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  connected(): number;
  close(): void;
};

/** The router's end of the sockets that agents open: commands go out, receipts come in and are acknowledged. */
export function makeChannel(options: ChannelOptions): NodeChannel {
  const { isAllowed, log } = options;
  const server = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES, perMessageDeflate: false });
  // A node that comes back may have its new socket before its old one is given up.
  const current = new Map<string, WebSocket>();
  return {
    upgrade(request, socket, head) {
      socket.on('error', () => undefined);
      const path = new URL(request.url ?? '/', 'http://router').pathname;
      if (path !== CHANNEL_PATH) return refuse(socket, '404 Not Found');
      if (!isAllowed(request.headers.authorization)) return refuse(socket, '401 Unauthorized');
      if (server.clients.size >= MOST_NODES) return refuse(socket, '503 Service Unavailable');
      server.handleUpgrade(request, socket, head, (opened) => serve(opened, current, options));
    },
    connected: () => server.clients.size,
    close() {
      for (const client of server.clients) client.terminate();
      server.close();
      log('debug', 'the node channel is closed');
    },
  };
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function serve(socket: WebSocket, current: Map<string, WebSocket>, options: ChannelOptions): void {
  const { outbox, registry, responding, revision, log, nowMs } = options;
  let rules: NodeRecord['rules'];
  const sentMs = new Map<string, number>();
  let hello: Hello | undefined;
  let isHeard = true;
  let changedMs = nowMs();
  let forget: () => void = () => undefined;
  const greeting = setTimeout(() => socket.close(1008, 'no hello'), HELLO_MS);

  const drain = async (): Promise<void> => {
    if (hello === undefined) return;
    for (const { command } of await outbox.waiting(hello.node)) sendCommand(command);
  };
  const sendCommand = (command: NodeCommand): void => {
    if (nowMs() - (sentMs.get(command.id) ?? 0) < REPEAT_MS) return;
    sentMs.set(command.id, nowMs());
    socket.send(JSON.stringify(command));
  };
  // Redis away: the commands stay where they are and the sweep comes back.
  const drainSafely = (): void =>
    void drain().catch((error) => log('warn', 'commands wait for Redis', { reason: String(error) }));
  const sweep = setInterval(drainSafely, SWEEP_MS);
  const ping = setInterval(() => {
    if (!isHeard) return socket.terminate();
    isHeard = false;
    socket.ping();
    note(true);
  }, PING_MS);

  const note = (connected: boolean): void => {
    if (hello === undefined) return;
    const { node, agent_version: agentVersion, boot_id: bootId, actions } = hello;
    registry
      .put({ node, agentVersion, bootId, actions, connected, changedMs, seenMs: nowMs(), ...(rules && { rules }) })
      .catch((error) => log('warn', 'a node could not be entered', { node, reason: String(error) }));
  };

  const tellResponding = (stop: Stop | undefined): void => {
    if (hello === undefined) return;
    socket.send(JSON.stringify({ version: CHANNEL_VERSION, kind: 'responding', stop: stop ?? null }));
  };
  const ignoreResponding = responding.onChange(tellResponding);
  const tellRevision = (commit: string | undefined): void => {
    if (hello === undefined || commit === undefined) return;
    socket.send(JSON.stringify({ version: CHANNEL_VERSION, kind: 'revision', commit }));
  };
  const ignoreRevision = revision.onChange(tellRevision);

  socket.on('pong', () => {
    isHeard = true;
  });
  socket.on('message', async (data) => {
    isHeard = true;
    const message = readMessage(String(data));
    if (message === undefined || (message.kind !== 'hello' && hello === undefined)) {
      log('warn', 'a node sent a message of unknown form', { node: hello?.node });
      return socket.close(1008, 'unknown message');
    }
    if (message.kind === 'hello') {
      clearTimeout(greeting);
      forget();
      hello = message;
      changedMs = nowMs();
      current.set(message.node, socket);
      forget = outbox.onWake(message.node, (command) => (command === undefined ? drainSafely() : sendCommand(command)));
      note(true);
      log('info', 'a node is connected', { node: message.node });
      // Before the first command: one that was waiting must not slip through.
      tellResponding(responding.current());
      tellRevision(revision.current());
      return drainSafely();
    }
    if (message.kind === 'rules') {
      const { commit, ok, problem } = message;
      rules = { commit, ok, ...(problem !== undefined && { problem }) };
      if (!ok) log('warn', 'a node does not use the rules of the commit', { node: hello?.node, commit, problem });
      return note(true);
    }
    try {
      await outbox.settle(hello?.node ?? '', message);
      sentMs.delete(message.command);
      socket.send(JSON.stringify({ version: CHANNEL_VERSION, kind: 'ack', command: message.command }));
    } catch (error) {
      // Not acknowledged, so the node sends it again.
      log('warn', 'a receipt could not be stored', { node: hello?.node, reason: String(error) });
    }
  });
  socket.on('error', (error) => log('debug', 'a node channel failed', { node: hello?.node, reason: error.message }));
  socket.on('close', () => {
    clearTimeout(greeting);
    clearInterval(sweep);
    clearInterval(ping);
    forget();
    ignoreResponding();
    ignoreRevision();
    if (hello === undefined || current.get(hello.node) !== socket) return;
    current.delete(hello.node);
    changedMs = nowMs();
    note(false);
    log('warn', 'a node has gone', { node: hello.node });
  });
}

function readMessage(text: string) {
  try {
    const read = fromNodeSchema.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
