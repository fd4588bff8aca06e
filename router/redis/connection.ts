import { Redis, type RedisOptions } from 'ioredis';
import type { Log } from '#rules/cli/log';

/** A connection; the other folders know ioredis by this name only. */
export type { Redis } from 'ioredis';

/** Where Redis listens: a unix socket (the embedded one) or a URL. */
export type RedisAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

/**
 * `request`: somebody waits for an answer, so fail soon. `worker`: BullMQ's workers and subscriptions wait for as long
 * as it takes. The two are never shared: a blocked worker connection would hold up requests.
 */
export type ConnectionUse = 'request' | 'worker';

const profiles = {
  request: { maxRetriesPerRequest: 1, commandTimeout: 2_000, enableOfflineQueue: false },
  worker: { maxRetriesPerRequest: null },
} as const satisfies Record<ConnectionUse, RedisOptions>;

/** Opens a connection. Errors are logged once until it is ready again; ioredis reconnects by itself, within 1 s. */
export function connect(address: RedisAddress, use: ConnectionUse, log: Log): Redis {
  const options = {
    ...profiles[use],
    lazyConnect: false,
    // A socket that does not close by itself is closed for it; ioredis waits 2 s, and keeps the process alive meanwhile.
    disconnectTimeout: 50,
    retryStrategy: (tries: number) => Math.min(50 * tries, 1_000),
  };
  const redis = new Redis(address.kind === 'socket' ? address.path : address.url, options);
  let isSaid = false;
  redis.on('error', (error: Error) => {
    if (isSaid) return;
    isSaid = true;
    log('warn', 'no connection to Redis', { use, reason: error.message });
  });
  redis.on('ready', () => {
    isSaid = false;
  });
  return redis;
}

/** A queue that is built before its connection is ready stays broken, so wait for that first. */
export async function whenReady(redis: Redis, withinMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off('ready', ready);
      reject(new Error(`Redis was not ready within ${withinMs} ms`));
    }, withinMs);
    const ready = (): void => {
      clearTimeout(timer);
      resolve();
    };
    redis.once('ready', ready);
  });
}
