import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the router counts, under the names that /metrics shows. One set per router. */
export type Metrics = ReturnType<typeof makeMetrics>;

export function makeMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    alertsAccepted: new Counter({
      name: 'lanner_alerts_accepted_total',
      help: 'Alerts that were stored and answered with 202.',
      registers,
    }),
    alertsDuplicate: new Counter({
      name: 'lanner_alerts_duplicate_total',
      help: 'Accepted alerts that were here before.',
      registers,
    }),
    alertsRefused: new Counter({
      name: 'lanner_alert_requests_refused_total',
      help: 'Requests with alerts that were not accepted.',
      labelNames: ['status'],
      registers,
    }),
    jobsQueued: new Counter({
      name: 'lanner_jobs_queued_total',
      help: 'Runs asked for: alert and playbook.',
      registers,
    }),
    decisions: new Counter({
      name: 'lanner_playbook_decisions_total',
      help: 'Alerts that a playbook matched: start, or what held the run back.',
      labelNames: ['playbook', 'decision'],
      registers,
    }),
    playbookStopped: new Gauge({
      name: 'lanner_playbook_stopped',
      help: '1 while a playbook has stopped itself and waits for a person.',
      labelNames: ['playbook'],
      registers,
    }),
    runsFinished: new Counter({
      name: 'lanner_runs_finished_total',
      help: 'Runs by how they ended.',
      labelNames: ['playbook', 'state'],
      registers,
    }),
    runSeconds: new Histogram({
      name: 'lanner_alert_to_run_end_seconds',
      help: 'From the event to the end of the run.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600],
      registers,
    }),
    revision: new Gauge({
      name: 'lanner_revision_info',
      help: '1 for the commit whose playbooks are used.',
      labelNames: ['commit'],
      registers,
    }),
    syncOk: new Gauge({
      name: 'lanner_sync_ok',
      help: '1 when the last look at the repository found a commit that can be used.',
      registers,
    }),
    queueJobs: new Gauge({
      name: 'lanner_queue_jobs',
      help: 'Jobs by state; all but completed and failed are accepted and not yet handed on.',
      labelNames: ['state'],
      registers,
    }),
    deliveries: new Counter({
      name: 'lanner_deliveries_total',
      help: 'Attempts to deliver a message to a destination: delivered, again (it is tried again) or dead (it is not).',
      labelNames: ['destination', 'outcome'],
      registers,
    }),
    deliverySeconds: new Histogram({
      name: 'lanner_delivery_seconds',
      help: 'From when a message was handed over to when its destination took it.',
      labelNames: ['destination'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 300, 3_600],
      registers,
    }),
    destinationMessages: new Gauge({
      name: 'lanner_destination_messages',
      help: 'Messages of a destination by state: waiting, active, dead, gathered (for its next digest).',
      labelNames: ['destination', 'state'],
      registers,
    }),
    destinationUp: new Gauge({
      name: 'lanner_destination_up',
      help: '0 while the breaker of a destination is open: it failed so often that nothing is sent for a while.',
      labelNames: ['destination'],
      registers,
    }),
    evidence: new Counter({
      name: 'lanner_evidence_total',
      help: 'Evidence that nodes handed over: kept, refused for good, or put off to later.',
      labelNames: ['outcome'],
      registers,
    }),
    approvals: new Counter({
      name: 'lanner_approvals_total',
      help: 'Questions to people: asked, approved, denied, late (nobody answered), refused (somebody who may not).',
      labelNames: ['outcome'],
      registers,
    }),
    pages: new Counter({
      name: 'lanner_pages_total',
      help: 'Pages with ack_within: started, escalated (the next one was told), exhausted (nobody is left), acknowledged, resolved.',
      labelNames: ['outcome'],
      registers,
    }),
    silences: new Gauge({
      name: 'lanner_silences',
      help: 'Silences made by people that hide alerts now.',
      registers,
    }),
    answersRefused: new Counter({
      name: 'lanner_answers_refused_total',
      help: 'Answers of people or services that were not taken, by the way and why: signature, expired, forgery, person, over.',
      labelNames: ['way', 'reason'],
      registers,
    }),
    nodesConnected: new Gauge({
      name: 'lanner_nodes_connected',
      help: 'Nodes whose channel is open at this replica.',
      registers,
    }),
    respondingStopped: new Gauge({
      name: 'lanner_responding_stopped',
      help: '1 while nodes are told not to respond.',
      registers,
    }),
    redisUp: new Gauge({ name: 'lanner_redis_up', help: '1 while Redis answers.', registers }),
  };
}
