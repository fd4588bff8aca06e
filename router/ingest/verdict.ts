import type { Alert } from '#rules/alert';
import type { AuditEntry } from '../runs/ports.ts';
import type { Verdict } from './ingest.ts';

/** A decision as the audit log has it. */
export function describeVerdict({ playbook, mode, placed, decision }: Verdict): AuditEntry {
  const about = { alert: placed.id, rule: placed.alert.rule, playbook: playbook.name, mode };
  if (decision.kind === 'start') {
    const { trigger, guards } = decision;
    return { kind: 'decision', decision: 'start', ...about, trigger, guards };
  }
  const { guard, detail, stops } = decision;
  return { kind: stops ? 'playbook_stopped' : 'decision', decision: 'held', ...about, guard, detail };
}

/** A playbook that has stopped itself says so as an alert, which another playbook may tell people. */
export function alertOfStop({ playbook, placed, decision }: Verdict): readonly Alert[] {
  if (decision.kind !== 'held' || decision.stops !== true) return [];
  const { name } = playbook;
  return [
    {
      // The time of the alert that was too much: a repeat of it makes no second one.
      time: placed.alert.time,
      rule: 'Lanner internal: playbook stopped',
      priority: 'Critical',
      source: 'internal',
      hostname: placed.alert.hostname,
      output: `Playbook ${name} has stopped itself: ${decision.detail}. When it may go on: lanner playbooks resume ${name}`,
      output_fields: { playbook: name },
      tags: [],
    },
  ];
}
