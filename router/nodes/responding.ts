import { type Stop, stopSchema } from '#playbooks/command';
import type { Redis } from '../redis/connection.ts';
import { keys } from '../store/keys.ts';

/** Pub/sub only wakes; whoever missed the word hears it no later than this. */
const SWEEP_MS = 500;

/** Whether nodes may respond: one word for all routers over one Redis, and through them for all nodes. */
export type Responding = {
  /** As Redis had it last; `undefined`: they may. */
  current(): Stop | undefined;
  /** Resolves when Redis has it. */
  set(stop: Stop | undefined): Promise<void>;
  onChange(listener: (stop: Stop | undefined) => void): () => void;
  close(): void;
};

/** `subscriber` is a connection that only listens; it may listen to other channels as well. */
export async function openResponding(redis: Redis, subscriber: Redis): Promise<Responding> {
  const listeners = new Set<(stop: Stop | undefined) => void>();
  let known = parse(await redis.get(keys.responding));
  const look = async (): Promise<void> => {
    const now = parse(await redis.get(keys.responding));
    const isSame = JSON.stringify(now) === JSON.stringify(known);
    known = now;
    if (!isSame) for (const listener of listeners) listener(now);
  };
  // Redis away: what was known last holds, and the sweep comes back.
  const lookSafely = (): void => void look().catch(() => undefined);
  await subscriber.subscribe(keys.wakeResponding);
  subscriber.on('message', (channel: string) => {
    if (channel === keys.wakeResponding) lookSafely();
  });
  const timer = setInterval(lookSafely, SWEEP_MS);
  return {
    current: () => known,
    async set(stop) {
      if (stop === undefined) await redis.del(keys.responding);
      else await redis.set(keys.responding, JSON.stringify(stop));
      await redis.publish(keys.wakeResponding, '');
      await look();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => clearInterval(timer),
  };
}

/** Whatever stands there that cannot be read means stop. */
function parse(json: string | null): Stop | undefined {
  if (json === null) return undefined;
  try {
    return stopSchema.parse(JSON.parse(json));
  } catch {
    return { since_ms: 0, reason: 'the word in Redis cannot be read', by: 'unknown' };
  }
}
