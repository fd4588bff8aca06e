import { type Alert, severityOf } from '#rules/alert';
import type { Playbook, Scope, Trigger } from './playbook.ts';

/** The playbooks that this alert triggers, in the order of their files. Every key of `on` must agree. */
export function matchPlaybooks(playbooks: readonly Playbook[], alert: Alert, alertId: string): readonly Playbook[] {
  const scope: Scope = { alert, alertId, steps: new Map() };
  return playbooks.filter((playbook) => isTriggered(playbook.on, scope));
}

function isTriggered(on: Trigger, scope: Scope): boolean {
  const { alert } = scope;
  if (on.rules !== undefined && !on.rules.some((pattern) => isNamed(pattern, alert.rule))) return false;
  if (on.tags !== undefined && !on.tags.some((tag) => alert.tags.includes(tag))) return false;
  if (on.priority !== undefined && severityOf(alert.priority) > severityOf(on.priority)) return false;
  if (on.source !== undefined && alert.source !== on.source) return false;
  return on.condition === undefined || on.condition(scope);
}

/** A rule's name, with `*` for any text. No regular expression: names come from outside. */
export function isNamed(pattern: string, name: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return pattern === name;
  if (!name.startsWith(head) || name.length < head.length + tail.length || !name.endsWith(tail)) return false;
  let at = head.length;
  const end = name.length - tail.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
