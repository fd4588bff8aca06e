import { createHash } from 'node:crypto';
import type { Alert, Priority } from '#rules/alert';
import { visibleLine } from '../../clients/visible.ts';
import type { Call } from '../post.ts';
import { hostOf } from '../told.ts';

export const pageSeverities = ['critical', 'error', 'warning', 'info'] as const;
export type PageSeverity = (typeof pageSeverities)[number];

/** What every pager is told, in its own words. */
export type Page = {
  readonly action: 'trigger' | 'acknowledge' | 'resolve';
  readonly summary: string;
  readonly severity: PageSeverity;
  /** The same for what is the same incident; never empty. */
  readonly key: string;
  readonly details: Readonly<Record<string, string>>;
  readonly link: string | undefined;
  readonly alert: Alert;
  readonly nowMs: number;
};

/** Why a pager cannot be told, or how. */
export type PageCall = Call | { readonly impossible: string };

/** Everything from Critical on wakes somebody up. */
export function severityFor(priority: Priority): PageSeverity {
  switch (priority) {
    case 'Emergency':
    case 'Alert':
    case 'Critical':
      return 'critical';
    case 'Error':
      return 'error';
    case 'Warning':
      return 'warning';
    case 'Notice':
    case 'Informational':
    case 'Debug':
      return 'info';
  }
}

/** Rule, node and container: a second alert of the same joins the incident. No part is ever empty. */
export function keyFor(alert: Alert): string {
  const container = alert.lanner?.container?.id ?? alert.output_fields['container.id'];
  const parts = [
    alert.rule,
    hostOf(alert) ?? 'unknown-host',
    container === '' || !container ? 'host' : String(container).slice(0, 12),
  ];
  return parts.map((part) => visibleLine(part).replace(/[%/]/g, encodeURIComponent)).join('/');
}

/** Pagers take only so much; what differs must differ all the same. */
export function fitKey(key: string, most: number): string {
  const plain = visibleLine(key);
  if (plain.length <= most) return plain;
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 32);
  return `${plain.slice(0, most - hash.length - 1).toWellFormed()}/${hash}`;
}
