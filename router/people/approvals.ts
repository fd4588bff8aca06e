import type { Answer } from '#playbooks/language/run';
import { OPERATOR } from '../config/people-settings.ts';
import type { Ask, Message } from '../runs/outward.ts';
import type { Approvals, AuditEntry, Question, RunPorts } from '../runs/ports.ts';
import type { TimedStore } from '../store/timed.ts';
import type { People } from './people.ts';

/** A question to people, as it is kept. */
export type ApprovalRecord = Question & {
  readonly askedMs: number;
  readonly untilMs: number;
  readonly answer?: Answer;
};

/** Who answers, and by which way: `console`, or the destination whose link or button it was. */
export type Who = {
  readonly person: string;
  readonly way: string;
  /** What the operator's command line says of itself; nobody checks it. */
  readonly said?: string | undefined;
};

export type Answered =
  | { readonly kind: 'taken'; readonly record: ApprovalRecord }
  /** Somebody was faster, or the time was over. */
  | { readonly kind: 'over'; readonly record: ApprovalRecord; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown' };

export type ApprovalDesk = Approvals & {
  answer(id: string, verdict: 'approved' | 'denied', who: Who): Promise<Answered>;
  read(id: string): Promise<ApprovalRecord | undefined>;
  /** Those that wait for an answer, the soonest to end first. */
  open(): Promise<readonly ApprovalRecord[]>;
  /** Wakes runs that have an answer and have not taken it: whoever should have, may have died. */
  sweep(): Promise<void>;
};

export type ApprovalPorts = {
  readonly store: TimedStore<ApprovalRecord>;
  readonly people: Pick<People, 'isIn' | 'withEmail'>;
  /** What kind each destination is of. */
  readonly kindOf: (destination: string) => string | undefined;
  readonly hand: RunPorts['hand'];
  /** Has the run go on now. */
  readonly wake: (run: string) => Promise<void>;
  readonly audit: (entry: AuditEntry) => Promise<unknown>;
  readonly counted: (outcome: 'asked' | Answer['verdict'] | 'refused') => void;
  readonly nowMs: () => number;
};

const MOST_SHOWN = 500;
const MOST_SWEPT = 100;
/** A run that has not taken its answer by then is gone. */
const GIVE_UP_MS = 24 * 3_600_000;

/** Asks people, takes their answers, and has the runs that wait for them go on. */
export function makeApprovalDesk(ports: ApprovalPorts): ApprovalDesk {
  const { store, people, nowMs } = ports;
  return {
    async ask(question) {
      const askedMs = nowMs();
      const mine: ApprovalRecord = { ...question, askedMs, untilMs: askedMs + question.approve.withinMs };
      const record = await store.create(question.id, mine, mine.untilMs);
      if (record === undefined) throw new Error('too many questions wait for an answer');
      if (record.askedMs === askedMs) ports.counted('asked');
      // Handed again after a crash, a message is recognised by its key.
      for (const message of messagesOf(record, ports)) await ports.hand(message);
      return { id: record.id, untilMs: record.untilMs };
    },
    async look(id) {
      const record = await store.change(id, (before) => {
        if (before.answer !== undefined || nowMs() < before.untilMs) return undefined;
        const answer: Answer = { verdict: 'late', by: '', way: '', atMs: nowMs() };
        return { value: { ...before, answer }, dueMs: nowMs() };
      });
      // It has run out, long after its time.
      if (record === undefined) return { verdict: 'late', by: '', way: '', atMs: nowMs() };
      return record.answer;
    },
    async taken(id) {
      const record = await store.change(id, (value) => ({ value, dueMs: undefined }));
      if (record?.answer !== undefined) ports.counted(record.answer.verdict);
    },
    async drop(id) {
      const answer: Answer = { verdict: 'late', by: '', way: '', atMs: nowMs() };
      await store.change(id, (value) => ({ value: { ...value, answer: value.answer ?? answer }, dueMs: undefined }));
    },
    async answer(id, verdict, who) {
      const found = await store.read(id);
      if (found === undefined) return { kind: 'unknown' };
      const reason = whyNot(found, who, people);
      if (reason !== undefined) {
        ports.counted('refused');
        const about = { approval: id, run: found.run, playbook: found.playbook, step: found.step };
        await ports.audit({ kind: 'approval_refused', ...about, by: who.person, way: who.way, verdict, reason });
        return { kind: 'refused', reason };
      }
      const by = who.person === OPERATOR && who.said ? `${OPERATOR} (${who.said})` : who.person;
      const mine: Answer = { verdict, by, way: who.way, atMs: nowMs() };
      let isMine = false;
      const record = await store.change(id, (before) => {
        isMine = before.answer === undefined && nowMs() < before.untilMs;
        return isMine ? { value: { ...before, answer: mine }, dueMs: nowMs() } : undefined;
      });
      if (record === undefined) return { kind: 'unknown' };
      await ports.wake(record.run);
      if (isMine) return { kind: 'taken', record };
      return { kind: 'over', record, answer: record.answer ?? { ...mine, verdict: 'late', by: '', way: '' } };
    },
    read: store.read,
    open: async () =>
      (await store.pending(1_000)).filter(({ answer, untilMs }) => answer === undefined && nowMs() < untilMs),
    async sweep() {
      for (const id of await store.due(nowMs(), MOST_SWEPT)) {
        const record = await store.change(id, (value) =>
          nowMs() > value.untilMs + GIVE_UP_MS ? { value, dueMs: undefined } : undefined,
        );
        if (record !== undefined) await ports.wake(record.run);
      }
    },
  };
}

function whyNot(
  { approve }: ApprovalRecord,
  { person, way }: Who,
  people: ApprovalPorts['people'],
): string | undefined {
  if (!approve.via.includes(way)) return `this is not answered by ${way}, but by ${approve.via.join(', ')}`;
  if (people.isIn(person, approve.by)) return undefined;
  return `${person} is not in ${approve.by.join(' or ')}`;
}

/** One to each chat, and one of their own to everybody with an e-mail address. */
function messagesOf(record: ApprovalRecord, { people, kindOf }: ApprovalPorts): readonly Message[] {
  const { id, playbook, step, uses, params, alert, alertId, approve, untilMs } = record;
  const title = `Approval wanted: ${playbook}/${step}`;
  const shown = JSON.stringify(params ?? {}).slice(0, MOST_SHOWN);
  const otherwise = approve.otherwise === 'proceed' ? 'it is done without an answer' : 'without one it is not done';
  const text = [
    `${uses} with ${shown}`,
    `because of ${alert.rule}: ${alert.output}`,
    `Answers by ${approve.by.join(', ')} count until ${new Date(untilMs).toISOString()}; ${otherwise}.`,
  ].join('\n');
  const about = { alert, alertId, playbook };
  return approve.via.flatMap((via): readonly Message[] => {
    const ask: Ask = { kind: 'approval', id, way: via, untilMs };
    const key = `${alertId}/${playbook}/${step}/ask-${via}`;
    if (kindOf(via) === 'chat') return [{ via, uses: 'chat', params: { via, title, text }, ...about, key, ask }];
    if (kindOf(via) !== 'email') return [];
    return people.withEmail(approve.by).map(({ person, email }) => ({
      ...{ via, uses: 'email', ...about, key: `${key}-${person}`, ask: { ...ask, person } },
      params: { via, to: email, subject: title, text },
    }));
  });
}
