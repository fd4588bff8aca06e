import {
  type Http,
  type HttpAnswer,
  type HttpRequest,
  makeHttp,
  maskUrl,
  mayPass,
  shownAnswer,
} from '../clients/http.ts';
import type { ActionResult } from '../runs/action.ts';
import type { SendContext } from '../runs/outward.ts';

/** A request to a service, and how its answers are read. */
export type Call = Omit<HttpRequest, 'method'> & {
  readonly method?: string;
  /** Without it, every 2xx. */
  readonly isTaken?: (answer: HttpAnswer) => boolean;
  /** Milliseconds that an answer asks to wait in words of its own. */
  readonly wait?: (answer: HttpAnswer) => number | undefined;
};

/** So long nothing is sent after a 429 that names no time. */
const USUAL_WAIT_MS = 1_000;

/** The connections that all services share. */
const http: Http = makeHttp();

/** Sends it and says what the answer means, whether it can help to try again among it. */
export async function post(call: Call, { signal, mask }: Pick<SendContext, 'signal' | 'mask'>): Promise<ActionResult> {
  const { method = 'POST', isTaken, wait, ...request } = call;
  const { url } = request;
  const headers = { 'user-agent': 'lanner', 'content-type': 'application/json', ...request.headers };
  const outcome = await http.send({ ...request, method, headers }, signal);
  if (outcome.kind === 'late') return { status: 'timed_out', detail: `${url.host} did not answer in time` };
  if (outcome.kind === 'broken')
    return { status: 'failed', retry: true, reason: `${url.host}: ${maskUrl(outcome.reason, url)}` };
  const { status } = outcome;
  if (isTaken === undefined ? status >= 200 && status < 300 : isTaken(outcome))
    return { status: 'done', detail: `${url.host} answered ${status}` };
  const retry = mayPass(status);
  const asked = wait?.(outcome) ?? outcome.retryAfterMs ?? (status === 429 ? USUAL_WAIT_MS : undefined);
  const reason = shownAnswer(outcome, url, mask);
  return { status: 'failed', retry, reason, ...(retry && asked !== undefined ? { retryAfterMs: asked } : {}) };
}

/** A part of an answer in JSON; `undefined` when it is not there, or no JSON. */
export function answerPart({ text }: HttpAnswer, ...path: readonly string[]): unknown {
  try {
    let value: unknown = JSON.parse(text);
    for (const key of path) value = Object(value)[key];
    return value;
  } catch {
    return undefined;
  }
}
