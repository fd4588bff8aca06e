import type { Run } from '#playbooks/language/run';
import type { Redis } from '../redis/connection.ts';
import type { Ledger } from '../runs/ports.ts';
import { runPipeline } from './alerts.ts';
import { KEEP_S, keys, MOST_LIVE, MOST_RUNS } from './keys.ts';

export type RunStore = Ledger & {
  /** The latest first. */
  latest(count: number): Promise<readonly Run[]>;
};

/** The journals of runs. What is written here was written by `save`, so it is read back as it is. */
export function makeRunStore(redis: Redis): RunStore {
  const load = async (id: string): Promise<Run | undefined> => {
    const json = await redis.get(keys.run(id));
    return json === null ? undefined : (JSON.parse(json) as Run);
  };
  return {
    load,
    async save(run) {
      const json = JSON.stringify(run);
      const pipeline = redis
        .pipeline()
        .set(keys.run(run.id), json, 'EX', KEEP_S)
        .zadd(keys.runs, run.startedMs, run.id)
        .zremrangebyrank(keys.runs, 0, -MOST_RUNS - 1)
        .xadd(keys.live, 'MAXLEN', '~', MOST_LIVE, '*', 'kind', 'run', 'json', json);
      await runPipeline(pipeline);
    },
    async begin(id, key) {
      const isFresh = await redis.hsetnx(keys.begun(id), key, String(Date.now()));
      if (isFresh === 1) await redis.expire(keys.begun(id), KEEP_S);
      return isFresh === 1 ? 'fresh' : 'begun';
    },
    async latest(count) {
      const ids = await redis.zrevrange(keys.runs, 0, count - 1);
      if (ids.length === 0) return [];
      const found = await redis.mget(ids.map(keys.run));
      return found.flatMap((json) => (json === null ? [] : [JSON.parse(json) as Run]));
    },
  };
}
