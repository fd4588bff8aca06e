import type { Run } from '#playbooks/language/run';
import type { Redis } from '../redis/connection.ts';
import type { Ledger } from '../runs/ports.ts';
import type { AuditLog, Write } from './audit.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

export type RunStore = Ledger & {
  /** Those of these runs that have a journal. */
  known(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** The latest first. */
  latest(count: number): Promise<readonly Run[]>;
};

/** Journals kept, and for how long at most. */
const MOST_RUNS = 20_000;
const KEEP_S = 7 * 24 * 3_600;
const MOST_LIVE = 2_000;

/**
 * KEYS: the run, its begun attempts, runs, live. ARGV: JSON, seconds, start, id, most runs, most live, prefix of a run's
 * key. Keeps the journal, and takes the oldest away when there are too many.
 */
const save = makeScript(`
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[4])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[6], '*', 'kind', 'run', 'json', ARGV[1])
local old = redis.call('ZRANGE', KEYS[3], 0, -(tonumber(ARGV[5]) + 1))
for _, id in ipairs(old) do
  redis.call('UNLINK', ARGV[7] .. id, ARGV[7] .. id .. ':begun')
  redis.call('ZREM', KEYS[3], id)
end
return #old`);

/** The journals of runs. What is written here was written by `save`, so it is read back as it is. */
/** `append`: of the audit log, which has a run's steps written as one with what it says of them. */
export function makeRunStore(redis: Redis, append: AuditLog['append']): RunStore {
  return {
    async load(id) {
      const json = await redis.get(keys.run(id));
      return json === null ? undefined : (JSON.parse(json) as Run);
    },
    async known(ids) {
      const found = await Promise.all(ids.map((id) => redis.exists(keys.run(id))));
      return new Set(ids.filter((_, index) => found[index] === 1));
    },
    async save(run) {
      const { id, startedMs } = run;
      const places = [keys.run(id), keys.begun(id), keys.runs, keys.live];
      await save(redis, places, [JSON.stringify(run), KEEP_S, startedMs, id, MOST_RUNS, MOST_LIVE, keys.run('')]);
    },
    async begin(run, key, entry, isFirst) {
      const mark = ['HSETNX', keys.begun(run.id), key, Date.now()] as const;
      const writes = journal(run);
      const unless: readonly Write[] = isFirst ? [['UNLESS', keys.run(run.id), writes.length]] : [];
      const [isFresh] = await append(entry, [mark, ...unless, ...writes]);
      return isFresh === 1 ? 'fresh' : 'begun';
    },
    async record(run, entry) {
      await append(entry, journal(run));
    },
    async latest(count) {
      const ids = await redis.zrevrange(keys.runs, 0, count - 1);
      if (ids.length === 0) return [];
      const found = await redis.mget(ids.map(keys.run));
      return found.flatMap((json) => (json === null ? [] : [JSON.parse(json) as Run]));
    },
  };
}

/** What `save` does, without the look at how many there are: that of the run's end does for all before it. */
function journal(run: Run): readonly Write[] {
  const { id, startedMs } = run;
  const json = JSON.stringify(run);
  return [
    ['SET', keys.run(id), json, 'EX', KEEP_S],
    ['EXPIRE', keys.begun(id), KEEP_S],
    ['ZADD', keys.runs, startedMs, id],
    ['XADD', keys.live, 'MAXLEN', '~', MOST_LIVE, '*', 'kind', 'run', 'json', json],
  ];
}
