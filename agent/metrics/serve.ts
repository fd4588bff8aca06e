import { chmodSync, existsSync, rmSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { builtin } from '#rules/cli/builtin';
import type { Log } from '#rules/cli/log';
import { makeFolder } from '#rules/cli/make-folder';
import type { ListenAddress } from '../config/limits.ts';

/** Somebody who asks and does not read holds a connection, no more. */
const MOST_CONNECTIONS = 16;
const REQUEST_MS = 5_000;
/** Longer paths of sockets do not fit into `struct sockaddr_un` (unix(7)). */
const MOST_PATH_BYTES = 107;

export const socketPath = (dataFolder: string): string => join(dataFolder, 'agent.sock');

export type MetricsServer = { close(): void };

export type ServeOptions = {
  readonly render: () => string;
  readonly dataFolder: string;
  readonly listen: ListenAddress | undefined;
  readonly log: Log;
};

/**
 * `GET /metrics` on a socket in the data folder, for root alone, and over TCP where the configuration asks for it. The agent
 * watches on whatever fails here: it is told in the log.
 */
export async function serveMetrics({ render, dataFolder, listen, log }: ServeOptions): Promise<MetricsServer> {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  let http: HttpServer | undefined;
  // HTTP is loaded for the first who asks: it takes 14 MB, and most agents are never asked.
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    http ??= makeHttp(render);
    http.emit('connection', socket);
  };
  const open = async (where: string, begin: (server: Server, done: () => void) => void) => {
    const server = createServer(serve);
    server.maxConnections = MOST_CONNECTIONS;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        begin(server, resolve);
      });
      server.on('error', (error) => log('warn', 'metrics: a connection failed', { reason: error.message }));
      server.unref();
      servers.push(server);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log('warn', `metrics cannot be asked for at ${where}`, { reason });
    }
  };
  const path = socketPath(dataFolder);
  if (await isFree(path, dataFolder)) {
    await open(path, (server, done) => {
      server.listen(path, () => {
        chmodSync(path, 0o600);
        done();
      });
    });
  }
  if (listen !== undefined) {
    await open(`${listen.host}:${listen.port}`, (server, done) => server.listen(listen.port, listen.host, done));
  }
  return {
    close() {
      for (const server of servers.splice(0)) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function makeHttp(render: () => string): HttpServer {
  const settings = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS };
  return builtin.http.createServer(settings, (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', connection: 'close' });
    response.end(render());
  });
}

/** Takes away what an agent that was killed left behind. Not free: another one answers there, or the folder cannot be used. */
async function isFree(path: string, dataFolder: string): Promise<boolean> {
  if (Buffer.byteLength(path) > MOST_PATH_BYTES) return false;
  try {
    makeFolder(dataFolder);
    if (existsSync(path) && (await askMetrics({ socketPath: path })) !== undefined) return false;
    rmSync(path, { force: true });
    return true;
  } catch {
    return false; // A disk that is full or read-only: the agent goes on without.
  }
}

/** Most of what an agent with ten thousand rules would say. */
const MOST_ANSWER_BYTES = 16 * 1024 * 1024;

/** The text of a running agent; `undefined`: none answers. */
export function askMetrics(where: { readonly socketPath: string }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = builtin.http.get({ ...where, path: '/metrics', timeout: REQUEST_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > MOST_ANSWER_BYTES) request.destroy();
      });
      response.on('end', () => resolve(response.statusCode === 200 ? text : undefined));
      response.on('error', () => resolve(undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}
