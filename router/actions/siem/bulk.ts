import { makeHttp, maskUrl, mayPass, shownAnswer } from '../../clients/http.ts';
import { authHeaders } from '../../clients/http-settings.ts';
import type { ActionResult } from '../../runs/action.ts';
import type { SendContext } from '../../runs/outward.ts';
import type { Item } from './hand-on.ts';
import type { ElasticsearchSettings } from './settings.ts';

const http = makeHttp();

/** Elasticsearch's and OpenSearch's bulk API: 200 says nothing yet, each document has a status of its own. */
export async function sendBulk(
  settings: ElasticsearchSettings,
  items: readonly Item[],
  { signal, mask }: SendContext,
): Promise<readonly ActionResult[]> {
  // `create` and an id of ours: what is there already is not written twice.
  const lines = items.flatMap(({ event, document }) => [JSON.stringify({ create: { _id: event.id } }), document]);
  const body = `${lines.join('\n')}\n`;
  const url = new URL(`${settings.url.replace(/\/*$/, '')}/${settings.index}/_bulk`);
  url.searchParams.set('filter_path', 'items.*.status,items.*.error.type,items.*.error.reason');
  const key = settings.api_key === undefined ? {} : { authorization: `ApiKey ${settings.api_key}` };
  const headers = {
    'user-agent': 'lanner',
    'content-type': 'application/x-ndjson',
    ...authHeaders(settings.auth, body),
    ...key,
  };
  const outcome = await http.send({ method: 'POST', url, headers, body, tls: settings.tls }, signal);
  const all = (result: ActionResult): readonly ActionResult[] => items.map(() => result);
  if (outcome.kind === 'late') return all({ status: 'timed_out', detail: `${url.host} did not answer in time` });
  if (outcome.kind === 'broken')
    return all({ status: 'failed', retry: true, reason: `${url.host}: ${maskUrl(outcome.reason, url)}` });
  const { status, retryAfterMs, text } = outcome;
  if (status !== 200) {
    const reason = shownAnswer(outcome, url, mask);
    return all({
      status: 'failed',
      retry: mayPass(status),
      reason,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  const answers = readItems(text);
  if (answers?.length !== items.length)
    return all({ status: 'failed', retry: true, reason: `${url.host} answered 200, but not about each document` });
  return answers.map((answer) => {
    if (answer.status === 409) return { status: 'done', detail: `${url.host} had it already` };
    if (answer.status >= 200 && answer.status < 300) return { status: 'done', detail: `${url.host} wrote it` };
    const reason = `${url.host} answered ${answer.status}: ${mask(answer.reason)}`;
    return { status: 'failed', retry: mayPass(answer.status), reason };
  });
}

type Answer = { readonly status: number; readonly reason: string };

function readItems(text: string): readonly Answer[] | undefined {
  try {
    const { items } = Object(JSON.parse(text));
    if (!Array.isArray(items)) return undefined;
    return items.map((item: unknown) => {
      const { status, error } = Object(Object(item).create);
      return { status: Number(status), reason: `${Object(error).type}: ${Object(error).reason}` };
    });
  } catch {
    return undefined;
  }
}
