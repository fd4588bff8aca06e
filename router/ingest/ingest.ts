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
 * jobs and the alerts; rejects when that is not sure, and then the sender repeats, which every part of this recognises.
 */
export async function ingest(
  alerts: readonly Alert[],
  { playbooks, queue, alerts: store }: IngestPorts,
): Promise<Ingested> {
  const placed = alerts.map((alert) => ({ id: alertIdOf(alert), alert }));
  const fresh = await store.add(placed);
  // Jobs of repeats are offered again: the first time may have ended between the alert and its jobs.
  const jobs = placed.flatMap(({ id, alert }) =>
    matchPlaybooks(playbooks(), alert, id).map(
      (playbook): PlacedJob => ({ alert: id, playbook: playbook.name, urgency: urgencyOf(playbook, alert) }),
    ),
  );
  await queue.add(jobs);
  return { ids: placed.map(({ id }) => id), duplicates: placed.length - fresh.length, matched: jobs.length };
}

/** 1 to 16, smaller first: what contains goes before what tells, then the more severe alert. */
function urgencyOf(playbook: Playbook, alert: Alert): number {
  const contains = playbook.steps.some(({ action }) => action.side === 'node');
  return 1 + (contains ? 0 : 8) + severityOf(alert.priority);
}
