import type { Redis } from './connection.ts';

const LOOK_MS = 1_000;
/** Beyond this share of `maxmemory` no new alerts are taken: at the limit itself, workers could not drain the queue either. */
const MOST_SHARE = 0.7;

export type MemoryWatch = {
  /** Why no alerts are taken now; `undefined` when they are. */
  refusal(): string | undefined;
  close(): void;
};

/** Looks at Redis' memory once a second. A Redis without `maxmemory` is never full. */
export function makeMemoryWatch(redis: Redis): MemoryWatch {
  let why: string | undefined;
  const look = async (): Promise<void> => {
    const info = await redis.info('memory');
    const read = (key: string): number => Number(new RegExp(`^${key}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    const [used, most] = [read('used_memory'), read('maxmemory')];
    why =
      most > 0 && used > MOST_SHARE * most
        ? `Redis holds ${used} of at most ${most} bytes; alerts are taken again when the queue has drained`
        : undefined;
  };
  // Redis away: its connection says so, and the request itself fails with 503.
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS);
  timer.unref();
  return { refusal: () => why, close: () => clearInterval(timer) };
}
