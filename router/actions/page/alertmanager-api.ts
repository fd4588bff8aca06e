import * as z from 'zod';
import { duration } from '#playbooks/language/duration';
import { authHeaders, httpAuth, httpUrl, tlsSettings } from '../../clients/http-settings.ts';
import { cut } from '../../clients/visible.ts';
import { showValue } from '../told.ts';
import { fitKey, type Page, type PageCall } from './paged.ts';

/** Alertmanager's API v2. */
export const alertmanagerSettings = z.strictObject({
  service: z.literal('alertmanager'),
  url: httpUrl,
  auth: httpAuth.optional(),
  tls: tlsSettings.optional(),
  labels: z
    .record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'expected the name of a label'), z.string())
    .default({}),
  /** An alert that is not resolved by then resolves itself: nobody repeats it, as Prometheus would. */
  hold: duration(60_000, 7 * 86_400_000).default(86_400_000),
});

/** Few values each: labels group, and a command line would make every alert a group of its own. */
const labelFields = {
  namespace: 'k8s.ns.name',
  pod: 'k8s.pod.name',
  container: 'container.name',
  image: 'container.image.repository',
} as const;

export function alertmanagerCall(page: Page, settings: z.output<typeof alertmanagerSettings>): PageCall {
  const { action, alert, severity, summary, details, link, key, nowMs } = page;
  if (action === 'acknowledge') return { impossible: 'Alertmanager knows silences, but not that somebody has seen it' };
  const own = Object.entries(labelFields).flatMap(([label, field]) => {
    const value = showValue(alert.output_fields[field]);
    return value === undefined ? [] : [[label, cut(value, 1_000)] as const];
  });
  const labels = {
    ...settings.labels,
    alertname: alert.rule,
    severity,
    source: alert.source,
    hostname: details['host'] ?? 'unknown',
    ...Object.fromEntries(own),
    lanner_key: fitKey(key, 1_000),
  };
  const iso = (ms: number): string => new Date(ms).toISOString();
  const one = {
    labels,
    annotations: { summary, description: alert.output, priority: alert.priority },
    ...(action === 'resolve'
      ? { endsAt: iso(nowMs) }
      : { startsAt: iso(Math.min(nowMs, Date.parse(alert.time))), endsAt: iso(nowMs + settings.hold) }),
    ...(link === undefined ? {} : { generatorURL: link }),
  };
  const body = JSON.stringify([one]);
  const base = settings.url.replace(/\/*$/, '/');
  return {
    url: new URL('api/v2/alerts', base),
    headers: authHeaders(settings.auth, body),
    body,
    tls: settings.tls,
    isTaken: ({ status }) => status === 200,
  };
}
