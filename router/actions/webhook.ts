import * as z from 'zod';
import { alertJson } from '#rules/alert-json';
import { type HttpOutcome, makeHttp, maskUrl, mayPass, shownAnswer } from '../clients/http.ts';
import {
  authHeaders,
  headerBytes,
  httpAuth,
  httpHeaders,
  httpUrl,
  tlsSettings,
  urlAuth,
  withoutCredentials,
} from '../clients/http-settings.ts';
import type { ActionContext, ActionResult } from '../runs/action.ts';
import { defineOutward, destinationName, type SendContext } from '../runs/outward.ts';

const SHOWN = 1_024;

const method = z
  .string()
  .regex(/^(?!CONNECT$|TRACE$|TRACK$)[A-Z][A-Z-]{0,31}$/, 'expected a method such as POST or PUT, in capitals');
/** Statuses that mean success; any 2xx when left out. */
const expected = z.array(z.int().min(100).max(599)).min(1).max(32);

const http = makeHttp();

export const webhook = defineOutward({
  name: 'webhook',
  doc: 'Sends an HTTP request. The body is YAML here and JSON on the wire; without one, the whole alert is sent. Redirects are not followed. With `via` the destination says where and how.',
  params: z
    .strictObject({
      via: destinationName.optional(),
      url: httpUrl.optional(),
      method: method.optional(),
      headers: httpHeaders.default({}),
      body: z.unknown().optional(),
      expect: expected.optional(),
      auth: httpAuth.optional(),
      tls: tlsSettings.optional(),
    })
    .refine(({ method: given = 'POST', body }) => body === undefined || !isBodiless(given), {
      path: ['body'],
      message: 'a request with GET or HEAD has no body',
    })
    .refine(({ via, url }) => (via === undefined) !== (url === undefined), {
      path: ['url'],
      message: 'expected either url or via',
    })
    .refine(({ via, auth, tls }) => via === undefined || (auth ?? tls) === undefined, {
      path: ['auth'],
      message: 'belongs to the destination',
    }),
  settings: z.strictObject({
    url: httpUrl,
    method: method.default('POST'),
    headers: httpHeaders.default({}),
    expect: expected.optional(),
    auth: httpAuth.optional(),
    tls: tlsSettings.optional(),
  }),
  test: {},
  concurrency: 16,
  outputs: { http_status: 'The status of the answer.', answer: 'The beginning of the answer.' },
  send: ({ method: own, headers, body, expect }, settings, context) =>
    send(
      {
        ...settings,
        method: own ?? settings.method,
        headers: { ...settings.headers, ...headers },
        body,
        expect: expect ?? settings.expect,
      },
      context,
    ),
  inline: ({ url = '', method: own = 'POST', ...rest }, context) => send({ ...rest, url, method: own }, context),
  dryRun: ({ url = '', method: own = 'POST' }) => ({
    status: 'skipped',
    detail: `would send ${own} to ${new URL(url).host}`,
  }),
});

type Call = {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly expect?: readonly number[] | undefined;
  readonly auth?: z.output<typeof httpAuth> | undefined;
  readonly tls?: z.output<typeof tlsSettings> | undefined;
};

async function send(call: Call, context: SendContext | ActionContext): Promise<ActionResult> {
  const { signal, idempotencyKey, alert, mask } = context;
  const target = new URL(call.url);
  const text = sendsBody(call.method, call.body) ? alertJson(call.body ?? alert) : undefined;
  const outcome = await http.send(
    {
      method: call.method,
      url: withoutCredentials(target),
      headers: {
        'user-agent': 'lanner',
        'idempotency-key': idempotencyKey,
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        ...urlAuth(target),
        ...authHeaders(call.auth, text ?? ''),
        ...headerBytes(call.headers),
      },
      body: text,
      tls: call.tls,
    },
    signal,
  );
  return judge(outcome, target, call.expect, mask);
}

function judge(
  outcome: HttpOutcome,
  target: URL,
  expect: readonly number[] | undefined,
  mask: (text: string) => string,
): ActionResult {
  if (outcome.kind === 'late') return { status: 'timed_out', detail: `${target.host} did not answer in time` };
  if (outcome.kind === 'broken')
    return { status: 'failed', retry: true, reason: `${target.host}: ${maskUrl(outcome.reason, target)}` };
  const { status, retryAfterMs } = outcome;
  const isExpected = expect === undefined ? status >= 200 && status < 300 : expect.includes(status);
  if (isExpected) {
    const answer = maskUrl(mask(outcome.text), target).slice(0, SHOWN);
    return {
      status: 'done',
      detail: `${target.host} answered ${status}`,
      outputs: { http_status: status, ...(answer === '' ? {} : { answer }) },
    };
  }
  return {
    status: 'failed',
    retry: mayPass(status),
    reason: shownAnswer(outcome, target, mask),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function isBodiless(name: string): boolean {
  return name === 'GET' || name === 'HEAD';
}

/** A DELETE has a body only if the playbook says so. */
function sendsBody(name: string, body: unknown): boolean {
  return !isBodiless(name) && (name !== 'DELETE' || body !== undefined);
}
