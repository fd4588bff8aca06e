import { createHash } from 'node:crypto';
import { OPERATOR } from '../config/people-settings.ts';
import type { Ask, Message } from '../runs/outward.ts';
import type { AuditEntry, Pages, RunPorts } from '../runs/ports.ts';
import type { TimedStore } from '../store/timed.ts';
import type { Who } from './approvals.ts';
import { begin, escalate, FORGET_MS, type PageRecord, type PageVerb, settle } from './escalation.ts';

export type Settled = { readonly kind: 'taken' | 'over'; readonly record: PageRecord } | { readonly kind: 'unknown' };

export type PageDesk = Pages & {
  read(id: string): Promise<PageRecord | undefined>;
  /** By its id, or by the pager's key. `sinceMs`: when it was said, to tell a repeat from long ago. */
  answer(
    about: { readonly id: string } | { readonly key: string },
    verb: PageVerb,
    who: Who,
    sinceMs?: number,
  ): Promise<Settled>;
  /** Those that nobody has resolved. */
  open(): Promise<readonly PageRecord[]>;
  /** Tells the next ones of pages that nobody has acknowledged. */
  sweep(): Promise<void>;
};

export type PagePorts = {
  readonly store: TimedStore<PageRecord>;
  readonly kindOf: (destination: string) => string | undefined;
  readonly hand: RunPorts['hand'];
  readonly audit: (entry: AuditEntry) => Promise<unknown>;
  readonly counted: (outcome: 'started' | 'escalated' | 'exhausted' | 'acknowledged' | 'resolved') => void;
  readonly nowMs: () => number;
};

const MOST_SWEPT = 100;
/** Clocks of pagers and ours differ by less. */
const SKEW_MS = 5_000;

export function makePageDesk(ports: PagePorts): PageDesk {
  const { store, nowMs, hand, audit, counted } = ports;
  const note = (kind: string, { id, key, alertId, playbook }: PageRecord, more: object): Promise<unknown> =>
    audit({ kind, page: id, key, alert: alertId, playbook, ...more });
  const answer: PageDesk['answer'] = async (about, verb, { person, way, said }, sinceMs) => {
    const id = 'id' in about ? about.id : idOf(about.key);
    const found = await store.read(id);
    // A repeat of what was said about an earlier incident says nothing of this one.
    if (found === undefined || (sinceMs !== undefined && sinceMs < found.startedMs - SKEW_MS))
      return { kind: 'unknown' };
    const by = person === OPERATOR && said ? `${OPERATOR} (${said})` : person;
    if (settle(found, verb, { by, way }, nowMs()) === undefined) return { kind: 'over', record: found };
    // Handed before it is kept: whoever does it again after a crash hands the same.
    for (const message of wordsOf(found, verb, way, ports)) await hand(message);
    let isMine = false;
    const record = await store.change(id, (before) => {
      const after = before.startedMs === found.startedMs ? settle(before, verb, { by, way }, nowMs()) : undefined;
      isMine = after !== undefined;
      return after && { value: after.record, dueMs: after.dueMs };
    });
    if (record === undefined) return { kind: 'unknown' };
    if (!isMine) return { kind: 'over', record };
    counted(verb === 'resolve' ? 'resolved' : 'acknowledged');
    await note(`page_${verb}d`, record, { by, way });
    return { kind: 'taken', record };
  };
  return {
    async start({ key, targets, ackWithinMs, ...about }) {
      const id = idOf(key);
      const fresh: PageRecord = { id, key, ...about, targets, at: 0, ackWithinMs, startedMs: nowMs(), state: 'open' };
      const kept = await store.create(id, fresh, fresh.startedMs + ackWithinMs);
      if (kept === undefined) return undefined;
      let isFresh = kept === fresh;
      if (!isFresh)
        await store.change(id, (before) => {
          const next = begin(fresh, before);
          isFresh = next !== undefined;
          return next && { value: next.record, dueMs: next.dueMs };
        });
      if (isFresh) {
        counted('started');
        await note('page_started', fresh, { targets, ack_within_ms: ackWithinMs });
      }
      return { kind: 'page', id, way: targets[0] ?? '', untilMs: nowMs() + FORGET_MS };
    },
    async settled(key, verb, { playbook, via }) {
      await answer({ key }, verb, { person: `playbook ${playbook}`, way: via });
    },
    answer,
    read: store.read,
    open: async () => (await store.pending(1_000)).filter(({ state }) => state !== 'resolved'),
    async sweep() {
      for (const id of await store.due(nowMs(), MOST_SWEPT)) {
        const found = await store.read(id);
        const next = found && escalate(found, nowMs());
        // Told before it is kept, under a key of its own: a router that dies in between does not skip anybody.
        if (next?.tell !== undefined) await hand(messageTo(next.tell, next.record, ports));
        let isMine = false;
        const record = await store.change(id, (before) => {
          const after = before.startedMs === found?.startedMs ? escalate(before, nowMs()) : undefined;
          isMine = after !== undefined;
          return after && { value: after.record, dueMs: after.dueMs };
        });
        if (!isMine || record === undefined || next === undefined) continue;
        if (next.tell === undefined && record.state !== 'exhausted') continue;
        counted(next.tell === undefined ? 'exhausted' : 'escalated');
        const told = next.tell === undefined ? {} : { target: next.tell };
        await note(next.tell === undefined ? 'page_exhausted' : 'page_escalated', record, told);
      }
    },
  };
}

function idOf(key: string): string {
  return `p${createHash('sha256').update(key).digest('hex').slice(0, 23)}`;
}

/** What the next one is told, in the form of its kind. */
function messageTo(via: string, record: PageRecord, { kindOf }: PagePorts): Message {
  const { id, key, alert, alertId, playbook, params, at, startedMs } = record;
  const ask: Ask = { kind: 'page', id, way: via, untilMs: startedMs + FORGET_MS };
  const about = { via, alert, alertId, playbook, key: `${alertId}/${playbook}/page-${startedMs}/${at}-${via}`, ask };
  const { summary, details, link } = params;
  const title = typeof summary === 'string' ? summary : `${alert.priority}: ${alert.rule}`;
  const shown = { via, title: `Not acknowledged: ${title}`, ...(details === undefined ? {} : { fields: details }) };
  switch (kindOf(via)) {
    case 'chat':
      return { ...about, uses: 'chat', params: { ...shown, ...(link === undefined ? {} : { link }) } };
    case 'email':
      return { ...about, uses: 'email', params: { via, subject: shown.title } };
    default:
      return { ...about, uses: 'page', params: { ...params, via, key } };
  }
}

/** Every pager that was told hears of it, but the one that said so. */
function wordsOf(record: PageRecord, verb: PageVerb, way: string, { kindOf }: PagePorts): readonly Message[] {
  const { key, alert, alertId, playbook, targets, at, startedMs } = record;
  return targets.slice(0, at + 1).flatMap((via): readonly Message[] => {
    if (via === way || kindOf(via) !== 'page') return [];
    const own = `${alertId}/${playbook}/page-${startedMs}/${verb}-${via}`;
    return [{ via, uses: 'page', params: { via, action: verb, key }, alert, alertId, playbook, key: own }];
  });
}
