import type { Redis } from '../redis/connection.ts';
import type { AuditEntry } from '../runs/ports.ts';
import { type Head, link, NONE } from './audit-chain.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

/**
 * A command of Redis: its name, its key and the rest. `UNLESS`, a key and a number leave so many of the next out, whose
 * answers are null, when there is such a key.
 */
export type Write = readonly [string, string, ...(string | number)[]];

export type AuditLog = {
  /**
   * Resolves when the log in Redis has it, after everything that was appended before. What is appended in one turn is
   * brought to the disk as one, and so are `writes`: they come about with the entry or not at all. Resolves with
   * their answers.
   */
  append(entry: AuditEntry | undefined, writes?: readonly Write[]): Promise<readonly unknown[]>;
  /** Lines after the one with this number, the oldest first. */
  read(afterSeq: number, count: number): Promise<readonly string[]>;
  head(): Promise<Head>;
};

/** Entries kept; `lanner audit verify --save FILE` keeps what must be kept for longer. */
const MOST_ENTRIES = 200_000;
const MOST_AT_ONCE = 200;
const MOST_WAITING = 50_000;
const MOST_TRIES = 100;

/**
 * KEYS: head, stream, and what the writes touch. ARGV: the head that we know, the head after, most entries, number of the
 * first line, how many lines, lines; then each write: how many words, words. Does all of it if nobody else has appended
 * meanwhile, and returns the writes' answers; else returns the head that there is.
 */
const append = makeScript(`
local head = redis.call('GET', KEYS[1]) or ''
if head ~= ARGV[1] then return head end
local lines = tonumber(ARGV[5])
for at = 1, lines do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '0-' .. string.format('%.0f', ARGV[4] + at - 1), 'line', ARGV[5 + at])
end
if lines > 0 then redis.call('SET', KEYS[1], ARGV[2]) end
local answers, at, left = {}, 6 + lines, 0
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  if left > 0 then
    answers[#answers + 1] = false
    left = left - 1
  elseif ARGV[at + 1] == 'UNLESS' then
    left = redis.call('EXISTS', ARGV[at + 2]) * tonumber(ARGV[at + 3])
    answers[#answers + 1] = left
  else
    answers[#answers + 1] = redis.pcall(unpack(ARGV, at + 1, at + words))
  end
  at = at + words + 1
end
return answers`);

type Waiting = {
  readonly entry: AuditEntry | undefined;
  readonly writes: readonly Write[];
  readonly done: (answers: readonly unknown[]) => void;
  readonly failed: (error: Error) => void;
};

/** One chain for all replicas: each appends to the head that it knows, and follows when another was faster. */
export function makeAuditLog(redis: Redis, nowMs: () => number): AuditLog {
  const waiting: Waiting[] = [];
  let known = '';
  let isFlushing = false;

  const appendSome = async (some: readonly Waiting[]): Promise<readonly unknown[]> => {
    const writes = some.flatMap((one) => one.writes);
    const places = [keys.auditHead, keys.audit, ...new Set(writes.flatMap(placeOf))];
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const before = readHead(known);
      let head = before;
      const lines = some.flatMap(({ entry }) => {
        if (entry === undefined) return [];
        const linked = link(head, entry, nowMs());
        head = linked.head;
        return [linked.line];
      });
      const after = lines.length === 0 ? known : `${head.seq} ${head.hash}`;
      const words = [known, after, MOST_ENTRIES, before.seq + 1, lines.length, ...lines];
      const answer = await append(redis, places, [...words, ...writes.flatMap((write) => [write.length, ...write])]);
      if (Array.isArray(answer)) {
        known = after;
        return answer;
      }
      known = String(answer);
    }
    throw new Error('other replicas were faster too often');
  };

  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const some = waiting.splice(0, MOST_AT_ONCE);
      try {
        settle(some, await appendSome(some));
      } catch (error) {
        // Whoever waits for it does not act, and comes again.
        const failure = error instanceof Error ? error : new Error(String(error));
        for (const { failed } of some) failed(failure);
      }
    }
    isFlushing = false;
  };

  return {
    append(entry, writes = []) {
      if (waiting.length >= MOST_WAITING) return Promise.reject(new Error('the audit log cannot follow'));
      return new Promise((resolve, reject) => {
        waiting.push({ entry, writes, done: resolve, failed: reject });
        if (isFlushing) return;
        isFlushing = true;
        // What else this turn appends goes with it.
        setImmediate(() => void flush());
      });
    },
    async read(afterSeq, count) {
      const entries = await redis.xrange(keys.audit, `0-${afterSeq + 1}`, '+', 'COUNT', count);
      return entries.map(([, fields]) => fields[1] ?? '');
    },
    head: async () => readHead((await redis.get(keys.auditHead)) ?? ''),
  };
}

/** Channels are no keys. */
function placeOf([command, key]: Write): readonly string[] {
  return command === 'PUBLISH' ? [] : [key];
}

function settle(some: readonly Waiting[], answers: readonly unknown[]): void {
  let at = 0;
  for (const { writes, done, failed } of some) {
    const own = answers.slice(at, at + writes.length);
    at += writes.length;
    const refused = own.find((answer) => answer instanceof Error);
    if (refused instanceof Error) failed(refused);
    else done(own);
  }
}

function readHead(text: string): Head {
  const [seq, hash] = text.split(' ');
  return seq === undefined || hash === undefined ? NONE : { seq: Number(seq), hash };
}
