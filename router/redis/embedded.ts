import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Log } from '#rules/cli/log';
import { takeLock } from './lock.ts';

/** Longest path of a unix socket, less its NUL (unix(7), sun_path). */
const MOST_SOCKET_PATH = 107;
const START_MS = 15_000;
const PING_MS = 2_000;
const PINGS_MISSED = 5;

export type EmbeddedRedis = {
  readonly socket: string;
  /** Stops the server with everything on disk; may be called twice. */
  close(): Promise<void>;
};

export type EmbeddedStart =
  | { readonly ok: true; readonly redis: EmbeddedRedis; readonly how: 'started' | 'adopted' }
  | { readonly ok: false; readonly reason: string; readonly kind: 'missing' | 'locked' | 'failed' };

/**
 * A Redis of our own in the data folder: started here, or adopted when the router before us died and left it running.
 * It is watched: one that dies or stops answering is started again over the same append-only file.
 */
export async function startEmbedded(data: string, log: Log): Promise<EmbeddedStart> {
  const program = findServer();
  if (program === undefined) {
    const reason =
      'neither redis-server nor valkey-server is on the PATH; install one (apt-get install redis-server) or name a server with --redis URL';
    return { ok: false, kind: 'missing', reason };
  }
  const folder = resolve(data, 'redis');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const socket = socketPath(folder);
  const lock = takeLock(join(folder, 'lock'));
  if (!lock.ok)
    return {
      ok: false,
      kind: 'locked',
      reason: `another router (process ${lock.owner}) uses ${folder}; stop it or choose another --data folder`,
    };
  const adopted = await answers(socket);
  const server = new Server(program, folder, socket, log);
  if (!adopted) {
    const failure = await server.start();
    if (failure !== undefined) {
      lock.release();
      return { ok: false, kind: 'failed', reason: `${program} did not start: ${failure}` };
    }
  }
  server.watch();
  const close = async (): Promise<void> => {
    await server.stop();
    lock.release();
  };
  return { ok: true, redis: { socket, close }, how: adopted ? 'adopted' : 'started' };
}

function findServer(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/bin', '/usr/local/bin'];
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of folders) {
      const path = join(folder || '.', name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

function socketPath(folder: string): string {
  const path = join(folder, 'redis.sock');
  if (path.length <= MOST_SOCKET_PATH) return path;
  const short = `/run/lanner-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`;
  mkdirSync(short, { recursive: true, mode: 0o700 });
  return join(short, 'redis.sock');
}

/** redis.conf: reachable through the socket only, and an answer means that the write is on disk. */
function configuration(folder: string, socket: string): string {
  return [
    'port 0',
    `unixsocket "${socket}"`,
    'unixsocketperm 700',
    `dir "${folder}"`,
    'appendonly yes',
    'appendfsync always',
    'aof-load-truncated yes',
    'save ""',
    'maxmemory-policy noeviction',
    'daemonize no',
    'loglevel warning',
    '',
  ].join('\n');
}

async function answers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false;
  const redis = new Redis(socket, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 1_000,
    commandTimeout: 1_000,
    disconnectTimeout: 50,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

/** Owns the server process, or the knowledge of an adopted one. */
class Server {
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;
  #missed = 0;
  readonly #program: string;
  readonly #folder: string;
  readonly #socket: string;
  readonly #log: Log;

  constructor(program: string, folder: string, socket: string, log: Log) {
    this.#program = program;
    this.#folder = folder;
    this.#socket = socket;
    this.#log = log;
  }

  /** Resolves when it answers; else with the reason why not. */
  async start(): Promise<string | undefined> {
    // A session of its own: a Ctrl-C on the terminal reaches us, and we stop it when the last write is done.
    const child = spawn(this.#program, ['-'], { cwd: this.#folder, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#child = child;
    let said = '';
    let ended: string | undefined;
    const collect = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-2_000);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.stdin?.on('error', () => undefined);
    child.on('error', (error) => {
      ended = error.message;
    });
    child.on('exit', (code, name) => {
      ended = `it ended with ${name ?? code}: ${said.trim().split('\n').at(-1) ?? ''}`;
    });
    child.stdin?.end(configuration(this.#folder, this.#socket));
    const deadlineMs = Date.now() + START_MS;
    while (Date.now() < deadlineMs) {
      if (ended !== undefined) return ended;
      if (await answers(this.#socket)) return undefined;
      await sleep(15);
    }
    return `no answer within ${START_MS / 1_000} s`;
  }

  watch(): void {
    this.#timer = setTimeout(() => void this.#check(), PING_MS);
    this.#timer.unref();
    this.#child?.once('exit', () => {
      clearTimeout(this.#timer);
      if (!this.#isStopping) void this.#restart('it ended');
    });
  }

  async #check(): Promise<void> {
    const isAlive = await answers(this.#socket);
    this.#missed = isAlive ? 0 : this.#missed + 1;
    if (this.#isStopping) return;
    if (this.#missed >= PINGS_MISSED || (this.#missed > 0 && this.#child === undefined))
      return this.#restart('it does not answer');
    this.#timer = setTimeout(() => void this.#check(), PING_MS);
    this.#timer.unref();
  }

  async #restart(reason: string): Promise<void> {
    this.#log('error', 'Redis is started again', { reason });
    this.#missed = 0;
    this.#child?.removeAllListeners('exit');
    this.#child?.kill('SIGKILL');
    for (let tries = 0; !this.#isStopping; tries++) {
      const failure = await this.start();
      if (failure === undefined) break;
      this.#log('error', 'Redis does not start', { reason: failure });
      await sleep(Math.min(100 * 2 ** tries, 5_000));
    }
    if (!this.#isStopping) this.watch();
  }

  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const redis = new Redis(this.#socket, {
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      // Redis has closed the socket by then, and ioredis would still wait 2 s for that, and keep the process alive.
      disconnectTimeout: 50,
    });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      // SHUTDOWN writes and syncs the append-only file, then the connection ends without an answer.
      await redis.call('SHUTDOWN', 'NOSAVE').catch(() => undefined);
    } catch {
      this.#child?.kill('SIGTERM');
    } finally {
      redis.disconnect();
    }
    for (let waitedMs = 0; waitedMs < 1_000 && existsSync(this.#socket); waitedMs += 10) await sleep(10);
  }
}
