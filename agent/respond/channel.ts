import type { WebSocket } from 'ws';
import { CHANNEL_VERSION, fromRouterSchema, type NodeCommand, type Receipt, type Stop } from '#playbooks/command';
import type { Log } from '#rules/cli/log';

/** A router that says nothing for this long is taken for dead; it pings every few seconds. */
const SILENCE_MS = 30_000;
const PING_MS = 10_000;
const MOST_WAIT_MS = 10_000;
const MOST_MESSAGE_BYTES = 256 * 1024;
/** Commands carried out at the same time; further ones wait in the router's outbox. */
const MOST_AT_ONCE = 32;

export type ChannelOptions = {
  readonly url: URL;
  readonly token: string;
  readonly node: string;
  readonly agentVersion: string;
  readonly bootId: string;
  readonly actions: readonly string[];
  readonly perform: (command: NodeCommand) => Promise<Receipt>;
  /** Receipts of earlier that the router has not acknowledged; sent again after each connect. */
  readonly unacknowledged: () => readonly Receipt[];
  readonly acknowledged: (command: string) => void;
  /** The router's word on whether nodes may respond. */
  readonly responding: (stop: Stop | undefined) => void;
  /** The commit that the router uses; resolves with what it is told about its rules. */
  readonly revision: (commit: string) => Promise<{ readonly ok: boolean; readonly problem?: string }>;
  readonly log: Log;
};

export type Channel = { isConnected(): boolean; close(): void };

/** Keeps one WebSocket to the router open: commands come in, receipts go out until they are acknowledged. */
export function openChannel(options: ChannelOptions): Channel {
  const { url, token, log } = options;
  const target = new URL('/api/nodes/channel', url);
  target.protocol = target.protocol === 'https:' ? 'wss:' : 'ws:';
  let socket: WebSocket | undefined;
  let retry: NodeJS.Timeout | undefined;
  let failures = 0;
  let closed = false;
  let running = 0;

  const connect = async (): Promise<void> => {
    // Loads node:http and more, 14 MB that an agent without a router does not need.
    const { WebSocket: Socket } = await import('ws');
    if (closed) return;
    const opened = new Socket(target, {
      headers: { authorization: `Bearer ${token}` },
      maxPayload: MOST_MESSAGE_BYTES,
      handshakeTimeout: 5_000,
      perMessageDeflate: false,
    });
    socket = opened;
    let heardMs = Date.now();
    let reason = 'closed';
    const watch = setInterval(() => {
      if (Date.now() - heardMs > SILENCE_MS) opened.terminate();
      else if (opened.readyState === opened.OPEN) opened.ping();
    }, PING_MS);
    opened.on('pong', () => {
      heardMs = Date.now();
    });
    opened.on('ping', () => {
      heardMs = Date.now();
    });
    opened.on('open', () => {
      if (failures > 1) log('info', 'the channel to the router is open again');
      failures = 0;
      heardMs = Date.now();
      const { node, agentVersion, bootId, actions } = options;
      send(opened, {
        version: CHANNEL_VERSION,
        kind: 'hello',
        node,
        agent_version: agentVersion,
        boot_id: bootId,
        actions,
      });
      for (const receipt of options.unacknowledged()) send(opened, receipt);
    });
    opened.on('message', (data) => {
      heardMs = Date.now();
      void receive(String(data));
    });
    opened.on('error', (error) => {
      reason = error.message;
    });
    opened.on('close', () => {
      clearInterval(watch);
      if (closed) return;
      failures++;
      if (failures === 2) log('warn', 'no channel to the router; commands cannot reach this node', { reason });
      const waitMs = Math.min(MOST_WAIT_MS, 100 * 2 ** Math.min(failures, 7)) * (0.5 + Math.random() / 2);
      retry = setTimeout(() => void connect(), waitMs);
    });
  };

  const receive = async (text: string): Promise<void> => {
    const message = readMessage(text);
    if (message === undefined) {
      log('warn', 'the router sent a message of unknown form; is it of another version?', { bytes: text.length });
      return;
    }
    if (message.kind === 'ack') return options.acknowledged(message.command);
    if (message.kind === 'responding') return options.responding(message.stop ?? undefined);
    if (message.kind === 'revision') {
      const { commit } = message;
      const report = await options.revision(commit);
      if (isOpen(socket)) send(socket, { version: CHANNEL_VERSION, kind: 'rules', commit, ...report });
      return;
    }
    if (running >= MOST_AT_ONCE) return; // The router's sweep sends it again.
    running++;
    const receipt = await options.perform(message).finally(() => running--);
    // The socket may be another one by now; without any, the receipt goes with the next `hello`.
    if (isOpen(socket)) send(socket, receipt);
  };

  void connect();
  return {
    isConnected: () => isOpen(socket),
    close() {
      closed = true;
      clearTimeout(retry);
      socket?.close(1000);
      setTimeout(() => socket?.terminate(), 200).unref();
    },
  };
}

const isOpen = (socket: WebSocket | undefined): socket is WebSocket =>
  socket !== undefined && socket.readyState === socket.OPEN;

function readMessage(text: string) {
  try {
    const read = fromRouterSchema.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}

function send(socket: WebSocket, message: object): void {
  socket.send(JSON.stringify(message));
}
