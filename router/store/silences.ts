import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { loadPlaybooks } from '#playbooks/language/load';
import type { Scope } from '#playbooks/language/playbook';
import { describeSilence, holds, type SharedSilence } from '#playbooks/language/silence';
import type { Redis } from '../redis/connection.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

/** A silence that a person has made. */
const keptSchema = z.strictObject({
  id: z.string(),
  condition: z.string(),
  playbooks: z.array(z.string()).optional(),
  from_ms: z.number(),
  until_ms: z.number(),
  by: z.string(),
  reason: z.string(),
});
export type KeptSilence = z.output<typeof keptSchema>;

export type Silences = {
  /** Why alerts like this one start no playbook, or not this one, now. */
  find(
    scope: Scope,
    playbooks: readonly string[],
    nowMs: number,
  ): { readonly id: string; readonly detail: string } | undefined;
  /** Resolves when Redis has it. `wrong`: its condition does not compile, or there are too many. */
  add(silence: Omit<KeptSilence, 'id'>): Promise<{ readonly added: KeptSilence } | { readonly wrong: string }>;
  /** Ends it now; `undefined`: there is none. */
  end(id: string, nowMs: number): Promise<KeptSilence | undefined>;
  /** With how many alerts each has hidden, the one that ends last first. */
  list(): Promise<readonly (KeptSilence & { readonly hidden: number })[]>;
  /** Counts alerts that silences have hidden. */
  count(ids: readonly string[]): Promise<void>;
  close(): void;
};

const MOST = 1_000;
/** After their end they are still shown for so long. */
const KEEP_ENDED_MS = 7 * 24 * 3_600_000;
/** Pub/sub only wakes; whoever missed the word hears it no later than this. */
const SWEEP_MS = 500;

/** KEYS: silences. ARGV: id, JSON, most. */
const put = makeScript(`
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1`);

type Known = { readonly kept: KeptSilence; readonly silence: SharedSilence };

/** `subscriber` is a connection that only listens; it may listen to other channels as well. */
export async function openSilences(redis: Redis, subscriber: Redis): Promise<Silences> {
  let text = '';
  let known: readonly Known[] = [];
  const look = async (): Promise<void> => {
    const found = await redis.hgetall(keys.silences);
    const now = JSON.stringify(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    if (now === text) return;
    known = Object.values(found).flatMap((json) => {
      const kept = keptSchema.parse(JSON.parse(json));
      const compiled = compile(kept);
      return typeof compiled === 'string' ? [] : [{ kept, silence: compiled }];
    });
    text = now;
  };
  // Redis away: what was known last holds, and the sweep comes back.
  const lookSafely = (): void => void look().catch(() => undefined);
  await look();
  await subscriber.subscribe(keys.wakeSilences);
  subscriber.on('message', (channel: string) => {
    if (channel === keys.wakeSilences) lookSafely();
  });
  const timer = setInterval(lookSafely, SWEEP_MS);
  const keep = async (silence: KeptSilence): Promise<boolean> => {
    const isKept = (await put(redis, [keys.silences], [silence.id, JSON.stringify(silence), MOST])) === 1;
    await redis.publish(keys.wakeSilences, '');
    await look();
    return isKept;
  };
  const forget = async (nowMs: number): Promise<void> => {
    const old = known.filter(({ kept }) => kept.until_ms + KEEP_ENDED_MS < nowMs).map(({ kept }) => kept.id);
    if (old.length === 0) return;
    await redis.hdel(keys.silences, ...old);
    await redis.hdel(keys.silencesHidden, ...old);
  };
  return {
    find(scope, playbooks, nowMs) {
      const found = known.find(
        ({ silence }) =>
          (silence.playbooks === undefined || silence.playbooks.some((name) => playbooks.includes(name))) &&
          holds(silence, scope, nowMs),
      );
      return found && { id: found.kept.id, detail: describeSilence(found.silence) };
    },
    async add(given) {
      const added: KeptSilence = { ...given, id: `s${randomBytes(6).toString('hex')}` };
      const compiled = compile(added);
      if (typeof compiled === 'string') return { wrong: compiled };
      await forget(Date.now());
      return (await keep(added)) ? { added } : { wrong: `there are ${MOST} silences already` };
    },
    async end(id, nowMs) {
      const json = await redis.hget(keys.silences, id);
      if (json === null) return undefined;
      const kept = keptSchema.parse(JSON.parse(json));
      if (kept.until_ms <= nowMs) return kept;
      const ended = { ...kept, from_ms: Math.min(kept.from_ms, nowMs), until_ms: nowMs };
      await keep(ended);
      return ended;
    },
    async list() {
      const hidden = await redis.hgetall(keys.silencesHidden);
      return known
        .map(({ kept }) => ({ ...kept, hidden: Number(hidden[kept.id] ?? 0) }))
        .toSorted((a, b) => b.until_ms - a.until_ms);
    },
    async count(ids) {
      const pipeline = redis.pipeline();
      for (const id of ids) pipeline.hincrby(keys.silencesHidden, id, 1);
      await pipeline.exec();
    },
    close: () => clearInterval(timer),
  };
}

/** The silence, or what is wrong with it: read as one that stands in a file. JSON is YAML. */
function compile({ id, condition, playbooks, from_ms, until_ms, by, reason }: KeptSilence): SharedSilence | string {
  const at = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
  const document = { silence: id, condition, playbooks, until: at(until_ms), by, reason };
  const none = { get: () => undefined, has: () => false, keys: () => new Map<string, never>().keys() };
  const { silences, errors } = loadPlaybooks([{ path: id, text: JSON.stringify(document) }], none);
  const [silence] = silences;
  // To the millisecond, which the document does not have.
  if (silence !== undefined) return { ...silence, fromMs: from_ms, untilMs: until_ms };
  return errors.map(({ message }) => message).join('; ');
}
