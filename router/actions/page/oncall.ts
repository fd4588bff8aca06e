import * as z from 'zod';
import { httpUrl } from '../../clients/http-settings.ts';
import type { Page, PageCall } from './paged.ts';

/** Grafana OnCall or IRM, an integration of the type "Formatted webhook". */
export const oncallSettings = z.strictObject({ service: z.literal('oncall'), url: httpUrl });

export function oncallCall(page: Page, { url }: z.output<typeof oncallSettings>): PageCall {
  const { action, key, summary, severity, details, link, alert } = page;
  if (action === 'acknowledge') return { impossible: 'Grafana OnCall cannot be told by a webhook that a page is seen' };
  const body = {
    alert_uid: key,
    title: summary,
    state: action === 'resolve' ? 'ok' : 'alerting',
    message: alert.output,
    ...(link === undefined ? {} : { link_to_upstream_details: link }),
    severity,
    details,
  };
  return { url: new URL(url), body: JSON.stringify(body) };
}
