import type { Ask } from '../runs/outward.ts';
import type { Answered, ApprovalDesk, ApprovalRecord, Who } from './approvals.ts';
import type { PageRecord } from './escalation.ts';
import type { PageDesk, Settled } from './pages.ts';

export type Verb = 'approve' | 'deny' | 'acknowledge' | 'resolve';

/** What somebody is asked, for a page that shows it. */
export type Described = {
  readonly title: string;
  readonly lines: readonly string[];
  /** What may be answered; nothing when it is over. */
  readonly verbs: readonly Verb[];
};

/** `over`: somebody was faster, or the time is over. */
export type Acted = { readonly kind: 'taken' | 'over' | 'refused' | 'unknown'; readonly said: string };

/** What people are asked and what they answer, whatever it is about and whichever way it comes. */
export type Answers = {
  describe(about: Pick<Ask, 'kind' | 'id'>): Promise<Described | undefined>;
  act(about: Pick<Ask, 'kind' | 'id'>, verb: Verb, who: Who): Promise<Acted>;
};

const MOST_SHOWN = 4_096;

export function makeAnswers(
  approvals: Pick<ApprovalDesk, 'read' | 'answer'>,
  pages: Pick<PageDesk, 'read' | 'answer'>,
): Answers {
  return {
    async describe({ kind, id }) {
      if (kind === 'page') {
        const page = await pages.read(id);
        return page && describePage(page);
      }
      const record = await approvals.read(id);
      return record && describeApproval(record);
    },
    async act({ kind, id }, verb, who) {
      if (kind === 'page' && (verb === 'acknowledge' || verb === 'resolve'))
        return sayPage(await pages.answer({ id }, verb, who));
      if (kind === 'page' || verb === 'acknowledge' || verb === 'resolve')
        return { kind: 'refused', said: `${verb} is no answer to this` };
      return sayApproval(await approvals.answer(id, verb === 'approve' ? 'approved' : 'denied', who));
    },
  };
}

function describeApproval(record: ApprovalRecord): Described {
  const { playbook, step, uses, params, alert, approve, untilMs, answer } = record;
  return {
    title: `May ${playbook} perform ${step}?`,
    lines: [
      `${uses} with ${JSON.stringify(params ?? {})}`.slice(0, MOST_SHOWN),
      `Alert: ${alert.priority}: ${alert.rule}`,
      alert.output.slice(0, MOST_SHOWN),
      answer === undefined
        ? `Until ${new Date(untilMs).toISOString()}; without an answer it is ${approve.otherwise === 'proceed' ? '' : 'not '}done.`
        : sayAnswer(answer),
    ],
    verbs: answer === undefined ? ['approve', 'deny'] : [],
  };
}

function describePage(record: PageRecord): Described {
  const { alert, key, state, targets, at } = record;
  return {
    title: `${alert.priority}: ${alert.rule}`,
    lines: [
      alert.output.slice(0, MOST_SHOWN),
      `Incident ${key}`,
      `Told: ${targets.slice(0, at + 1).join(', ')}`,
      sayState(record),
    ],
    verbs: state === 'resolved' ? [] : state === 'acknowledged' ? ['resolve'] : ['acknowledge', 'resolve'],
  };
}

function sayPage(settled: Settled): Acted {
  if (settled.kind === 'unknown')
    return { kind: 'unknown', said: 'there is no such page; it may be older than what is kept' };
  const { kind, record } = settled;
  return { kind, said: kind === 'taken' ? sayState(record) : `nothing was changed: ${sayState(record)}` };
}

function sayState({ state, by, way }: PageRecord): string {
  if (state === 'open') return 'nobody has acknowledged it';
  if (state === 'exhausted') return 'nobody has acknowledged it, and everybody was told';
  return `${by} has ${state} it (${way})`;
}

function sayApproval(answered: Answered): Acted {
  switch (answered.kind) {
    case 'taken':
      return { kind: 'taken', said: sayAnswer(answered.record.answer) };
    case 'over':
      return { kind: 'over', said: `it is decided already: ${sayAnswer(answered.answer)}` };
    case 'refused':
      return { kind: 'refused', said: answered.reason };
    case 'unknown':
      return { kind: 'unknown', said: 'there is no such question; it may be older than what is kept' };
  }
}

function sayAnswer(answer: ApprovalRecord['answer']): string {
  if (answer === undefined) return 'not answered';
  return answer.verdict === 'late'
    ? 'nobody answered in time'
    : `${answer.by} has ${answer.verdict} it (${answer.way})`;
}
