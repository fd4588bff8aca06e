import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TlsSettings } from './http.ts';

export type Endpoint = { readonly host: string; readonly port: number; readonly tls?: TlsSettings | undefined };

/** Opens a connection; rejects with the reason, or the signal's. Errors after that are the socket's own to tell. */
export function openSocket({ host, port, tls }: Endpoint, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined
        ? connect({ host, port, noDelay: true })
        : connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...tls });
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', abort);
      act();
    };
    const abort = (): void => {
      socket.destroy();
      settle(() => reject(signal.reason));
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => settle(() => resolve(socket)));
    socket.on('error', (error) => settle(() => reject(error)));
  });
}
