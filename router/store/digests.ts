import type { Redis } from '../redis/connection.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

/** What a destination with `digest` gathers, and what it is sent of that as one. */
export type DigestStore = {
  /**
   * Keeps a row (JSON) for the destination's next digest, once for each id; that digest is due when its first row is
   * `everyMs` old, or has `most` rows.
   */
  put(destination: string, id: string, row: string, digest: DigestTiming, nowMs: number): Promise<'kept' | 'full'>;
  /** The destinations with a digest that is due, or begun and not handed over. */
  due(nowMs: number): Promise<readonly string[]>;
  /** Closes what was gathered; the same again until it is `done`. `undefined`: there is nothing. */
  take(destination: string): Promise<DigestBatch | undefined>;
  done(destination: string, batch: string): Promise<void>;
  waiting(destination: string): Promise<number>;
};

export type DigestTiming = { readonly everyMs: number; readonly most: number };
export type DigestBatch = { readonly id: string; readonly rows: readonly string[] };

/** Where nothing can be handed over any more. */
const MOST_ROWS = 20_000;
/** A run may hand a message over a second time within this. */
const KNOWN_S = 3_600;

/** KEYS: rows, known id, due. ARGV: row, destination, when it is due, now, most of a digest, most rows, seconds. */
const put = makeScript(`
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
local count = redis.call('LLEN', KEYS[1])
if count >= tonumber(ARGV[6]) then return 0 end
redis.call('SET', KEYS[2], '1', 'EX', ARGV[7])
redis.call('RPUSH', KEYS[1], ARGV[1])
if count == 0 then redis.call('ZADD', KEYS[3], 'NX', ARGV[3], ARGV[2]) end
if count + 1 >= tonumber(ARGV[5]) then redis.call('ZADD', KEYS[3], 'LT', ARGV[4], ARGV[2]) end
return 1`);

/** KEYS: rows, batch, id of the batch, counter, due. ARGV: destination. */
const take = makeScript(`
if redis.call('EXISTS', KEYS[2]) == 0 then
  if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('ZREM', KEYS[5], ARGV[1])
    return false
  end
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('SET', KEYS[3], redis.call('INCR', KEYS[4]))
end
return { redis.call('GET', KEYS[3]), redis.call('LRANGE', KEYS[2], 0, -1) }`);

/** KEYS: rows, batch, id of the batch, due. ARGV: destination, id, when what was gathered meanwhile is due. */
const done = makeScript(`
if redis.call('GET', KEYS[3]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[4], ARGV[1]) else redis.call('ZADD', KEYS[4], ARGV[3], ARGV[1]) end
return 1`);

export function makeDigestStore(
  redis: Redis,
  timingOf: (destination: string) => DigestTiming | undefined,
  nowMs: () => number,
): DigestStore {
  const placesOf = (name: string) => {
    const rows = keys.digest(name);
    return { rows, batch: `${rows}:batch`, id: `${rows}:batch:id`, counter: `${rows}:count` };
  };
  return {
    async put(destination, id, row, { everyMs, most }, atMs) {
      const { rows } = placesOf(destination);
      const words = [row, destination, atMs + everyMs, atMs, most, MOST_ROWS, KNOWN_S];
      const answer = await put(redis, [rows, `${rows}:id:${id}`, keys.digestsDue], words);
      return answer === 1 ? 'kept' : 'full';
    },
    due: (at) => redis.zrange(keys.digestsDue, '-inf', String(at), 'BYSCORE'),
    async take(destination) {
      const { rows, batch, id, counter } = placesOf(destination);
      const answer = await take(redis, [rows, batch, id, counter, keys.digestsDue], [destination]);
      if (!Array.isArray(answer)) return undefined;
      const [number, found] = answer;
      return { id: String(number), rows: Array.isArray(found) ? found.map(String) : [] };
    },
    async done(destination, number) {
      const { rows, batch, id } = placesOf(destination);
      // What came meanwhile waits for its own time, at most.
      const nextMs = nowMs() + (timingOf(destination)?.everyMs ?? 0);
      await done(redis, [rows, batch, id, keys.digestsDue], [destination, number, nextMs]);
    },
    waiting: (destination) => redis.llen(keys.digest(destination)),
  };
}
