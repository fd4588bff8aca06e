import { type Alert, severityOf } from '#rules/alert';
import { matchesName } from '#rules/language/name-pattern';
import { hasKernelStep } from './kernel-steps.ts';
import type { Playbook, Scope, Trigger } from './playbook.ts';

/**
 * The playbooks that this alert may trigger, in the order of their files. Every key of `on` must agree; what a playbook
 * remembers, and what holds it back, `decide` asks.
 */
export function matchPlaybooks(playbooks: readonly Playbook[], alert: Alert, alertId: string): readonly Playbook[] {
  const scope: Scope = { alert, alertId, steps: new Map() };
  return playbooks.filter((playbook) =>
    hasKernelStep(playbook) ? isReflexOf(playbook, alert) : isTriggered(playbook.on, scope),
  );
}

/** Its condition was the kernel's to evaluate, on the program itself: the alert about that starts it, no other. */
export function isReflexOf({ name }: Playbook, { rule, lanner }: Alert): boolean {
  return lanner?.reflex?.steps.some((step) => step.startsWith(`${name}/`) && rule.endsWith(`: ${step}`)) === true;
}

function isTriggered(on: Trigger, scope: Scope): boolean {
  const { alert } = scope;
  if (on.rules !== undefined && !on.rules.some((pattern) => matchesName(alert.rule, pattern))) return false;
  if (on.tags !== undefined && !on.tags.some((tag) => alert.tags.includes(tag))) return false;
  if (on.priority !== undefined && severityOf(alert.priority) > severityOf(on.priority)) return false;
  if (on.source !== undefined && alert.source !== on.source) return false;
  if (on.condition !== undefined && !on.condition(scope)) return false;
  const { memory } = on;
  // An alert that is no part of the sequence costs no look into the memory.
  return memory?.kind !== 'sequence' || memory.conditions.some((condition) => condition(scope));
}
