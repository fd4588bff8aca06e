import { type Alert, alertSchema } from '#rules/alert';
import type { Redis } from '../redis/connection.ts';
import { KEEP_S, keys, MOST_ALERTS, MOST_LIVE } from './keys.ts';

export type StoredAlert = { readonly id: string; readonly alert: Alert };

export type AlertStore = {
  /**
   * Keeps these alerts. Resolves when Redis has them all, with those that it did not have before; rejects when it
   * cannot tell, and then the sender repeats.
   */
  add(alerts: readonly StoredAlert[]): Promise<readonly StoredAlert[]>;
  find(id: string): Promise<Alert | undefined>;
  /** The latest first. */
  latest(count: number): Promise<readonly StoredAlert[]>;
};

export function makeAlertStore(redis: Redis): AlertStore {
  return {
    async add(alerts) {
      const first = redis.pipeline();
      for (const { id, alert } of alerts) first.set(keys.alert(id), JSON.stringify(alert), 'EX', KEEP_S, 'NX');
      const answers = await runPipeline(first);
      const fresh = alerts.filter((_, index) => answers[index] === 'OK');
      if (fresh.length === 0) return fresh;
      const second = redis.pipeline();
      for (const { id, alert } of fresh) {
        const json = JSON.stringify({ id, alert });
        second.xadd(keys.alerts, 'MAXLEN', '~', MOST_ALERTS, '*', 'json', json);
        second.xadd(keys.live, 'MAXLEN', '~', MOST_LIVE, '*', 'kind', 'alert', 'json', json);
      }
      await runPipeline(second);
      return fresh;
    },
    async find(id) {
      const json = await redis.get(keys.alert(id));
      return json === null ? undefined : alertSchema.parse(JSON.parse(json));
    },
    async latest(count) {
      const entries = await redis.xrevrange(keys.alerts, '+', '-', 'COUNT', count);
      return entries.flatMap(([, fields]) => {
        const read: unknown = JSON.parse(fields[1] ?? 'null');
        return isStored(read) ? [read] : [];
      });
    },
  };
}

function isStored(value: unknown): value is StoredAlert {
  return typeof value === 'object' && value !== null && 'id' in value && 'alert' in value;
}

/** Runs a pipeline; one failed command fails it all. */
export async function runPipeline(pipeline: ReturnType<Redis['pipeline']>): Promise<readonly unknown[]> {
  const answers = await pipeline.exec();
  if (answers === null) throw new Error('Redis gave no answer to a pipeline');
  return answers.map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}
