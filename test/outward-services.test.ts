import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keyFor } from '../router/actions/page/paged.ts';
import { type Alert, alertSchema } from '../rules/alert.ts';
import { hostile } from './support/hostile.ts';
import { send, shellAlert } from './support/sending.ts';
import { complaintOf } from './support/service-formats.ts';
import { type Reply, type StrictServer, startStrictServer } from './support/strict-server.ts';

let server: StrictServer;
const SECRET = 's3cr3t-t0ken';

/** Where each service is told, what it says when it has taken a message, and in what words it asks for patience. */
const services = [
  {
    kind: 'page',
    service: 'pagerduty',
    more: { routing_key: SECRET },
    taken: { status: 202, body: '{"status":"success"}' },
  },
  {
    kind: 'page',
    service: 'opsgenie',
    more: { api_key: SECRET },
    taken: { status: 202, body: '{"result":"Request will be processed"}' },
  },
  { kind: 'page', service: 'oncall', path: `/${SECRET}/`, taken: { status: 200, body: 'Ok.' } },
  { kind: 'page', service: 'alertmanager', more: { auth: { bearer: SECRET } }, taken: { status: 200 } },
  { kind: 'chat', service: 'slack', path: `/services/${SECRET}`, taken: { status: 200, body: 'ok' } },
  { kind: 'chat', service: 'teams', path: `/workflows/${SECRET}`, taken: { status: 202 } },
  {
    kind: 'chat',
    service: 'discord',
    path: `/api/webhooks/1/${SECRET}`,
    taken: { status: 204 },
    busy: { status: 429, body: '{"message":"You are being rate limited.","retry_after":2.5,"global":false}' },
  },
  { kind: 'chat', service: 'mattermost', path: `/hooks/${SECRET}`, taken: { status: 200, body: 'ok' } },
  {
    kind: 'chat',
    service: 'google-chat',
    path: `/v1/spaces/A/messages?token=${SECRET}`,
    taken: { status: 200, body: '{}' },
  },
  {
    kind: 'chat',
    service: 'telegram',
    more: { token: SECRET, chat_id: -1001 },
    taken: { status: 200, body: '{"ok":true,"result":{}}' },
    busy: { status: 429, body: '{"ok":false,"error_code":429,"parameters":{"retry_after":3}}' },
  },
] as const satisfies readonly Service[];

type Service = {
  readonly kind: string;
  readonly service: string;
  readonly more?: object;
  readonly path?: string;
  readonly taken: Reply;
  readonly busy?: Reply;
};

const settingsOf = (one: Service) => ({
  service: one.service,
  ...(one.path === undefined
    ? { url: server.origin, ...one.more }
    : { url: `${server.origin}${one.path}`, ...one.more }),
});
const tell = (one: Service, params: object = {}, options: Parameters<typeof send>[3] = {}) =>
  send(one.kind, settingsOf(one), params, { secrets: [SECRET], ...options });
const host = () => new URL(server.origin).host;

beforeAll(async () => {
  server = await startStrictServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.seen.length = 0;
});

/** Takes what the service's documentation allows, and nothing else. */
const judge =
  (one: Service) =>
  ({ body }: { readonly body: string }): Reply => {
    const complaint = complaintOf(one.service, body);
    return complaint === undefined ? one.taken : { status: 400, body: complaint };
  };

const params = { page: { details: { runbook: 'https://wiki.example.com/shell' } }, chat: {} } as const;

describe.for(services)('$service', (one: Service) => {
  it('is told as its documentation wants it', async () => {
    server.answer(judge(one));
    const more = { ...(one.kind === 'page' ? params.page : params.chat), link: 'https://lanner.example.com/alerts/1' };
    expect(await tell(one, more)).toMatchObject({ status: 'done' });
    const [request] = server.seen;
    if (request === undefined) throw new Error('nothing was sent');
    const { method, path, headers, body } = request;
    const shown = `${method} ${path}\n${headers.authorization ?? 'no authorization'}\n${pretty(body)}\n`;
    await expect(shown.replaceAll(SECRET, 'SECRET')).toMatchFileSnapshot(`golden/${one.kind}-${one.service}.txt`);
  });

  it.for([
    { reply: { status: 400, body: 'wrong' }, wanted: { status: 'failed', retry: false } },
    { reply: { status: 401, body: `no ${SECRET}` }, wanted: { status: 'failed', retry: false } },
    { reply: { status: 429, headers: { 'retry-after': '7' } }, wanted: { retry: true, retryAfterMs: 7_000 } },
    { reply: { status: 429 }, wanted: { retry: true, retryAfterMs: 1_000 } },
    { reply: { status: 500 }, wanted: { status: 'failed', retry: true } },
    { reply: { status: 307, headers: { location: '/elsewhere' } }, wanted: { status: 'failed', retry: false } },
    { reply: 'reset', wanted: { status: 'failed', retry: true } },
    { reply: 'never', wanted: { status: 'timed_out' } },
  ] as const)('$reply is $wanted', async ({ reply, wanted }) => {
    server.answer(() => reply);
    const result = await tell(one, {}, { timeoutMs: reply === 'never' ? 100 : 5_000 });
    expect(result).toMatchObject(wanted);
    expect(JSON.stringify(result)).not.toContain(SECRET);
    expect(JSON.stringify(result)).toContain(host());
    // A connection that was kept open may have ended by itself: that is tried once more at once.
    expect(server.seen.length).toBeLessThanOrEqual(reply === 'reset' ? 2 : 1);
  });

  it.for(['slowly', 'half'] as const)('is taken at its word when it answers %s', async (pace) => {
    server.answer(() => (typeof one.taken === 'string' ? one.taken : { ...one.taken, pace }));
    expect(await tell(one)).toMatchObject({ status: 'done' });
    expect(server.seen).toHaveLength(1);
  });

  it('waits as long as it asks in its own words', async () => {
    server.answer(() => one.busy ?? { status: 429, headers: { 'retry-after': '3' } });
    const result = await tell(one);
    expect(result).toMatchObject({ status: 'failed', retry: true });
    expect('retryAfterMs' in result && result.retryAfterMs).toBeGreaterThanOrEqual(2_500);
  });

  it('takes whatever an event brings along', async () => {
    server.answer(judge(one));
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        const alert = hostileAlert(text);
        expect(await tell(one, {}, { alert })).toMatchObject({ status: 'done' });
        // Neither terminals nor readers are led astray.
        const led = textsOf(JSON.parse(server.seen.at(-1)?.body ?? '')).filter((words) => misleading.test(words));
        expect(led).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('page', () => {
  const pagerduty = { service: 'pagerduty', routing_key: 'r' };
  const said = () => JSON.parse(server.seen.at(-1)?.body ?? '');

  it.for([
    { priority: 'Emergency', severity: 'critical' },
    { priority: 'Alert', severity: 'critical' },
    { priority: 'Critical', severity: 'critical' },
    { priority: 'Error', severity: 'error' },
    { priority: 'Warning', severity: 'warning' },
    { priority: 'Notice', severity: 'info' },
    { priority: 'Debug', severity: 'info' },
  ] as const)('of priority $priority is $severity', async ({ priority, severity }) => {
    server.answer(() => ({ status: 202 }));
    await send('page', { ...pagerduty, url: server.origin }, {}, { alert: { ...shellAlert, priority } });
    expect(said().payload.severity).toBe(severity);
  });

  it('is resolved and acknowledged by the key that it was made with', async () => {
    server.answer(() => ({ status: 202 }));
    for (const action of ['trigger', 'acknowledge', 'resolve'])
      await send('page', { ...pagerduty, url: server.origin }, { action });
    const keys = server.seen.map(({ body }) => JSON.parse(body).dedup_key);
    expect(new Set(keys)).toEqual(new Set([keyFor(shellAlert)]));
    server.seen.length = 0;
    for (const action of ['trigger', 'acknowledge', 'resolve'])
      await send('page', { service: 'opsgenie', api_key: 'k', url: server.origin }, { action });
    const alias = encodeURIComponent(keyFor(shellAlert));
    expect(server.seen.map(({ path }) => path)).toEqual([
      '/v2/alerts',
      `/v2/alerts/${alias}/acknowledge?identifierType=alias`,
      `/v2/alerts/${alias}/close?identifierType=alias`,
    ]);
  });

  it('never has an empty key, or one that is too long', async () => {
    server.answer(judge({ kind: 'page', service: 'pagerduty', taken: { status: 202 } }));
    const bare = alertSchema.parse({ time: '2026-11-23T14:00:00Z', rule: ' ', priority: 'Notice' });
    expect(keyFor(bare)).toBe(' /unknown-host/host');
    const long = { ...shellAlert, rule: 'r'.repeat(1_000) };
    const longer = { ...shellAlert, rule: `${'r'.repeat(1_000)}2` };
    const keys: string[] = [];
    for (const alert of [long, longer]) {
      expect(await send('page', { ...pagerduty, url: server.origin }, {}, { alert })).toMatchObject({ status: 'done' });
      keys.push(said().dedup_key);
    }
    expect(new Set(keys).size).toBe(2);
    expect(await send('page', { ...pagerduty, url: server.origin }, { key: '  ' })).toMatchObject({
      status: 'failed',
      retry: false,
      reason: expect.stringContaining('expected a text that is not empty'),
    });
  });

  it('goes to Europe if the region says so', async () => {
    const { pagerdutyCall } = await import('../router/actions/page/pagerduty.ts');
    const page = { action: 'resolve', key: 'k', summary: '', severity: 'info', details: {}, link: undefined } as const;
    const call = pagerdutyCall(
      { ...page, alert: shellAlert, nowMs: 0 },
      { service: 'pagerduty', routing_key: 'r', region: 'eu' },
    );
    expect('url' in call && call.url.href).toBe('https://events.eu.pagerduty.com/v2/enqueue');
  });

  it('of a test is resolved at once', async () => {
    server.answer(() => ({ status: 202 }));
    const { outwardCatalogue } = await import('../router/actions/all.ts');
    const test = outwardCatalogue.get('page')?.sender.test ?? {};
    expect(await send('page', { ...pagerduty, url: server.origin }, test)).toMatchObject({ status: 'done' });
    expect(server.seen.map(({ body }) => JSON.parse(body).event_action)).toEqual(['trigger', 'resolve']);
  });
});

function hostileAlert(text: string): Alert {
  return {
    ...shellAlert,
    rule: text.slice(0, 1_024) || 'x',
    hostname: text.slice(0, 253),
    output: text,
    tags: [text.slice(0, 256) || 'x'],
    output_fields: { 'proc.cmdline': text, 'container.name': text, 'k8s.pod.name': [text, null], 'user.name': '' },
  };
}

const misleading = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/u;

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

function pretty(body: string): string {
  return JSON.stringify(
    JSON.parse(body),
    (key, value: unknown) => (key === 'endsAt' || key === 'startsAt' ? 'a time' : value),
    2,
  );
}
