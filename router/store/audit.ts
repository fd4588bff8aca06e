import type { Redis } from '../redis/connection.ts';
import type { AuditEntry } from '../runs/ports.ts';
import { type Head, link, NONE } from './audit-chain.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

export type AuditLog = {
  /** Resolves when the log in Redis has it, after everything that was appended before. */
  append(entry: AuditEntry): Promise<void>;
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
 * KEYS: head, stream. ARGV: the head that we know, the head after, most entries, number of the first line, lines. Appends
 * if nobody else has appended meanwhile; else returns the head that there is.
 */
const append = makeScript(`
local head = redis.call('GET', KEYS[1]) or ''
if head ~= ARGV[1] then return head end
for at = 5, #ARGV do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '0-' .. string.format('%.0f', ARGV[4] + at - 5), 'line', ARGV[at])
end
redis.call('SET', KEYS[1], ARGV[2])
return 1`);

type Waiting = { readonly entry: AuditEntry; readonly done: (error: Error | undefined) => void };

/** One chain for all replicas: each appends to the head that it knows, and follows when another was faster. */
export function makeAuditLog(redis: Redis, nowMs: () => number): AuditLog {
  const waiting: Waiting[] = [];
  let known = '';
  let isFlushing = false;

  const appendSome = async (some: readonly Waiting[]): Promise<void> => {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const before = readHead(known);
      let head = before;
      const lines = some.map(({ entry }) => {
        const linked = link(head, entry, nowMs());
        head = linked.head;
        return linked.line;
      });
      const after = `${head.seq} ${head.hash}`;
      const words = [known, after, MOST_ENTRIES, before.seq + 1, ...lines];
      const answer = await append(redis, [keys.auditHead, keys.audit], words);
      if (answer === 1) {
        known = after;
        return;
      }
      known = String(answer);
    }
    throw new Error('other replicas were faster too often');
  };

  const flush = async (): Promise<void> => {
    if (isFlushing) return;
    isFlushing = true;
    while (waiting.length > 0) {
      const some = waiting.splice(0, MOST_AT_ONCE);
      let failure: Error | undefined;
      try {
        await appendSome(some);
      } catch (error) {
        // Whoever waits for it does not act, and comes again.
        failure = error instanceof Error ? error : new Error(String(error));
      }
      for (const { done } of some) done(failure);
    }
    isFlushing = false;
  };

  return {
    append(entry) {
      if (waiting.length >= MOST_WAITING) return Promise.reject(new Error('the audit log cannot follow'));
      return new Promise((resolve, reject) => {
        waiting.push({ entry, done: (error) => (error === undefined ? resolve() : reject(error)) });
        void flush();
      });
    },
    async read(afterSeq, count) {
      const entries = await redis.xrange(keys.audit, `0-${afterSeq + 1}`, '+', 'COUNT', count);
      return entries.map(([, fields]) => fields[1] ?? '');
    },
    head: async () => readHead((await redis.get(keys.auditHead)) ?? ''),
  };
}

function readHead(text: string): Head {
  const [seq, hash] = text.split(' ');
  return seq === undefined || hash === undefined ? NONE : { seq: Number(seq), hash };
}
