import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createAdaptorServer } from '@hono/node-server';

/** A slow or silent client must not hold a connection for ever. */
const limits = { headersTimeout: 10_000, requestTimeout: 30_000, maxHeaderSize: 16_384 };

export type HttpServer = {
  /** Resolves with the URL; rejects when the port is taken. */
  listen(where: { readonly host: string; readonly port: number }): Promise<string>;
  /** Ends open connections too: event streams would never end by themselves. */
  close(): void;
};

/** Serves the application, and hands WebSocket handshakes to `upgrade`. */
export function makeServer(
  fetch: (request: Request) => Response | Promise<Response>,
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): HttpServer {
  const server = createAdaptorServer({ fetch, serverOptions: limits });
  server.on('upgrade', upgrade);
  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          const address = server.address();
          const actual = typeof address === 'object' && address !== null ? address.port : port;
          resolve(`http://${host.includes(':') ? `[${host}]` : host}:${actual}`);
        });
      }),
    close() {
      if ('closeAllConnections' in server) server.closeAllConnections();
      server.close();
    },
  };
}
