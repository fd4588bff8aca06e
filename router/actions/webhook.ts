import * as z from 'zod';
import { alertJson } from '#rules/alert-json';
import { type ActionContext, type ActionResult, defineAction } from '../runs/action.ts';

/** So much of an answer is read, and so much of it is shown. */
const MOST_ANSWER = 64 * 1024;
const SHOWN = 1_024;
/** The status has come and decides; the rest of the answer is only for people. */
const ANSWER_MS = 1_000;

/** Those that say how the message is transported are not the playbook's to set. */
const transport = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'expected the name of a header')
  .refine((name) => !transport.has(name.toLowerCase()), 'is set by the transport');
/** RFC 9110 section 5.5: no line ends, no control characters. */
const headerValue = z
  .string()
  .max(8_192)
  .regex(/^[^\p{Cc}]*$/u, 'a header has no line ends and no control characters');

export const webhook = defineAction({
  name: 'webhook',
  side: 'router',
  doc: 'Sends an HTTP request. The body is YAML here and JSON on the wire; without one, the whole alert is sent. Redirects are not followed.',
  params: z
    .strictObject({
      url: z.url({ protocol: /^https?$/, error: 'expected a URL with http or https' }).max(8_192),
      method: z
        .string()
        .regex(/^(?!CONNECT$|TRACE$|TRACK$)[A-Z][A-Z-]{0,31}$/, 'expected a method such as POST or PUT, in capitals')
        .default('POST'),
      headers: z.record(headerName, headerValue).default({}),
      body: z.unknown().optional(),
      /** Statuses that mean success; any 2xx when left out. */
      expect: z.array(z.int().min(100).max(599)).min(1).max(32).optional(),
    })
    .refine(({ method, body }) => body === undefined || !isBodiless(method), {
      path: ['body'],
      message: 'a request with GET or HEAD has no body',
    }),
  idempotent: true,
  outputs: { http_status: 'The status of the answer.' },
  async run({ url, method, headers, body, expect }, context) {
    const { signal } = context;
    const target = new URL(url);
    try {
      const answer = await fetch(stripped(target), {
        method,
        headers: makeHeaders(target, headers, sendsBody(method, body), context),
        ...(sendsBody(method, body) ? { body: alertJson(body ?? context.alert) } : {}),
        redirect: 'manual',
        signal,
      });
      const { status } = answer;
      const isExpected = expect === undefined ? answer.ok : expect.includes(status);
      const text = await readSome(answer, signal);
      if (isExpected)
        return { status: 'done', detail: `${target.host} answered ${status}`, outputs: { http_status: status } };
      const said = maskUrl(context.mask(text), target).slice(0, SHOWN);
      const reason = `${target.host} answered ${status}${said === '' ? '' : `: ${said}`}`;
      return refused(status, reason, answer.headers.get('retry-after'));
    } catch (error) {
      if (signal.aborted) return { status: 'timed_out', detail: `${target.host} did not answer in time` };
      return { status: 'failed', retry: true, reason: `${target.host}: ${maskUrl(causeOf(error), target)}` };
    }
  },
  dryRun: ({ url, method }) => ({ status: 'skipped', detail: `would send ${method} to ${new URL(url).host}` }),
});

function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** A DELETE has a body only if the playbook says so. */
function sendsBody(method: string, body: unknown): boolean {
  return !isBodiless(method) && (method !== 'DELETE' || body !== undefined);
}

/** fetch refuses a URL with credentials, and quotes it. */
function stripped(target: URL): URL {
  const bare = new URL(target);
  bare.username = '';
  bare.password = '';
  return bare;
}

function makeHeaders(
  target: URL,
  given: Readonly<Record<string, string>>,
  hasBody: boolean,
  { idempotencyKey }: ActionContext,
): Headers {
  const headers = new Headers({ 'user-agent': 'lanner', 'idempotency-key': idempotencyKey });
  if (hasBody) headers.set('content-type', 'application/json');
  if (target.username !== '' || target.password !== '') {
    const credentials = `${decode(target.username)}:${decode(target.password)}`;
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`);
  }
  // A header holds bytes; what is not ASCII goes as UTF-8.
  for (const [name, value] of Object.entries(given)) headers.set(name, Buffer.from(value).toString('latin1'));
  return headers;
}

/** A `%` that begins no escape is a percent sign. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

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

/** The beginning of the answer. Never rejects: an answer that breaks off has said its status. */
async function readSome(answer: Response, signal: AbortSignal): Promise<string> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  const isLate = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const stop = (): void => void reader.cancel().catch(() => undefined);
  isLate.addEventListener('abort', stop, { once: true });
  let text = '';
  try {
    while (text.length < MOST_ANSWER) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += decoder.decode(value, { stream: true });
    }
    stop();
  } catch {
    // It broke off: what has come so far is all there is.
  } finally {
    isLate.removeEventListener('abort', stop);
  }
  return text;
}

/** A path or a query may hold a token (chat webhooks do), and servers like to repeat them. */
function maskUrl(text: string, { href, pathname, search, username, password }: URL): string {
  return [href, `${pathname}${search}`, pathname, search.slice(1), password, username]
    .filter((part) => part.length > 1)
    .reduce((masked, part) => masked.replaceAll(part, () => '***'), text);
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  // Several addresses tried in vain make an AggregateError without words.
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message;
}
