import type { Redis } from '../redis/connection.ts';
import { keys } from './keys.ts';

export type LiveEntry = { readonly id: string; readonly kind: string; readonly json: string };

export type LiveFeed = {
  /** What comes after `last` (an id of an entry), or from now on; ends with the signal. */
  follow(last: string | undefined, signal: AbortSignal): AsyncGenerator<LiveEntry>;
  close(): void;
};

const BLOCK_MS = 5_000;
const MOST_AT_ONCE = 100;

/**
 * One connection of its own, `reader`, reads the stream for all who follow. It blocks, so whatever is asked beside that
 * goes over `redis`: a replay behind a blocked read waited for up to 5 s.
 */
export function makeLiveFeed(reader: Redis, redis: Redis): LiveFeed {
  const waiting = new Set<() => void>();
  const recent: LiveEntry[] = [];
  let isClosed = false;
  let isReading = false;
  let last = '$';

  const read = async (): Promise<void> => {
    isReading = true;
    while (!isClosed && waiting.size > 0) {
      try {
        const answer = await reader.xread('COUNT', MOST_AT_ONCE, 'BLOCK', BLOCK_MS, 'STREAMS', keys.live, last);
        for (const [, entries] of answer ?? []) {
          for (const [id, fields] of entries) {
            last = id;
            recent.push({ id, kind: fields[1] ?? '', json: fields[3] ?? '' });
          }
        }
        recent.splice(0, Math.max(0, recent.length - 10 * MOST_AT_ONCE));
        if (answer !== null) for (const wake of waiting) wake();
      } catch {
        if (isClosed) break;
        // Redis is away: its connection says so and comes back by itself.
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
    isReading = false;
  };

  return {
    async *follow(from, signal) {
      let position = from !== undefined && /^\d{1,20}-\d{1,20}$/.test(from) ? from : undefined;
      let wake: () => void = () => undefined;
      const woken = (): void => wake();
      waiting.add(woken);
      signal.addEventListener('abort', woken, { once: true });
      try {
        if (position !== undefined) {
          const missed = await replay(redis, position);
          for (const entry of missed) yield entry;
          position = missed.at(-1)?.id ?? position;
        }
        position ??= recent.at(-1)?.id ?? '0-0';
        if (!isReading) {
          last = await newest(redis);
          void read();
        }
        while (!signal.aborted && !isClosed) {
          const fresh = recent.filter(({ id }) => isAfter(id, position ?? '0-0'));
          for (const entry of fresh) {
            position = entry.id;
            yield entry;
          }
          if (fresh.length > 0) continue;
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (signal.aborted) resolve();
          });
        }
      } finally {
        waiting.delete(woken);
      }
    },
    close() {
      isClosed = true;
      for (const wake of waiting) wake();
      reader.disconnect();
    },
  };
}

async function newest(redis: Redis): Promise<string> {
  const [entry] = await redis.xrevrange(keys.live, '+', '-', 'COUNT', 1);
  return entry?.[0] ?? '0-0';
}

async function replay(redis: Redis, from: string): Promise<LiveEntry[]> {
  const entries = await redis.xrange(keys.live, `(${from}`, '+', 'COUNT', 10 * MOST_AT_ONCE);
  return entries.map(([id, fields]) => ({ id, kind: fields[1] ?? '', json: fields[3] ?? '' }));
}

/** Ids are `milliseconds-sequence`. */
function isAfter(id: string, other: string): boolean {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return ms > otherMs || (ms === otherMs && sequence > otherSequence);
}
