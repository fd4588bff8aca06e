import type { Redis } from '../redis/connection.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

/** Things that wait for people or for a time: each is a record and, as long as something is to be done, when. */
export type TimedStore<T> = {
  /** Keeps it unless there is one. Resolves with the one that there is; `undefined`: there are too many. */
  create(id: string, value: T, dueMs: number): Promise<T | undefined>;
  read(id: string): Promise<T | undefined>;
  /**
   * Changes the record as one with all replicas. `work` returns what becomes of it; `undefined`: nothing. Resolves with
   * the record after that.
   */
  change(id: string, work: (before: T) => Changed<T> | undefined): Promise<T | undefined>;
  /** What is due, the longest first. */
  due(nowMs: number, most: number): Promise<readonly string[]>;
  /** What is or will be due, the soonest first. */
  pending(most: number): Promise<readonly T[]>;
};

export type Changed<T> = {
  readonly value: T;
  /** `undefined`: nothing is to be done any more. */
  readonly dueMs: number | undefined;
};

export type TimedKind = 'approval' | 'page';

const MOST_PENDING = 10_000;
/** Beyond the longest wait of a playbook. */
const KEEP_MS = 9 * 24 * 3_600_000;
const MOST_TRIES = 50;

/** KEYS: record, due. ARGV: value, due, id, milliseconds, most. Returns what was there, 1 when it is new, 0 when it is full. */
const create = makeScript(`
local found = redis.call('GET', KEYS[1])
if found then return found end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
return 1`);

/** KEYS: record, due. ARGV: before, value, due or '', id, milliseconds. Returns 0 when somebody else was faster. */
const replace = makeScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[5])
if ARGV[3] == '' then redis.call('ZREM', KEYS[2], ARGV[4]) else redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4]) end
return 1`);

/** What is written here was written by `create` and `change`, so it is read back as it is. */
export function makeTimedStore<T>(redis: Redis, kind: TimedKind): TimedStore<T> {
  const placeOf = (id: string) => keys.timed(kind, id);
  const due = keys.due(kind);
  const parse = (json: string): T => JSON.parse(json) as T;
  return {
    async create(id, value, dueMs) {
      const words = [JSON.stringify(value), dueMs, id, KEEP_MS, MOST_PENDING];
      const answer = await create(redis, [placeOf(id), due], words);
      if (typeof answer === 'string') return parse(answer);
      return answer === 1 ? value : undefined;
    },
    async read(id) {
      const json = await redis.get(placeOf(id));
      return json === null ? undefined : parse(json);
    },
    async change(id, work) {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const json = await redis.get(placeOf(id));
        if (json === null) {
          await redis.zrem(due, id); // It has run out.
          return undefined;
        }
        const before = parse(json);
        const after = work(before);
        if (after === undefined) return before;
        const words = [json, JSON.stringify(after.value), after.dueMs ?? '', id, KEEP_MS];
        if ((await replace(redis, [placeOf(id), due], words)) === 1) return after.value;
      }
      throw new Error('other replicas were faster too often');
    },
    due: (nowMs, most) => redis.zrange(due, '-inf', String(nowMs), 'BYSCORE', 'LIMIT', 0, most),
    async pending(most) {
      const ids = await redis.zrange(due, '0', String(most - 1));
      if (ids.length === 0) return [];
      const found = await redis.mget(ids.map(placeOf));
      return found.flatMap((json) => (json === null ? [] : [parse(json)]));
    },
  };
}
