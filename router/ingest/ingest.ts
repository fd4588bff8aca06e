import { matchPlaybooks } from '#playbooks/language/match';
import type { Playbook } from '#playbooks/language/playbook';
import { type Alert, severityOf } from '#rules/alert';
import type { PlacedJob, RunQueue } from '../queue/queue.ts';
import type { AlertStore } from '../store/alerts.ts';
import { alertIdOf } from './alert-id.ts';

export type Ingested = {
  readonly ids: readonly string[];
  readonly duplicates: number;
  /** Jobs that these alerts made. */
  readonly matched: number;
};

export type IngestPorts = {
  readonly playbooks: () => readonly Playbook[];
  readonly queue: RunQueue;
  readonly alerts: AlertStore;
};

/**
 * Takes alerts in: playbooks are matched here, so an alert that none wants costs no job. Resolves when Redis has the
 * jobs and the alerts; rejects when that is not sure, and then the sender repeats.
 *
 * The jobs go first and the alert's id is remembered last: whatever ends in between, the repeat makes the jobs again
 * under the same ids, and once the id is remembered, no repeat makes any.
 */
export async function ingest(
  alerts: readonly Alert[],
  { playbooks, queue, alerts: store }: IngestPorts,
): Promise<Ingested> {
  const placed = alerts.map((alert) => ({ id: alertIdOf(alert), alert }));
  const jobs = placed.flatMap(({ id, alert }) =>
    matchPlaybooks(playbooks(), alert, id).map(
      (playbook): PlacedJob => ({ id, alert, playbook: playbook.name, urgency: urgencyOf(playbook, alert) }),
    ),
  );
  const known = await store.known(jobs.map(({ id }) => id));
  const fresh = jobs.filter(({ id }) => !known.has(id));
  await queue.add(fresh);
  const stored = await store.add(placed);
  return { ids: placed.map(({ id }) => id), duplicates: placed.length - stored, matched: fresh.length };
}

/** 1 to 16, smaller first: what contains goes before what tells, then the more severe alert. */
function urgencyOf(playbook: Playbook, alert: Alert): number {
  const contains = playbook.steps.some(({ action }) => action.side === 'node');
  return 1 + (contains ? 0 : 8) + severityOf(alert.priority);
}
