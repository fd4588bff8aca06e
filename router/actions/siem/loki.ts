import { authHeaders } from '../../clients/http-settings.ts';
import type { ActionResult } from '../../runs/action.ts';
import type { SendContext } from '../../runs/outward.ts';
import { post } from '../post.ts';
import type { Item } from './hand-on.ts';
import type { LokiSettings } from './settings.ts';

/** Loki's push API. Labels have few values: each set of them is a stream, and streams are what Loki has to hold. */
export function sendLoki(settings: LokiSettings, items: readonly Item[], context: SendContext): Promise<ActionResult> {
  const streams = new Map<string, { readonly stream: object; readonly values: [string, string][] }>();
  for (const { event, document } of items) {
    const stream = {
      ...settings.labels,
      job: 'lanner',
      host: event.host ?? 'unknown',
      level: event.alert.priority.toLowerCase(),
      source: event.alert.source,
    };
    const key = JSON.stringify(stream);
    const found = streams.get(key) ?? { stream, values: [] };
    found.values.push([event.timeNs, document]);
    streams.set(key, found);
  }
  const body = JSON.stringify({ streams: [...streams.values()] });
  const url = new URL(`${settings.url.replace(/\/*$/, '')}/loki/api/v1/push`);
  const tenant = settings.tenant === undefined ? {} : { 'x-scope-orgid': settings.tenant };
  const headers = { ...tenant, ...authHeaders(settings.auth, body) };
  return post({ url, headers, body, tls: settings.tls }, context);
}
