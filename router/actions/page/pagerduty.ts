import * as z from 'zod';
import { httpUrl } from '../../clients/http-settings.ts';
import { cut } from '../../clients/visible.ts';
import { fitKey, type Page, type PageCall } from './paged.ts';

/** Events API v2. */
const regions = { us: 'https://events.pagerduty.com', eu: 'https://events.eu.pagerduty.com' } as const;

export const pagerdutySettings = z.strictObject({
  service: z.literal('pagerduty'),
  routing_key: z.string().min(1),
  region: z.enum(['us', 'eu']).default('us'),
  /** Instead of the region's own, for a proxy. */
  url: httpUrl.optional(),
});

export function pagerdutyCall(page: Page, settings: z.output<typeof pagerdutySettings>): PageCall {
  const { action, severity, details, link, alert } = page;
  const head = {
    routing_key: settings.routing_key,
    event_action: action,
    dedup_key: fitKey(page.key, 255),
  };
  const event = {
    ...head,
    payload: {
      summary: cut(page.summary, 1_024),
      source: details['host'] ?? 'unknown',
      severity,
      timestamp: alert.time,
      component: cut(alert.rule, 1_024),
      class: alert.source,
      custom_details: { ...details, output: cut(alert.output, 65_536), tags: alert.tags },
    },
    client: 'Lanner',
    ...(link === undefined ? {} : { client_url: link, links: [{ href: link, text: 'more' }] }),
  };
  return {
    url: new URL('/v2/enqueue', settings.url ?? regions[settings.region]),
    body: JSON.stringify(action === 'trigger' ? event : head),
    isTaken: ({ status }) => status === 202,
  };
}
