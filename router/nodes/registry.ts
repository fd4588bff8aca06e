import type { Redis } from '../redis/connection.ts';
import { keys } from '../store/keys.ts';

/** A node as it introduced itself last. */
export type NodeRecord = {
  readonly node: string;
  readonly agentVersion: string;
  readonly bootId: string;
  readonly actions: readonly string[];
  readonly connected: boolean;
  /** When it connected or went, milliseconds since the epoch. */
  readonly changedMs: number;
  /** When the router that holds its socket last heard of it. */
  readonly seenMs: number;
  /** Whether it uses the rules of the commit, and if not, why. */
  readonly rules?: { readonly commit: string; readonly ok: boolean; readonly problem?: string };
};

/** A node that nobody has heard of for so long is gone, though its router, which died, could not say so. */
const SILENT_MS = 30_000;

/** A node that has not been seen for so long is forgotten. */
const KEEP_MS = 30 * 24 * 3_600_000;

export type NodeRegistry = {
  put(record: NodeRecord): Promise<void>;
  all(): Promise<readonly NodeRecord[]>;
};

export function makeNodeRegistry(redis: Redis, nowMs: () => number): NodeRegistry {
  return {
    async put(record) {
      await redis.hset(keys.nodes, record.node, JSON.stringify(record));
    },
    async all() {
      const records = Object.values(await redis.hgetall(keys.nodes)).map((json) => JSON.parse(json) as NodeRecord);
      const old = records.filter(({ connected, changedMs }) => !connected && nowMs() - changedMs > KEEP_MS);
      if (old.length > 0) {
        await redis.hdel(keys.nodes, ...old.map(({ node }) => node));
        await redis.del(...old.map(({ node }) => keys.outbox(node)));
      }
      return records
        .filter((record) => !old.includes(record))
        .map((record) => ({ ...record, connected: record.connected && nowMs() - record.seenMs < SILENT_MS }))
        .sort((a, b) => a.node.localeCompare(b.node));
    },
  };
}
