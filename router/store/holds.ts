import { randomUUID } from 'node:crypto';
import type { Redis } from '../redis/connection.ts';
import type { AuditLog } from './audit.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

/** Which router performs a run that was begun before the queue gave it to anybody. */
export type Holds = {
  /** Written as one with what the audit log is told in the same turn. Whether nobody else performs it. */
  claim(runId: string): Promise<boolean>;
  /** The same, of whoever the queue gave it to: what we claimed ourselves is ours. */
  take(runId: string): Promise<boolean>;
  keep(runIds: readonly string[]): Promise<void>;
  release(runId: string): Promise<void>;
};

/** A router that died is given so long; a living one says so more often. */
const HOLD_MS = 15_000;
export const KEEP_HOLDS_MS = 5_000;

/** KEYS: hold. ARGV: who, milliseconds, whether there is nobody else. */
const take = makeScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and ARGV[3] == '0' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`);

/** KEYS: hold. ARGV: who. */
const release = makeScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`);

/** `isAlone`: no other router works on this Redis, so whoever else held a run is dead. */
export function makeHolds(redis: Redis, append: AuditLog['append'], isAlone: boolean): Holds {
  const self = randomUUID();
  return {
    async claim(runId) {
      const [answer] = await append(undefined, [['SET', keys.held(runId), self, 'PX', HOLD_MS, 'NX']]);
      return answer === 'OK';
    },
    take: async (runId) => (await take(redis, [keys.held(runId)], [self, HOLD_MS, isAlone ? 1 : 0])) === 1,
    async keep(runIds) {
      const pipeline = redis.pipeline();
      for (const runId of runIds) pipeline.pexpire(keys.held(runId), HOLD_MS);
      await pipeline.exec();
    },
    async release(runId) {
      await release(redis, [keys.held(runId)], [self]);
    },
  };
}
