import type { TimedStore } from '../store/timed.ts';

/** For tests: as the one in Redis, JSON that is changed as one. */
export function memoryStore<T>(): TimedStore<T> {
  const records = new Map<string, { json: string; dueMs: number | undefined }>();
  const parse = (json: string): T => JSON.parse(json);
  return {
    async create(id, value, dueMs) {
      const found = records.get(id);
      if (found === undefined) records.set(id, { json: JSON.stringify(value), dueMs });
      return found === undefined ? value : parse(found.json);
    },
    async read(id) {
      const found = records.get(id);
      return found && parse(found.json);
    },
    async change(id, work) {
      const found = records.get(id);
      if (found === undefined) return undefined;
      const after = work(parse(found.json));
      if (after === undefined) return parse(found.json);
      records.set(id, { json: JSON.stringify(after.value), dueMs: after.dueMs });
      return after.value;
    },
    due: async (nowMs) =>
      [...records].flatMap(([id, { dueMs }]) => (dueMs !== undefined && dueMs <= nowMs ? [id] : [])),
    pending: async () => [...records.values()].flatMap(({ json, dueMs }) => (dueMs === undefined ? [] : [parse(json)])),
  };
}
