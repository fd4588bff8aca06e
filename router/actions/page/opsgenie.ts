import * as z from 'zod';
import type { Priority } from '#rules/alert';
import { httpUrl } from '../../clients/http-settings.ts';
import { cut } from '../../clients/visible.ts';
import { fitKey, type Page, type PageCall, type PageSeverity, severityFor } from './paged.ts';

/** Alert API. Opsgenie ends in April 2027; Jira Service Management takes the same at `url`. */
const regions = { us: 'https://api.opsgenie.com', eu: 'https://api.eu.opsgenie.com' } as const;

export const opsgenieSettings = z.strictObject({
  service: z.literal('opsgenie'),
  api_key: z.string().min(1),
  region: z.enum(['us', 'eu']).default('us'),
  /** Instead of the region's own. */
  url: httpUrl.optional(),
  /** Teams, users, schedules or escalations that are told. */
  responders: z
    .array(
      z.strictObject({
        type: z.enum(['team', 'user', 'schedule', 'escalation']),
        name: z.string().optional(),
        username: z.string().optional(),
        id: z.string().optional(),
      }),
    )
    .max(50)
    .default([]),
});

const bySeverity: Readonly<Record<PageSeverity, string>> = { critical: 'P2', error: 'P3', warning: 'P4', info: 'P5' };

function priorityOf(priority: Priority, severity: PageSeverity): string {
  if (priority === 'Emergency' || priority === 'Alert')
    return severity === severityFor(priority) ? 'P1' : bySeverity[severity];
  return bySeverity[severity];
}

export function opsgenieCall(page: Page, settings: z.output<typeof opsgenieSettings>): PageCall {
  const { action, alert, severity, details, link } = page;
  const base = settings.url ?? regions[settings.region];
  const headers = { authorization: `GenieKey ${settings.api_key}` };
  const alias = fitKey(page.key, 512);
  const isTaken = ({ status }: { readonly status: number }): boolean => status === 202;
  if (action !== 'trigger') {
    const verb = action === 'resolve' ? 'close' : 'acknowledge';
    const url = new URL(`/v2/alerts/${encodeURIComponent(alias)}/${verb}?identifierType=alias`, base);
    return { url, headers, body: JSON.stringify({ source: 'Lanner', note: cut(page.summary, 25_000) }), isTaken };
  }
  const body = {
    message: cut(page.summary, 130),
    alias,
    description: cut([alert.output, link].filter((line) => line !== undefined && line !== '').join('\n'), 15_000),
    responders: settings.responders,
    tags: alert.tags.slice(0, 20).map((tag) => cut(tag, 50)),
    details: Object.fromEntries(Object.entries(details).map(([name, value]) => [name, cut(value, 1_000)])),
    entity: cut(details['host'] ?? 'unknown', 512),
    source: 'Lanner',
    priority: priorityOf(alert.priority, severity),
  };
  return { url: new URL('/v2/alerts', base), headers, body: JSON.stringify(body), isTaken };
}
