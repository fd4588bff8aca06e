import { createHash } from 'node:crypto';
import { type Alert, alertSchema } from '#rules/alert';
import type { ActionResult } from '../runs/action.ts';
import type { Message } from '../runs/outward.ts';
import type { DigestStore, DigestTiming } from '../store/digests.ts';
import { composeDigest, type DigestRow, rowOf } from './digest.ts';

export type Digests = {
  /** Keeps the message for the next digest of its destination. */
  gather(message: Message, timing: DigestTiming): Promise<ActionResult>;
  /** Hands over what is due. */
  sweep(): Promise<void>;
};

export type DigestPorts = {
  readonly store: DigestStore;
  readonly kindOf: (destination: string) => string | undefined;
  /** Into the destination's own queue, whatever it gathers. */
  readonly handNow: (message: Message) => Promise<ActionResult>;
  readonly nowMs: () => number;
};

const FULL_RETRY_MS = 5_000;

export function makeDigests({ store, kindOf, handNow, nowMs }: DigestPorts): Digests {
  return {
    async gather({ via, key, alert, playbook }, timing) {
      const id = createHash('sha256').update(key).digest('hex').slice(0, 24);
      const kept = await store.put(via, id, JSON.stringify(rowOf(alert, playbook, nowMs())), timing, nowMs());
      if (kept === 'kept') return { status: 'done', detail: `kept for the next digest of ${via}` };
      const reason = `the digest of ${via} is full: what was gathered before cannot be handed over`;
      return { status: 'failed', retry: true, reason, retryAfterMs: FULL_RETRY_MS };
    },
    async sweep() {
      for (const via of await store.due(nowMs())) {
        // A destination that is missing from the configuration may come back.
        if (kindOf(via) === undefined) continue;
        const batch = await store.take(via);
        if (batch === undefined) continue;
        // What is written there was written by `gather`. The same batch is the same message, whoever hands it over.
        const rows = batch.rows.map((json): DigestRow => JSON.parse(json));
        const handed = await handNow(messageOf(via, kindOf(via), batch.id, rows));
        // A queue that is full takes it at a later look.
        if (handed.status === 'done') await store.done(via, batch.id);
      }
    },
  };
}

function messageOf(via: string, kind: string | undefined, batch: string, rows: readonly DigestRow[]): Message {
  const { subject, text, table, worst } = composeDigest(rows);
  const lastMs = Math.max(...rows.map(({ atMs }) => atMs));
  const alert: Alert = alertSchema.parse({
    time: new Date(lastMs).toISOString(),
    rule: 'Lanner digest',
    priority: worst,
    source: 'internal',
    output: subject,
    tags: ['digest'],
  });
  const params = kind === 'chat' ? { via, title: subject, text, fields: {} } : { via, subject, text };
  const alertId = `digest-${via}-${batch}`;
  return { via, uses: kind ?? 'email', params, alert, alertId, playbook: 'digest', key: `${alertId}/digest`, table };
}
