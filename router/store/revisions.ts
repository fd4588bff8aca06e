import * as z from 'zod';
import type { Redis } from '../redis/connection.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

/** Which commit all routers over one Redis use, since when, and who wanted it. */
const pointerSchema = z.strictObject({
  commit: z.string(),
  since_ms: z.number(),
  by: z.string(),
  /** A person went back to it: it stays until a person says otherwise. */
  pinned: z.boolean(),
});
export type Pointer = z.output<typeof pointerSchema>;

const fileSchema = z.strictObject({ path: z.string(), text: z.string() });
const storedSchema = z.strictObject({ rules: z.array(fileSchema), playbooks: z.array(fileSchema) });
/** The files of a commit that passed every check. */
export type StoredFiles = z.output<typeof storedSchema>;

/** The last look at the repository. */
const lookSchema = z.strictObject({
  at_ms: z.number(),
  ok: z.boolean(),
  commit: z.string().nullable(),
  problems: z.array(z.string()),
});
export type Look = z.output<typeof lookSchema>;

export type RevisionStore = {
  pointer(): Promise<Pointer | undefined>;
  files(commit: string): Promise<StoredFiles | undefined>;
  /**
   * Keeps the files and moves the pointer, both or neither, and wakes the other routers. `false`: somebody else has moved
   * it from `from` meanwhile.
   */
  publish(pointer: Pointer, files: StoredFiles, from: string | undefined): Promise<boolean>;
  noteLook(look: Look): Promise<void>;
  look(): Promise<Look | undefined>;
  /** One router at a time looks; `false` when another does. It lasts `TURN_MS` unless it is kept. */
  takeTurn(who: string): Promise<boolean>;
  keepTurn(who: string): Promise<void>;
  giveTurn(who: string): Promise<void>;
};

/** A run that began on a commit may go on so long after the last router used it. */
const KEEP_MS = 30 * 24 * 3_600_000;
/** A router that dies while it looks holds the others up so long. */
export const TURN_MS = 4_000;

/** KEYS: pointer, files. ARGV: pointer, files, commit that is expected ('' for none), how long to keep, channel. */
const publish = makeScript(`
local now = redis.call('GET', KEYS[1])
local commit = now and cjson.decode(now)['commit'] or ''
if commit ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[5], '')
return 1`);

/** KEYS: turn. ARGV: who, for how long. */
const keepTurn = makeScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`);

/** KEYS: turn. ARGV: who. */
const giveTurn = makeScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`);

export function makeRevisionStore(redis: Redis): RevisionStore {
  const read = async <T>(key: string, schema: z.ZodType<T>): Promise<T | undefined> => {
    const json = await redis.get(key);
    return json === null ? undefined : schema.parse(JSON.parse(json));
  };
  return {
    pointer: () => read(keys.revision, pointerSchema),
    async files(commit) {
      const key = keys.revisionFiles(commit);
      const found = await read(key, storedSchema);
      if (found !== undefined) await redis.pexpire(key, KEEP_MS);
      return found;
    },
    async publish(pointer, files, from) {
      const where = [keys.revision, keys.revisionFiles(pointer.commit)];
      const what = [JSON.stringify(pointer), JSON.stringify(files), from ?? '', KEEP_MS, keys.wakeRevision];
      return (await publish(redis, where, what)) === 1;
    },
    async noteLook(look) {
      await redis.set(keys.revisionLook, JSON.stringify(look));
    },
    look: () => read(keys.revisionLook, lookSchema),
    takeTurn: async (who) => (await redis.set(keys.revisionTurn, who, 'PX', TURN_MS, 'NX')) === 'OK',
    async keepTurn(who) {
      await keepTurn(redis, [keys.revisionTurn], [who, TURN_MS]);
    },
    async giveTurn(who) {
      await giveTurn(redis, [keys.revisionTurn], [who]);
    },
  };
}
