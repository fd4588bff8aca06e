import type { Redis } from '../redis/connection.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

/** How a destination does, by what all replicas have seen of it. */
export type DestinationHealth = {
  readonly sent: number;
  /** Attempts that failed; a message may have many. */
  readonly failures: number;
  /** Since the last one that went well. */
  readonly failuresInARow: number;
  /** Nothing is sent before. */
  readonly closedUntilMs: number | undefined;
  readonly lastSentMs: number | undefined;
  readonly lastFailureMs: number | undefined;
  readonly lastFailure: string | undefined;
};

export type DestinationStore = {
  /** 0: send. Else the breaker is open, and so many milliseconds are to be waited. */
  admit(name: string, breaker: Breaker, probeMs: number): Promise<number>;
  /** The other side took it, or refused this one message in its right mind. */
  answered(name: string, outcome: 'sent' | 'refused', reason?: string): Promise<void>;
  /** Resolves with the milliseconds for which nothing must be sent now; 0 as long as the breaker is closed. */
  failed(name: string, breaker: Breaker, reason: string): Promise<number>;
  health(name: string): Promise<DestinationHealth>;
};

type Breaker = { readonly failures: number; readonly restMs: number };

/** After a second failure in a row the rest doubles, up to so many times. */
const MOST_DOUBLINGS = 4;
const KEEP_S = 30 * 24 * 3_600;
const MOST_REASON = 1_024;

/**
 * KEYS: the hash. ARGV: now, failures that open the breaker, how long one message may try alone. While it is half open,
 * one message tries; the others wait for what becomes of it.
 */
const admit = makeScript(`
local row = tonumber(redis.call('HGET', KEYS[1], 'row') or 0)
if row < tonumber(ARGV[2]) then return 0 end
local wait = tonumber(redis.call('HGET', KEYS[1], 'until') or 0) - tonumber(ARGV[1])
if wait > 0 then return wait end
local probe = tonumber(redis.call('HGET', KEYS[1], 'probe') or 0) - tonumber(ARGV[1])
if probe > 0 then return math.min(probe, 250) end
redis.call('HSET', KEYS[1], 'probe', ARGV[1] + ARGV[3])
return 0`);

/** KEYS: the hash. ARGV: now, sent or refused, reason, seconds. */
const answered = makeScript(`
redis.call('HSET', KEYS[1], 'row', 0, 'until', 0, 'probe', 0)
if ARGV[2] == 'sent' then
  redis.call('HSET', KEYS[1], 'sent_ms', ARGV[1])
  redis.call('HINCRBY', KEYS[1], 'sent', 1)
else
  redis.call('HSET', KEYS[1], 'failed_ms', ARGV[1], 'reason', ARGV[3])
  redis.call('HINCRBY', KEYS[1], 'failures', 1)
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 0`);

/** KEYS: the hash. ARGV: now, failures that open, rest, doublings, reason, seconds. */
const failed = makeScript(`
redis.call('HINCRBY', KEYS[1], 'failures', 1)
redis.call('HSET', KEYS[1], 'failed_ms', ARGV[1], 'reason', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[6])
local before = tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
-- What was under way when it opened says nothing new.
if before > tonumber(ARGV[1]) then return before - ARGV[1] end
local row = redis.call('HINCRBY', KEYS[1], 'row', 1)
local over = row - tonumber(ARGV[2])
if over < 0 then return 0 end
local rest = tonumber(ARGV[3]) * 2 ^ math.min(over, tonumber(ARGV[4]))
redis.call('HSET', KEYS[1], 'until', ARGV[1] + rest, 'probe', 0)
return rest`);

export function makeDestinationStore(redis: Redis, nowMs: () => number): DestinationStore {
  const place = (name: string) => [keys.destination(name)];
  return {
    async admit(name, breaker, probeMs) {
      return Number(await admit(redis, place(name), [nowMs(), breaker.failures, probeMs]));
    },
    async answered(name, outcome, reason = '') {
      await answered(redis, place(name), [nowMs(), outcome, reason.slice(0, MOST_REASON), KEEP_S]);
    },
    async failed(name, { failures, restMs }, reason) {
      const words = [nowMs(), failures, restMs, MOST_DOUBLINGS, reason.slice(0, MOST_REASON), KEEP_S];
      return Number(await failed(redis, place(name), words));
    },
    async health(name) {
      const found = await redis.hgetall(keys.destination(name));
      const time = (field: string) => Number(found[field] ?? 0) || undefined;
      return {
        sent: Number(found['sent'] ?? 0),
        failures: Number(found['failures'] ?? 0),
        failuresInARow: Number(found['row'] ?? 0),
        closedUntilMs: time('until'),
        lastSentMs: time('sent_ms'),
        lastFailureMs: time('failed_ms'),
        lastFailure: found['reason'] === '' ? undefined : found['reason'],
      };
    },
  };
}
