import { createHash } from 'node:crypto';
import type { Redis } from '../redis/connection.ts';

/** A Lua script: Redis runs it as a whole or, when it is down, not at all. Errors reject. */
export type Script = (redis: Redis, keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

/** Sent by its hash; Redis is given the text only when it does not have it. */
export function makeScript(text: string): Script {
  const sha = createHash('sha1').update(text).digest('hex');
  return async (redis, keys, args) => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return redis.eval(text, keys.length, ...keys, ...args);
    }
  };
}
