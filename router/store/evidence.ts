import * as z from 'zod';
import { evidenceSchema } from '#playbooks/command';
import type { Redis } from '../redis/connection.ts';
import type { AuditLog } from './audit.ts';
import { keys } from './keys.ts';

const storedSchema = z.strictObject({
  ...evidenceSchema.shape,
  taken_ms: z.number(),
  place: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('router'), router: z.string() }),
    z.strictObject({ kind: z.literal('s3'), bucket: z.string(), name: z.string() }),
  ]),
});
/** Evidence that nodes have handed over, and where it lies. */
export type StoredEvidence = z.output<typeof storedSchema>;

/** Known archives; the oldest are forgotten, wherever they lie. */
const MOST_KNOWN = 10_000;

export type EvidenceStore = {
  /** With an entry in the audit log, as one. */
  put(stored: StoredEvidence): Promise<void>;
  find(id: string): Promise<StoredEvidence | undefined>;
  /** The latest first. */
  list(count: number): Promise<readonly StoredEvidence[]>;
  /** These, those that were collected before, and what is more than is known at most. */
  forget(ids: readonly string[], beforeMs: number): Promise<void>;
};

export function makeEvidenceStore(redis: Redis, append: AuditLog['append']): EvidenceStore {
  const read = (json: string): StoredEvidence => storedSchema.parse(JSON.parse(json));
  return {
    async put(stored) {
      const { id, node, alert, rule, container, bytes, sha256, place } = stored;
      await append({ kind: 'evidence_kept', id, node, alert, rule, container, bytes, sha256, place }, [
        ['HSET', keys.evidence, id, JSON.stringify(stored)],
        ['ZADD', keys.evidenceTimes, stored.collected_ms, id],
      ]);
    },
    async find(id) {
      const json = await redis.hget(keys.evidence, id);
      return json === null ? undefined : read(json);
    },
    async list(count) {
      const ids = await redis.zrevrange(keys.evidenceTimes, '0', String(count - 1));
      if (ids.length === 0) return [];
      return (await redis.hmget(keys.evidence, ...ids)).flatMap((json) => (json === null ? [] : [read(json)]));
    },
    async forget(ids, beforeMs) {
      const old = await redis.zrangebyscore(keys.evidenceTimes, '-inf', `(${beforeMs}`);
      const many = await redis.zrange(keys.evidenceTimes, '0', String(-MOST_KNOWN - 1));
      const gone = [...new Set([...ids, ...old, ...many])];
      if (gone.length === 0) return;
      await redis.hdel(keys.evidence, ...gone);
      await redis.zrem(keys.evidenceTimes, ...gone);
    },
  };
}
