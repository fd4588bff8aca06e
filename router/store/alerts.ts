import type { Alert } from '#rules/alert';
import { alertJson, parseAlertJson } from '#rules/alert-json';
import type { Redis } from '../redis/connection.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

export type StoredAlert = {
  readonly id: string;
  readonly alert: Alert;
  /** The silence that kept it from a playbook. */
  readonly silenced?: string | undefined;
};

export type AlertStore = {
  /** Those of these ids whose alerts were taken lately. */
  known(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Keeps these alerts and remembers their ids. Resolves with how many were new when Redis has them all; rejects when it
   * cannot tell, and then the sender repeats.
   */
  add(alerts: readonly StoredAlert[]): Promise<number>;
  /** The latest first. */
  latest(count: number): Promise<readonly StoredAlert[]>;
};

/** Alerts kept to be looked at, and entries kept for live views. What a run needs of its alert lies in its job. */
const MOST_ALERTS = 10_000;
const MOST_LIVE = 2_000;
/** At least the last so many ids are remembered, and at most twice as many. */
const MOST_REMEMBERED = 100_000;

/** KEYS: seen, seenBefore, alerts, live. ARGV: the three bounds, then id and JSON of each alert. Returns how many were new. */
const store = makeScript(`
local fresh = 0
for at = 4, #ARGV, 2 do
  local id = ARGV[at]
  if redis.call('SISMEMBER', KEYS[2], id) == 0 and redis.call('SADD', KEYS[1], id) == 1 then
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[1], '*', 'json', ARGV[at + 1])
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[2], '*', 'kind', 'alert', 'json', ARGV[at + 1])
    fresh = fresh + 1
  end
end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  redis.call('UNLINK', KEYS[2])
  redis.call('RENAME', KEYS[1], KEYS[2])
end
return fresh`);

export function makeAlertStore(redis: Redis): AlertStore {
  return {
    async known(ids) {
      if (ids.length === 0) return new Set();
      const [now, before] = await Promise.all([
        redis.smismember(keys.seen, ...ids),
        redis.smismember(keys.seenBefore, ...ids),
      ]);
      return new Set(ids.filter((_, index) => now[index] === 1 || before[index] === 1));
    },
    async add(alerts) {
      const words = alerts.flatMap(({ id, alert, silenced }) => [
        id,
        alertJson({ id, alert, ...(silenced === undefined ? {} : { silenced }) }),
      ]);
      const places = [keys.seen, keys.seenBefore, keys.alerts, keys.live];
      return Number(await store(redis, places, [MOST_ALERTS, MOST_LIVE, MOST_REMEMBERED, ...words]));
    },
    async latest(count) {
      const entries = await redis.xrevrange(keys.alerts, '+', '-', 'COUNT', count);
      return entries.flatMap(([, fields]) => {
        const read = parseAlertJson(fields[1] ?? 'null');
        return isStored(read) ? [read] : [];
      });
    },
  };
}

function isStored(value: unknown): value is StoredAlert {
  return typeof value === 'object' && value !== null && 'id' in value && 'alert' in value;
}
