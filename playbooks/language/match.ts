import { type Alert, severityOf } from '#rules/alert';
import { matchesName } from '#rules/language/name-pattern';
import type { Playbook, Scope, Trigger } from './playbook.ts';

/** The playbooks that this alert triggers, in the order of their files. Every key of `on` must agree. */
export function matchPlaybooks(playbooks: readonly Playbook[], alert: Alert, alertId: string): readonly Playbook[] {
  const scope: Scope = { alert, alertId, steps: new Map() };
  return playbooks.filter((playbook) => isTriggered(playbook.on, scope));
}

function isTriggered(on: Trigger, scope: Scope): boolean {
  const { alert } = scope;
  if (on.rules !== undefined && !on.rules.some((pattern) => matchesName(alert.rule, pattern))) return false;
  if (on.tags !== undefined && !on.tags.some((tag) => alert.tags.includes(tag))) return false;
  if (on.priority !== undefined && severityOf(alert.priority) > severityOf(on.priority)) return false;
  if (on.source !== undefined && alert.source !== on.source) return false;
  return on.condition === undefined || on.condition(scope);
}
