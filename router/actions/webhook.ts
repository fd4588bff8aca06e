import * as z from 'zod';
import { type ActionResult, defineAction } from './action.ts';

/** Answers are kept only so far: a step's detail, not a download. */
const MOST_ANSWER = 1_024;

const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'expected the name of a header');
const headerValue = z
  .string()
  .max(8_192)
  .regex(/^[^\r\n\0]*$/, 'a header has one line');

export const webhook = defineAction({
  name: 'webhook',
  side: 'router',
  doc: 'Sends an HTTP request. The body is YAML here and JSON on the wire; without one, the whole alert is sent.',
  params: z.strictObject({
    url: z.url({ protocol: /^https?$/ }).max(8_192),
    method: z.enum(['POST', 'PUT', 'PATCH', 'GET', 'DELETE']).default('POST'),
    headers: z.record(headerName, headerValue).default({}),
    body: z.unknown().optional(),
    /** Statuses that mean success; any 2xx when left out. */
    expect: z.array(z.int().min(100).max(599)).min(1).max(32).optional(),
  }),
  idempotent: true,
  async run({ url, method, headers, body, expect }, { alert, idempotencyKey, signal }) {
    const sends = method !== 'GET' && method !== 'DELETE';
    try {
      const answer = await fetch(url, {
        method,
        headers: {
          ...(sends ? { 'content-type': 'application/json' } : {}),
          'user-agent': 'lanner',
          'idempotency-key': idempotencyKey,
          ...headers,
        },
        ...(sends ? { body: JSON.stringify(body ?? alert) } : {}),
        redirect: 'manual',
        signal,
      });
      const text = await readSome(answer);
      const isExpected = expect === undefined ? answer.ok : expect.includes(answer.status);
      if (isExpected) return { status: 'done', detail: `${hostOf(url)} answered ${answer.status}` };
      return refused(
        answer.status,
        `${hostOf(url)} answered ${answer.status}${text === '' ? '' : `: ${text}`}`,
        answer.headers.get('retry-after'),
      );
    } catch (error) {
      if (signal.aborted) return { status: 'timed_out', detail: `${hostOf(url)} did not answer in time` };
      return { status: 'failed', retry: true, reason: `${hostOf(url)}: ${causeOf(error)}` };
    }
  },
  dryRun: ({ url, method }) => ({ status: 'skipped', detail: `would send ${method} to ${hostOf(url)}` }),
});

/** Too many requests, time-outs and errors of the server may pass; everything else is wrong and stays wrong. */
function refused(status: number, reason: string, retryAfter: string | null): ActionResult {
  const retry = status === 408 || status === 425 || status === 429 || status >= 500;
  const waitMs = retryAfterMs(retryAfter, Date.now());
  return { status: 'failed', retry, reason, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) };
}

/** RFC 9110 section 10.2.3: seconds, or a date. At most an hour: longer waits are for people to decide. */
export function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), 3_600_000);
}

async function readSome(answer: Response): Promise<string> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  let text = '';
  while (text.length < MOST_ANSWER) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text.slice(0, MOST_ANSWER);
}

/** A path or a query may hold a token (chat webhooks do), so only the host is ever shown. */
function hostOf(url: string): string {
  return new URL(url).host;
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
