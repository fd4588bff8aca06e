import { connect, type Socket } from 'node:net';
import type { SendMailOptions, Transporter } from 'nodemailer';
import { decodeLoosely } from './http-settings.ts';

export type SmtpServer = {
  /** smtp or smtps, with or without credentials. */
  readonly url: URL;
  /** Whether a mail may go unencrypted when the server offers no TLS. */
  readonly starttls: 'required' | 'if offered' | 'never';
  /** PEM; `undefined`: the authorities that Node knows. */
  readonly ca?: string | undefined;
  readonly dkim?: { readonly domain: string; readonly selector: string; readonly key: string } | undefined;
};

export type Sent = { readonly accepted: readonly string[]; readonly rejected: readonly string[] };

export type Smtp = {
  /** Rejects when the server does not take it, or the signal aborts; then the connection is closed, too. */
  send(server: SmtpServer, mail: SendMailOptions, signal: AbortSignal, deadlineMs: number): Promise<Sent>;
  close(): void;
};

type Line = {
  readonly transport: Transporter;
  readonly key: string;
  idle: NodeJS.Timeout | undefined;
  /** What is idle keeps no process alive that wants to end. */
  hold(use: 'busy' | 'idle'): void;
  close(): void;
};

/** A connection that was not used for so long is closed; servers do so after minutes. */
const IDLE_MS = 10_000;
/** Mails over one connection: many servers take a hundred. */
const MOST_MAILS = 50;
const MOST_IDLE = 16;

/** Mails over connections that are kept for the next ones. Each mail has one for itself, so that ending it ends no other. */
export function makeSmtp(): Smtp {
  const idle: Line[] = [];
  const forget = (line: Line): void => {
    clearTimeout(line.idle);
    const at = idle.indexOf(line);
    if (at >= 0) idle.splice(at, 1);
    line.close();
  };
  return {
    async send(server, mail, signal, deadlineMs) {
      const key = JSON.stringify([server.url.href, server.starttls, server.ca, server.dkim]);
      const kept = idle.findLast((line) => line.key === key);
      if (kept !== undefined) {
        clearTimeout(kept.idle);
        idle.splice(idle.indexOf(kept), 1);
        kept.hold('busy');
      }
      const line = kept ?? (await openLine(server, key, deadlineMs));
      const abort = (): void => line.close();
      signal.addEventListener('abort', abort, { once: true });
      try {
        signal.throwIfAborted();
        const { accepted, rejected } = await Promise.race([line.transport.sendMail(mail), whenAborted(signal)]);
        line.idle = setTimeout(() => forget(line), IDLE_MS).unref();
        idle.push(line);
        line.hold('idle');
        const [oldest] = idle.length > MOST_IDLE ? idle : [];
        if (oldest !== undefined) forget(oldest);
        return { accepted: (accepted ?? []).map(addressOf), rejected: (rejected ?? []).map(addressOf) };
      } catch (error) {
        line.close();
        throw error;
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
    close() {
      for (const line of [...idle]) forget(line);
    },
  };
}

async function openLine(server: SmtpServer, key: string, deadlineMs: number): Promise<Line> {
  // Loaded with the first e-mail: most routers send none.
  const { createTransport } = await import('nodemailer');
  const { url, starttls, ca, dkim } = server;
  const isTls = url.protocol === 'smtps:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (isTls ? 465 : 587);
  const leftMs = Math.max(1, deadlineMs - Date.now());
  const sockets = new Set<Socket>();
  const transport = createTransport({
    pool: true,
    maxConnections: 1,
    maxMessages: MOST_MAILS,
    maxRequeues: 0,
    host,
    port,
    secure: isTls,
    requireTLS: !isTls && starttls === 'required',
    ignoreTLS: starttls === 'never',
    ...(ca === undefined ? {} : { tls: { ca } }),
    ...(url.username === '' ? {} : { auth: { user: decodeLoosely(url.username), pass: decodeLoosely(url.password) } }),
    ...(dkim === undefined
      ? {}
      : { dkim: { domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkim.key } }),
    greetingTimeout: leftMs,
    socketTimeout: leftMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    // A socket of our own, so that it can be ended at any moment.
    getSocket: (_: unknown, give: (error: Error | null, options?: { connection: Socket }) => void) => {
      const socket = connect({ host, port, noDelay: true });
      sockets.add(socket);
      socket.once('connect', () => give(null, { connection: socket }));
      // Also after the opening, when nobody asks any more: an error without a listener would end the process.
      socket.on('error', give).on('close', () => sockets.delete(socket));
    },
  });
  transport.on('error', () => undefined);
  const close = (): void => {
    transport.close();
    for (const socket of sockets) socket.destroy();
  };
  const hold = (use: 'busy' | 'idle'): void => {
    for (const socket of sockets) {
      if (use === 'busy') socket.ref();
      else socket.unref();
    }
  };
  return { transport, key, idle: undefined, hold, close };
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function addressOf(address: string | { readonly address: string }): string {
  return typeof address === 'string' ? address : address.address;
}
