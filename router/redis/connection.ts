import { Redis, type RedisOptions } from 'ioredis';
import type { RedisClient, RedisCommand } from '../store/client.ts';

/**
 * How a connection behaves while Redis is away. `producer`: a request of a client waits for it, so it fails fast.
 * `worker`: what it does must not be lost, so it waits as long as it takes.
 */
export type Profile = 'producer' | 'worker';

const profiles = {
  producer: { maxRetriesPerRequest: 1, commandTimeout: 2_000, enableOfflineQueue: false },
  worker: { maxRetriesPerRequest: null },
} as const satisfies Record<Profile, RedisOptions>;

export type Connection = {
  readonly client: RedisClient;
  /** For BullMQ, which knows ioredis only. */
  readonly raw: Redis;
  isReady(): boolean;
  /** May be called twice. */
  close(): void;
};

/** `url`: `redis://`, `rediss://`, `unix://PATH` or a path. Resolves when the connection is ready for commands. */
export async function connect(
  url: string,
  profile: Profile,
  { onError, signal }: { readonly onError: (error: Error) => void; readonly signal: AbortSignal },
): Promise<Connection> {
  const options: RedisOptions = {
    ...profiles[profile],
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: (times) => Math.min(50 * times, 1_000),
    // The embedded Redis may still be loading its file.
    maxLoadingRetryTime: 1_000,
    connectionName: `lanner-${profile}`,
  };
  const path = url.startsWith('unix://') ? url.slice('unix://'.length) : url;
  const raw = path.startsWith('/') ? new Redis({ ...options, path }) : new Redis(url, options);
  raw.on('error', onError);
  const close = () => raw.disconnect();
  try {
    // A queue that is made before the socket is ready stays broken for ever.
    await new Promise<void>((resolve, reject) => {
      raw.once('ready', resolve);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      if (signal.aborted) reject(signal.reason);
    });
  } catch (error) {
    close();
    throw error;
  }
  return { client: toClient(raw), raw, isReady: () => raw.status === 'ready', close };
}

function toClient(raw: Redis): RedisClient {
  return {
    call: ([name, ...args]: RedisCommand | [string], ...rest: never) => raw.call(name, args),
    async batch(commands) {
      return commands;
    },
  };
}
