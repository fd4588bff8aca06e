import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ecsOf } from '../router/actions/siem/ecs.ts';
import { eventOf } from '../router/actions/siem/event.ts';
import { cefOf, leefOf } from '../router/actions/siem/lines.ts';
import { ocsfOf } from '../router/actions/siem/ocsf.ts';
import { syslogOf } from '../router/actions/siem/syslog-line.ts';
import { alertJson } from '../rules/alert-json.ts';
import { hostile } from './support/hostile.ts';
import { send, shellAlert } from './support/sending.ts';
import { type StrictServer, startStrictServer } from './support/strict-server.ts';

let server: StrictServer;
beforeAll(async () => {
  server = await startStrictServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.seen.length = 0;
});

const event = eventOf(shellAlert, 'a-key', 'a-playbook');
const batch = { batch: 3, wait: '20ms' };
const three = (settings: object) =>
  Promise.all(['one', 'two', 'three'].map((idempotencyKey) => send('siem', settings, {}, { idempotencyKey })));
const pretty = (value: unknown) => `${JSON.stringify(JSON.parse(alertJson(value)), undefined, 2)}\n`;

/** Splits at what is not behind a backslash, and takes the backslashes away: as the specification of CEF reads a line. */
function readCef(line: string) {
  const head = /^((?:[^\\|]|\\.)*\|){7}/.exec(line)?.[0] ?? '';
  const headers = [...head.matchAll(/((?:[^\\|]|\\.)*)\|/g)].map(([, part = '']) => part.replace(/\\(.)/g, '$1'));
  const extension: Record<string, string> = {};
  const rest = line.slice(head.length);
  const keys = [...rest.matchAll(/(?:^| )([A-Za-z0-9]+)=/g)].filter(({ index }) => rest[index - 1] !== '\\');
  for (const [at, key] of keys.entries()) {
    const value = rest.slice(key.index + key[0].length, keys[at + 1]?.index ?? rest.length);
    extension[key[1] ?? ''] = value.replace(/\\([\\=nr])/g, (_, char: string) =>
      char === 'n' ? '\n' : char === 'r' ? '\r' : char,
    );
  }
  return { headers, extension };
}

describe('formats', () => {
  it.for([
    { name: 'ecs', text: () => pretty(ecsOf(event)) },
    { name: 'ocsf', text: () => pretty(ocsfOf(event)) },
    { name: 'cef', text: () => `${cefOf(event)}\n` },
    { name: 'leef', text: () => `${leefOf(event)}\n` },
    {
      name: 'syslog',
      text: () =>
        `${syslogOf({ service: 'syslog', host: '', port: 1, transport: 'tcp', framing: 'lines', format: 'json', facility: 'local0' }, event, '{}')}\n`,
    },
  ])('$name is its golden file', async ({ name, text }) => {
    await expect(text()).toMatchFileSnapshot(`golden/siem-${name}.txt`);
  });

  it('of CEF and LEEF say the same whatever an event brings along', () => {
    fc.assert(
      fc.property(hostile, hostile, (rule, text) => {
        const alert = { ...shellAlert, rule: rule || 'x', output: text, output_fields: { 'proc.cmdline': text } };
        const one = eventOf(alert, 'a-key', 'a-playbook');
        const cef = cefOf(one);
        expect(cef).not.toMatch(/\p{Cc}/u);
        const { headers, extension } = readCef(cef);
        expect(headers).toHaveLength(7);
        expect(headers[6]).toBe('8');
        if (!/[\p{Cc}\p{Bidi_Control}=]/u.test(text)) expect(extension['msg'] ?? '').toBe(text);
        const leef = leefOf(one);
        expect(leef.split('|').slice(0, 4)).toEqual(['LEEF:2.0', 'Lanner', 'Lanner', '0.1.0']);
        const parts = leef.slice(leef.indexOf('|x09|') + 5).split('\t');
        expect(parts.every((part) => /^[A-Za-z]+=[^\p{Cc}]*$/su.test(part))).toBe(true);
        expect(parts.map((part) => part.split('=')[0])).toEqual([...new Set(parts.map((part) => part.split('=')[0]))]);
      }),
      { numRuns: 200 },
    );
  });

  it('of OCSF has what the class Detection Finding requires', () => {
    const finding = z.looseObject({
      activity_id: z.literal(1),
      category_uid: z.literal(2),
      class_uid: z.literal(2_004),
      type_uid: z.literal(200_401),
      severity_id: z.literal(5),
      time: z.literal(Date.parse('2026-11-23T14:00:00.123Z')),
      metadata: z.looseObject({ version: z.string(), product: z.looseObject({ vendor_name: z.string() }) }),
      finding_info: z.looseObject({ uid: z.string().min(1), title: z.literal('Terminal shell in container') }),
    });
    expect(() => finding.parse(ocsfOf(event))).not.toThrow();
  });
});

describe('elasticsearch', () => {
  const settings = () => ({ service: 'elasticsearch', url: server.origin, api_key: 'k', ...batch });
  const bulk = (...statuses: readonly number[]) => ({
    status: 200,
    body: JSON.stringify({
      items: statuses.map((status) => ({
        create: { status, ...(status < 300 ? {} : { error: { type: 't', reason: 'r' } }) },
      })),
    }),
  });

  it('gets a batch as one request, each document with an id of its own', async () => {
    server.answer(() => bulk(201, 201, 201));
    expect((await three(settings())).map(({ status }) => status)).toEqual(['done', 'done', 'done']);
    const [{ path, headers, body } = { path: '', headers: {}, body: '' }] = server.seen;
    expect(server.seen).toHaveLength(1);
    expect(path).toMatch(/^\/logs-lanner\.alerts-default\/_bulk\?/);
    expect(headers).toMatchObject({ authorization: 'ApiKey k', 'content-type': 'application/x-ndjson' });
    expect(body.endsWith('\n')).toBe(true);
    const lines = body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(new Set(lines.filter((_, at) => at % 2 === 0).map(({ create }) => create._id)).size).toBe(3);
    expect(lines[1]).toMatchObject({ '@timestamp': '2026-11-23T14:00:00.123Z', event: { kind: 'alert' } });
  });

  it('is asked again about those documents only that it could not take now', async () => {
    server.answer(() => bulk(409, 400, 429));
    expect(await three(settings())).toMatchObject([
      { status: 'done', detail: expect.stringContaining('had it already') },
      { status: 'failed', retry: false, reason: expect.stringContaining('answered 400: t: r') },
      { status: 'failed', retry: true },
    ]);
  });

  it.for([
    { reply: { status: 200, body: '{"items":[]}' }, wanted: { status: 'failed', retry: true } },
    { reply: { status: 200, body: 'no json' }, wanted: { status: 'failed', retry: true } },
    { reply: { status: 401 }, wanted: { status: 'failed', retry: false } },
    { reply: { status: 429, headers: { 'retry-after': '3' } }, wanted: { retry: true, retryAfterMs: 3_000 } },
    { reply: { status: 503 }, wanted: { status: 'failed', retry: true } },
    { reply: 'half', wanted: { status: 'failed', retry: true } },
    { reply: 'never', wanted: { status: 'timed_out' } },
  ] as const)('$reply is $wanted', async ({ reply, wanted }) => {
    server.answer(() => reply);
    expect(await send('siem', settings(), {}, { timeoutMs: reply === 'never' ? 200 : 5_000 })).toMatchObject(wanted);
  });
});

const lokiSchema = z.strictObject({
  streams: z.array(
    z.strictObject({
      stream: z.record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/), z.string()),
      values: z.array(z.tuple([z.string().regex(/^\d{19}$/), z.string()])).min(1),
    }),
  ),
});
const anyValue: z.ZodType = z.lazy(() =>
  z.union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
    z.strictObject({ doubleValue: z.number() }),
    z.strictObject({ boolValue: z.boolean() }),
    z.strictObject({ arrayValue: z.strictObject({ values: z.array(anyValue) }) }),
  ]),
);
const attributes = z.array(z.strictObject({ key: z.string().min(1), value: anyValue }));
const otlpSchema = z.strictObject({
  resourceLogs: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes }),
      scopeLogs: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string() }),
          logRecords: z.array(
            z.strictObject({
              timeUnixNano: z.string().regex(/^\d{19}$/),
              observedTimeUnixNano: z.string().regex(/^\d{19}$/),
              severityNumber: z.int().min(1).max(24),
              severityText: z.string(),
              body: anyValue,
              attributes,
            }),
          ),
        }),
      ),
    }),
  ),
});

describe('loki', () => {
  it('gets one stream for what has the same labels, with nanoseconds', async () => {
    server.answer(({ body }) => ({ status: lokiSchema.safeParse(JSON.parse(body)).success ? 204 : 400 }));
    const settings = { service: 'loki', url: server.origin, tenant: 'soc', ...batch };
    expect((await three(settings)).map(({ status }) => status)).toEqual(['done', 'done', 'done']);
    expect(server.seen).toHaveLength(1);
    expect(server.seen[0]).toMatchObject({ path: '/loki/api/v1/push', headers: { 'x-scope-orgid': 'soc' } });
    const { streams } = lokiSchema.parse(JSON.parse(server.seen[0]?.body ?? ''));
    expect(streams).toHaveLength(1);
    expect(streams[0]?.values[0]?.[0]).toBe('1795442400123456789');
  });
});

describe('otlp', () => {
  const settings = () => ({ service: 'otlp', url: server.origin, ...batch });

  it('gets log records, with exact integers', async () => {
    server.answer(({ body }) => ({ status: otlpSchema.safeParse(JSON.parse(body)).success ? 200 : 400, body: '{}' }));
    expect((await three(settings())).map(({ status }) => status)).toEqual(['done', 'done', 'done']);
    expect(server.seen).toHaveLength(1);
    expect(server.seen[0]?.path).toBe('/v1/logs');
    expect(server.seen[0]?.body).toContain('"1795442400123456789"');
  });

  it('is not sent again what it took in part', async () => {
    server.answer(() => ({ status: 200, body: '{"partialSuccess":{"rejectedLogRecords":"1"}}' }));
    expect(await send('siem', settings(), {})).toMatchObject({ status: 'failed', retry: false });
  });
});

describe('s3', () => {
  it('gets a batch as one signed object, whose name is the same when it is sent again', async () => {
    server.answer(() => ({ status: 200 }));
    const secrets = { access_key_id: 'AKIA', secret_access_key: 's3cret' };
    const settings = {
      service: 's3',
      url: server.origin,
      bucket: 'alerts',
      region: 'eu-central-1',
      ...secrets,
      ...batch,
    };
    await three(settings);
    await three(settings);
    const [first, second] = server.seen;
    expect(server.seen).toHaveLength(2);
    expect(first?.method).toBe('PUT');
    expect(first?.path).toMatch(/^\/alerts\/lanner\/2026\/11\/23\/14\/[0-9a-f]{32}\.jsonl\.gz$/);
    expect(second?.path).toBe(first?.path);
    expect(first?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIA\/\d{8}\/eu-central-1\/s3\//);
    const lines = gunzipSync(first?.bytes ?? Buffer.alloc(0))
      .toString()
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => JSON.parse(line).class_uid)).toEqual([2_004, 2_004, 2_004]);
  });
});

const cloudEvent = z.strictObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1),
  subject: z.string().min(1).optional(),
  time: z.iso.datetime({ offset: true }),
  datacontenttype: z.literal('application/json'),
  priority: z.string(),
  rule: z.string(),
  data: z.unknown(),
});

describe('function', () => {
  it('is called with a CloudEvent', async () => {
    server.answer(() => ({ status: 202 }));
    expect(await send('function', { url: `${server.origin}/fn` }, { subject: 'a' })).toMatchObject({ status: 'done' });
    const { headers, body } = server.seen[0] ?? { headers: {}, body: '' };
    expect(headers['content-type']).toBe('application/cloudevents+json');
    expect(() => cloudEvent.parse(JSON.parse(body))).not.toThrow();
    await expect(`${JSON.stringify(JSON.parse(body), undefined, 2)}\n`).toMatchFileSnapshot('golden/function.txt');
  });

  it('has the attributes in headers if it wants them there, whatever they hold', async () => {
    server.answer(() => ({ status: 200 }));
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        const alert = { ...shellAlert, rule: text.slice(0, 300) || 'x' };
        const sent = await send('function', { url: server.origin, mode: 'binary' }, {}, { alert });
        expect(sent).toMatchObject({ status: 'done' });
        const { headers, body } = server.seen.at(-1) ?? { headers: {}, body: '' };
        expect(headers).toMatchObject({ 'ce-specversion': '1.0', 'ce-type': 'lanner.alert.v1' });
        expect(JSON.parse(body).rule).toBe(alert.rule);
      }),
      { numRuns: 40 },
    );
  });

  it('is signed for a Lambda function URL', async () => {
    server.answer(() => ({ status: 200 }));
    const aws = { region: 'eu-central-1', access_key_id: 'AKIA', secret_access_key: 's3cret', session_token: 't' };
    await send('function', { url: server.origin, aws }, {});
    expect(server.seen[0]?.headers).toMatchObject({
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=AKIA\/\d{8}\/eu-central-1\/lambda\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, /,
      ),
      'x-amz-security-token': 't',
    });
  });
});
