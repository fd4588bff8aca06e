import { hasMemory } from '#playbooks/language/gate';
import { matchPlaybooks } from '#playbooks/language/match';
import { actionSteps, type Playbook } from '#playbooks/language/playbook';
import type { RunMode } from '#playbooks/language/run';
import { type Alert, severityOf } from '#rules/alert';
import type { Express } from '../queue/express.ts';
import { type PlacedJob, type RunQueue, runIdOf } from '../queue/queue.ts';
import type { AlertStore, StoredAlert } from '../store/alerts.ts';
import type { Decided, Gates } from '../store/gates.ts';
import type { RunStore } from '../store/runs.ts';
import type { Silences } from '../store/silences.ts';
import { alertIdOf } from './alert-id.ts';

export type Ingested = {
  readonly ids: readonly string[];
  readonly duplicates: number;
  /** Jobs that these alerts made. */
  readonly matched: number;
};

/** Whether Redis can know these alerts. */
export type Seen = 'never' | 'perhaps';

/** An alert that a playbook wants, and what was decided. */
export type Verdict = Decided & { readonly playbook: Playbook; readonly mode: RunMode; readonly placed: StoredAlert };

export type IngestPorts = {
  /** Those in use, and the commit that they are of; both of one moment. */
  readonly playbooks: () => { readonly playbooks: readonly Playbook[]; readonly revision: string | undefined };
  readonly mode: RunMode;
  readonly queue: RunQueue;
  readonly alerts: AlertStore;
  readonly gates: Gates;
  readonly silences: Pick<Silences, 'find' | 'count'>;
  readonly nowMs: () => number;
  readonly runs: Pick<RunStore, 'known'>;
  readonly express: Pick<Express, 'isFor' | 'begin'>;
  /** Told what was decided on fresh alerts, before the sender is answered. */
  readonly decided: (verdicts: readonly Verdict[]) => Promise<void>;
};

/**
 * Takes alerts in: playbooks are matched here, so an alert that none wants costs no job. Resolves when Redis has the
 * jobs and the alerts; rejects when that is not sure, and then the sender repeats.
 *
 * The jobs go before the alert's id is remembered: whatever ends in between, the repeat makes the jobs again under the
 * same ids, and once the id is remembered, no repeat makes any. What was decided is kept as long. What contains is begun
 * together with the decision's entry in the audit log, without waiting for its job.
 */
export async function ingest(alerts: readonly Alert[], seen: Seen, ports: IngestPorts): Promise<Ingested> {
  const { queue, alerts: store, gates, runs, express } = ports;
  const placed = alerts.map((alert) => ({ id: alertIdOf(alert), alert }));
  // A sender may repeat an alert within one request.
  const distinct = [...new Map(placed.map((one) => [one.id, one])).values()];
  const { revision, playbooks } = ports.playbooks();
  const matches = distinct.flatMap((one) =>
    matchPlaybooks(playbooks, one.alert, one.id).map((playbook) => ({ playbook, placed: one })),
  );
  const urgent = seen === 'never' ? [] : matches.filter(({ playbook }) => express.isFor(playbook));
  const [known, begun] = await Promise.all([
    store.known(seen === 'never' ? [] : matches.map((match) => match.placed.id)),
    runs.known(urgent.map(({ playbook, placed: { id } }) => runIdOf({ id, playbook: playbook.name }))),
  ]);
  const fresh = new Map<Playbook, StoredAlert[]>();
  for (const { playbook, placed: one } of matches) {
    if (known.has(one.id)) continue;
    const others = fresh.get(playbook);
    if (others === undefined) fresh.set(playbook, [one]);
    else others.push(one);
  }
  const verdicts = (await Promise.all([...fresh].map(([playbook, some]) => decideAll(playbook, some, ports)))).flat();
  const jobs = verdicts.flatMap((verdict) => jobsOf(verdict, revision));
  const told = verdicts.length > 0 ? ports.decided(verdicts) : undefined;
  const contain = verdicts
    .filter(({ playbook }) => express.isFor(playbook))
    .flatMap((verdict) => jobsOf(verdict, revision));
  for (const job of contain) if (job.window === undefined && !begun.has(runIdOf(job))) express.begin(job);
  await told;
  await queue.add(jobs);
  const silenced = new Map(verdicts.flatMap(silencedBy));
  const stored = await store.add(placed.map((one) => withSilence(one, silenced, ports)));
  const remembered = verdicts.filter(({ playbook }) => hasMemory(playbook));
  await gates.settled(remembered.map(({ playbook, placed: { id } }) => runIdOf({ id, playbook: playbook.name })));
  return { ids: placed.map(({ id }) => id), duplicates: placed.length - stored, matched: jobs.length };
}

async function decideAll(
  playbook: Playbook,
  some: readonly StoredAlert[],
  { gates, silences, nowMs, mode: usual }: IngestPorts,
): Promise<readonly Verdict[]> {
  const mode = playbook.mode ?? usual;
  const at = nowMs();
  const candidates = some.map(({ id, alert }) => ({
    runId: runIdOf({ id, playbook: playbook.name }),
    scope: { alert, alertId: id, steps: new Map() },
  }));
  // Nothing is remembered of what is silenced.
  const quiet = candidates.map(({ scope }) => silences.find(scope, [playbook.name], at));
  const hidden = quiet.flatMap((silence) => (silence === undefined ? [] : [silence.id]));
  if (hidden.length > 0) await silences.count(hidden);
  const open = candidates.filter((_, index) => quiet[index] === undefined);
  const decided = open.length === 0 ? [] : [...(await gates.decide(playbook, mode, open))];
  return some.flatMap((placed, index): Verdict[] => {
    const silence = quiet[index];
    const one = silence === undefined ? decided.shift() : heldBy(silence.detail);
    return one === undefined ? [] : [{ ...one, playbook, mode, placed }];
  });
}

function heldBy(detail: string): Decided {
  return { decision: { kind: 'held', guard: 'silence', detail }, window: undefined };
}

function silencedBy({ placed, decision }: Verdict): readonly (readonly [string, string])[] {
  return decision.kind === 'held' && decision.guard === 'silence' ? [[placed.id, decision.detail]] : [];
}

/** Also of what no playbook wants: people look at alerts as well. */
function withSilence(
  placed: StoredAlert,
  known: ReadonlyMap<string, string>,
  { silences, nowMs }: IngestPorts,
): StoredAlert {
  const { id, alert } = placed;
  const silenced = known.get(id) ?? silences.find({ alert, alertId: id, steps: new Map() }, [], nowMs())?.detail;
  return silenced === undefined ? placed : { ...placed, silenced };
}

function jobsOf({ playbook, placed, decision, window }: Verdict, revision: string | undefined): readonly PlacedJob[] {
  const job = { ...placed, playbook: playbook.name, revision, urgency: urgencyOf(playbook, placed.alert) };
  if (decision.kind === 'start') {
    const { trigger, guards } = decision;
    return [{ ...job, trigger, guards }];
  }
  return window === undefined ? [] : [{ ...job, window }];
}

/** 1 to 16, smaller first: what contains goes before what tells, then the more severe alert. */
function urgencyOf(playbook: Playbook, alert: Alert): number {
  const contains = actionSteps(playbook).some(({ action }) => action.side === 'node');
  return 1 + (contains ? 0 : 8) + severityOf(alert.priority);
}
