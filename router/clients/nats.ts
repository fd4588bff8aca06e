import { randomUUID } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TlsSettings } from './http.ts';
import { openSocket } from './line-socket.ts';

export type NatsServer = {
  /** nats or tls. */
  readonly url: URL;
  readonly tls?: TlsSettings | undefined;
  readonly token?: string | undefined;
};

export type NatsMessage = {
  readonly subject: string;
  readonly id: string;
  readonly body: Buffer;
  /** `stream`: JetStream says that it is stored; `server`: the server has it, whoever listens. */
  readonly acknowledged: 'stream' | 'server';
};

/** What the server refused, and whether trying again can help. */
export class NatsError extends Error {
  readonly retry: boolean;
  constructor(message: string, retry: boolean) {
    super(message);
    this.retry = retry;
  }
}

export type Nats = {
  publish(server: NatsServer, message: NatsMessage, signal: AbortSignal): Promise<void>;
  close(): void;
};

type Line = {
  publish(message: NatsMessage, signal: AbortSignal): Promise<void>;
  close(): void;
};

const MOST_BUFFER = 1_048_576;

/** A client of as much of the NATS protocol as publishing needs; one connection a server, kept. */
export function makeNats(): Nats {
  const open = new Map<string, Promise<Line>>();
  return {
    async publish(server, message, signal) {
      const key = JSON.stringify([server.url.href, server.tls, server.token]);
      const forget = (): void => void open.delete(key);
      const opening = open.get(key) ?? openLine(server, signal, forget);
      open.set(key, opening);
      opening.catch(forget);
      const line = await opening;
      await line.publish(message, signal);
    },
    close() {
      for (const opening of open.values()) {
        opening.then(
          (line) => line.close(),
          () => undefined, // It never opened.
        );
      }
      open.clear();
    },
  };
}

async function openLine({ url, tls, token }: NatsServer, signal: AbortSignal, closed: () => void): Promise<Line> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const plain = await openSocket({ host, port: Number(url.port) || 4_222 }, signal);
  const abort = (): void => void plain.destroy(new Error('too late'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    const first = makeReader(plain);
    const info = await first.next();
    if (!info.line.startsWith('INFO ')) throw new NatsError('the server does not speak NATS', false);
    first.stop();
    const socket = url.protocol === 'tls:' ? await upgrade(plain, host, tls ?? {}) : plain;
    const reader = makeReader(socket);
    const options = {
      verbose: false,
      pedantic: false,
      headers: true,
      no_responders: true,
      lang: 'lanner',
      version: '0.1.0',
      name: 'lanner',
      ...(url.username === ''
        ? {}
        : { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }),
      ...(token === undefined ? {} : { auth_token: token }),
    };
    socket.write(`CONNECT ${JSON.stringify(options)}\r\nPING\r\n`);
    const answer = await reader.next();
    if (answer.line !== 'PONG') throw new NatsError(answer.line, !/authoriz/i.test(answer.line));
    return makeLine(socket, reader, closed);
  } catch (error) {
    plain.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function upgrade(plain: Socket, host: string, tls: TlsSettings): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ socket: plain, host, ...(isIP(host) === 0 ? { servername: host } : {}), ...tls }, () =>
      resolve(socket),
    );
    socket.on('error', reject);
    plain.on('close', () => reject(new Error('the connection was closed')));
  });
}

type Waiter = { readonly resolve: () => void; readonly reject: (error: Error) => void };

function makeLine(socket: Socket, reader: Reader, closed: () => void): Line {
  const inbox = `_INBOX.${randomUUID().replaceAll('-', '')}`;
  const stored = new Map<string, Waiter>();
  const ponged: Waiter[] = [];
  let count = 0;
  const fail = (error: Error): void => {
    closed();
    socket.destroy();
    for (const waiter of [...stored.values(), ...ponged.splice(0)]) waiter.reject(error);
    stored.clear();
  };
  const take = ({ line, payload }: Frame): void => {
    if (line === 'PING') socket.write('PONG\r\n');
    else if (line === 'PONG') ponged.shift()?.resolve();
    else if (line.startsWith('-ERR'))
      fail(new NatsError(line.slice(5), !/permission|authoriz|maximum payload/i.test(line)));
    else if (/^H?MSG /.test(line)) {
      const subject = line.split(' ')[1] ?? '';
      const waiter = stored.get(subject);
      stored.delete(subject);
      const refusal = refusalOf(line, payload);
      if (refusal === undefined) waiter?.resolve();
      else waiter?.reject(refusal);
    }
  };
  const pump = async (): Promise<void> => {
    for (;;) take(await reader.next());
  };
  pump().catch(fail);
  socket.write(`SUB ${inbox}.* 1\r\n`);
  socket.unref();
  return {
    publish({ subject, id, body, acknowledged }, signal) {
      return new Promise((resolve, reject) => {
        count += 1;
        const reply = `${inbox}.${count}`;
        const abort = (): void => {
          stored.delete(reply);
          reject(signal.reason);
        };
        const settle = (act: () => void): void => {
          signal.removeEventListener('abort', abort);
          act();
        };
        const waiter = { resolve: () => settle(resolve), reject: (error: Error) => settle(() => reject(error)) };
        signal.addEventListener('abort', abort, { once: true });
        const head = Buffer.from(`NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`);
        const to = acknowledged === 'stream' ? `${subject} ${reply}` : subject;
        if (acknowledged === 'stream') stored.set(reply, waiter);
        else ponged.push(waiter);
        const size = head.length + body.length;
        const words = [Buffer.from(`HPUB ${to} ${head.length} ${size}\r\n`), head, body, Buffer.from('\r\n')];
        socket.write(Buffer.concat(acknowledged === 'stream' ? words : [...words, Buffer.from('PING\r\n')]));
      });
    },
    close: () => fail(new Error('closed')),
  };
}

/** JetStream answers with JSON; a server without a stream for the subject, with a status in the header. */
function refusalOf(line: string, payload: string): NatsError | undefined {
  if (line.startsWith('HMSG') && /^NATS\/1\.0 503/.test(payload))
    return new NatsError('no stream takes this subject', true);
  try {
    const answer: unknown = JSON.parse(payload);
    const error: unknown = Object(answer).error;
    if (error === undefined) return undefined;
    const code = Number(Object(error).code);
    return new NatsError(String(Object(error).description), code >= 500 || code === 429);
  } catch {
    return new NatsError('an answer that is no acknowledgement', true);
  }
}

type Frame = { readonly line: string; readonly payload: string };
type Reader = { next(): Promise<Frame>; stop(): void };

/** Lines, and what follows those of messages. Rejects when the connection ends. */
function makeReader(socket: Socket): Reader {
  let held = Buffer.alloc(0);
  let ended: Error | undefined;
  let wake: (() => void) | undefined;
  const data = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk]);
    if (held.length > MOST_BUFFER) socket.destroy(new Error('the server says too much'));
    wake?.();
  };
  const end = (error?: Error | boolean): void => {
    ended ??= error instanceof Error ? error : new Error('the connection was closed');
    wake?.();
  };
  socket.on('data', data).on('error', end).on('close', end);
  const read = (): Frame | undefined => {
    const at = held.indexOf('\r\n');
    if (at < 0) return undefined;
    const line = held.subarray(0, at).toString();
    const length = /^H?MSG /.test(line) ? Number(line.split(' ').at(-1)) + 2 : 0;
    if (held.length < at + 2 + length) return undefined;
    const payload = held.subarray(at + 2, at + 2 + Math.max(0, length - 2)).toString();
    held = held.subarray(at + 2 + length);
    return { line, payload };
  };
  return {
    async next() {
      for (;;) {
        const frame = read();
        if (frame !== undefined) return frame;
        if (ended !== undefined) throw ended;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    stop() {
      socket.off('data', data);
    },
  };
}
