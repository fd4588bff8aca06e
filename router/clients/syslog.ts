import { createSocket } from 'node:dgram';
import { isIPv6, type Socket } from 'node:net';
import { type Endpoint, openSocket } from './line-socket.ts';

export type SyslogTarget = Endpoint & {
  readonly transport: 'udp' | 'tcp' | 'tls';
  /** RFC 6587: each message after its length, or each on a line. */
  readonly framing: 'octet-counted' | 'lines';
};

export type Syslog = {
  /** Rejects when it cannot be handed to the network. By UDP nobody says whether it arrived. */
  send(target: SyslogTarget, message: string, signal: AbortSignal): Promise<void>;
  close(): void;
};

/** RFC 5426 section 3.2: no more fits into a datagram over IPv4. */
export const MOST_DATAGRAM = 65_507;
const IDLE_MS = 60_000;

/** Connections that are kept: syslog has no answers, so one that the other side has ended must be noticed before. */
export function makeSyslog(): Syslog {
  const open = new Map<string, Promise<Socket>>();
  const socketFor = (target: SyslogTarget, signal: AbortSignal): Promise<Socket> => {
    const key = JSON.stringify([target.host, target.port, target.tls]);
    const found = open.get(key);
    if (found !== undefined) return found;
    const opening = openSocket(target, signal);
    open.set(key, opening);
    const forget = (): void => {
      if (open.get(key) === opening) open.delete(key);
    };
    opening.then((socket) => {
      socket.unref();
      // A server says nothing; if it does, or ends, what follows would be lost.
      socket.on('end', () => socket.destroy()).on('close', forget);
      socket.on('error', forget).setTimeout(IDLE_MS, () => socket.destroy());
      socket.resume();
    }, forget);
    return opening;
  };
  return {
    async send(target, message, signal) {
      const bytes = Buffer.from(message);
      if (target.transport === 'udp') return sendDatagram(target, bytes);
      const socket = await socketFor(target, signal);
      const head = target.framing === 'lines' ? '' : `${bytes.length} `;
      const tail = target.framing === 'lines' ? '\n' : '';
      await write(socket, Buffer.concat([Buffer.from(head), bytes, Buffer.from(tail)]), signal);
    },
    close() {
      for (const opening of open.values()) {
        opening.then(
          (socket) => socket.destroy(),
          () => undefined, // It never opened.
        );
      }
      open.clear();
    },
  };
}

function sendDatagram({ host, port }: SyslogTarget, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    socket.once('error', reject);
    socket.send(bytes, port, host, (error) => {
      socket.close();
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function write(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      // Half a message may be on its way: what follows would be read as part of it.
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.write(bytes, (error) => {
      signal.removeEventListener('abort', abort);
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}
