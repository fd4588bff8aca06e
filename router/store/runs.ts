import * as z from 'zod';
import { outcomes } from '#playbooks/command';
import type { Run } from '#playbooks/language/run';
import { makeScript, type RedisClient, readJson, readList, readText, runScript } from './client.ts';
import { keys } from './keys.ts';

/** Runs that are over and kept for looking at; those under way are all kept. */
const MOST_FINISHED = 10_000;
const MOST_SIGNALS = 10_000;

const ms = z.number();
const mode = z.enum(['enforce', 'dry-run']);

const stepSchema = z
  .strictObject({
    id: z.string(),
    uses: z.string(),
    state: z.enum(['waiting', 'running', ...outcomes]),
    detail: z.string(),
    params: z.unknown(),
    attempts: z.array(z.strictObject({ startedMs: ms, finishedMs: ms, outcome: z.enum(outcomes), detail: z.string() })),
    notBeforeMs: ms,
  })
  .transform(({ params, ...step }) => ({ ...step, params }));

/** JSON drops what is `undefined`; the transforms put the keys back. */
const runSchema = z
  .strictObject({
    id: z.string(),
    alert: z.string(),
    rule: z.string(),
    priority: z.string(),
    playbook: z.string(),
    node: z.string().optional(),
    mode,
    state: z.enum(['running', 'done', 'failed']),
    steps: z.array(stepSchema),
    startedMs: ms,
    finishedMs: ms.optional(),
  })
  .transform(({ node, finishedMs, ...run }): Run => ({ ...run, node, finishedMs }));

/** Journals of runs in Redis: what router/runs calls its ledger. */
export type RunStore = {
  load(id: string): Promise<Run | undefined>;
  save(run: Run): Promise<void>;
  begin(id: string, key: string): Promise<'fresh' | 'begun'>;
};

const save = makeScript(`
local id, journal, startedMs, finishedMs, most, signals = unpack(ARGV)
redis.call('HSET', KEYS[1], 'journal', journal)
redis.call('ZADD', KEYS[2], startedMs, id)
redis.call('XADD', KEYS[4], 'MAXLEN', '~', signals, '*', 'run', id)
if finishedMs == '' then return end
redis.call('ZADD', KEYS[3], finishedMs, id)
local over = redis.call('ZCARD', KEYS[3]) - tonumber(most)
if over <= 0 then return end
local stem = string.sub(KEYS[1], 1, #KEYS[1] - #id)
for _, old in ipairs(redis.call('ZRANGE', KEYS[3], 0, over - 1)) do
  redis.call('UNLINK', stem .. old)
  redis.call('ZREM', KEYS[2], old)
  redis.call('ZREM', KEYS[3], old)
end`);

export function makeRunStore(client: RedisClient): RunStore {
  return {
    load: async (id) => readRun(await client.call('HGET', keys.run(id), 'journal')),
    async save(run) {
      const places = [keys.run(run.id), keys.runs, keys.finishedRuns, keys.signals];
      await runScript(client, save, places, [
        run.id,
        JSON.stringify(run),
        run.startedMs,
        run.finishedMs ?? '',
        MOST_FINISHED,
        MOST_SIGNALS,
      ]);
    },
    async begin(id, key) {
      const isFresh = (await client.call('HSETNX', keys.run(id), `begun:${key}`, '1')) === 1;
      return isFresh ? 'fresh' : 'begun';
    },
  };
}

/** Runs, those that started last first; `before` is a time in milliseconds. */
export async function listRuns(
  client: RedisClient,
  { limit, before }: { readonly limit: number; readonly before: number | undefined },
): Promise<readonly Run[]> {
  const from = before === undefined ? '+inf' : `(${before}`;
  const ids = readList(await client.call('ZRANGE', keys.runs, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, limit));
  return loadRuns(
    client,
    ids.flatMap((id) => readText(id) ?? []),
  );
}

/** The runs of these ids that are still kept. */
export async function loadRuns(client: RedisClient, ids: readonly string[]): Promise<readonly Run[]> {
  if (ids.length === 0) return [];
  const replies = await client.batch(ids.map((id) => ['HGET', keys.run(id), 'journal']));
  return replies.flatMap((reply) => readRun(reply) ?? []);
}

function readRun(reply: unknown): Run | undefined {
  const json = readJson(readText(reply));
  return json === undefined ? undefined : runSchema.parse(json);
}
