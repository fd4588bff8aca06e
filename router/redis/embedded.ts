import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startTicks, takeLock } from '#rules/cli/lock';
import type { Log } from '#rules/cli/log';
import { makeFolder } from '#rules/cli/make-folder';

/** Longest path of a unix socket, less its NUL (unix(7), sun_path). */
const MOST_SOCKET_PATH = 107;
const START_MS = 15_000;
const ADOPT_MS = START_MS;
const STOP_MS = 1_000;
const KILL_MS = 5_000;
const MAX_MEMORY = '512mb';
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
  makeFolder(folder);
  const socket = socketPath(folder);
  const lock = takeLock(join(folder, 'lock'));
  if (!lock.ok)
    return {
      ok: false,
      kind: 'locked',
      reason: `another router (process ${lock.owner}) uses ${folder}; stop it or choose another --data folder`,
    };
  const server = new Server(program, folder, socket, log);
  const adopted = await server.adopt();
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
  makeFolder(short);
  return join(short, 'redis.sock');
}

/** redis.conf: reachable through the socket only, and an answer means that the write is on disk. */
function configuration(folder: string, socket: string): string {
  return [
    'port 0',
    `unixsocket "${socket}"`,
    'unixsocketperm 700',
    `dir "${folder}"`,
    `pidfile "${pidFile(folder)}"`,
    'appendonly yes',
    'appendfsync always',
    'aof-load-truncated yes',
    'save ""',
    // Without it there is nothing that the share at which alerts are refused (memory.ts) could be a share of.
    `maxmemory ${MAX_MEMORY}`,
    'maxmemory-policy noeviction',
    'daemonize no',
    'loglevel warning',
    '',
  ].join('\n');
}

/** A process, and its start time, because pids are used again. */
type ServerProcess = { readonly pid: number; readonly ticks: string };

const pidFile = (folder: string): string => join(folder, 'redis.pid');

/** The server that works in this folder, whoever started it, and whether or not it answers now. */
function findProcess(folder: string): ServerProcess | undefined {
  try {
    const pid = Number(readFileSync(pidFile(folder), 'utf8'));
    const name = readFileSync(`/proc/${pid}/comm`, 'latin1');
    if (!/^(redis|valkey)/.test(name) || readlinkSync(`/proc/${pid}/cwd`) !== realpathSync(folder)) return undefined;
    const ticks = startTicks(pid);
    return ticks === '' ? undefined : { pid, ticks };
  } catch {
    return undefined; // It never ran here, or has ended.
  }
}

/** Every answered write is on disk, so a killed server loses nothing. Resolves when it is gone. */
async function end({ pid, ticks }: ServerProcess, signal: NodeJS.Signals, withinMs: number): Promise<void> {
  const deadlineMs = Date.now() + withinMs;
  if (startTicks(pid) === ticks) process.kill(pid, signal);
  while (startTicks(pid) === ticks) {
    if (Date.now() > deadlineMs) {
      if (signal === 'SIGKILL') throw new Error(`Redis, process ${pid}, cannot be killed`);
      return end({ pid, ticks }, 'SIGKILL', withinMs);
    }
    await sleep(5);
  }
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

  /** Takes on the server that a killed router left behind, also while it still loads its file. */
  async adopt(): Promise<boolean> {
    const deadlineMs = Date.now() + ADOPT_MS;
    while (findProcess(this.#folder) !== undefined && Date.now() < deadlineMs) {
      if (await answers(this.#socket)) return true;
      await sleep(15);
    }
    return false;
  }

  /** Resolves when it answers; else with the reason why not. */
  async start(): Promise<string | undefined> {
    // Two servers over one append-only file would spoil it: whichever still runs here goes first.
    const before = findProcess(this.#folder);
    if (before !== undefined) await end(before, 'SIGKILL', KILL_MS);
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
    const isGone = !isAlive && findProcess(this.#folder) === undefined;
    if (this.#missed >= PINGS_MISSED || isGone) return this.#restart(isGone ? 'it ended' : 'it does not answer');
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
    // SIGTERM: it writes and syncs its file, then ends.
    const running = findProcess(this.#folder);
    if (running !== undefined) await end(running, 'SIGTERM', STOP_MS);
    // One that was only being started, and had no pid file yet.
    else this.#child?.kill('SIGTERM');
  }
}
