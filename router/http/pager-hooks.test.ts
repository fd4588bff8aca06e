import { createHmac } from 'node:crypto';
import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { makeLinks } from '../people/links.ts';
import type { PageDesk } from '../people/pages.ts';
import { peopleHookRoutes } from './people-hook-routes.ts';

function setUp() {
  const answered: unknown[] = [];
  const refusals: string[] = [];
  const answer: PageDesk['answer'] = async (about, verb, who, sinceMs) => {
    answered.push({ ...about, verb, ...who, sinceMs });
    return { kind: 'unknown' };
  };
  const routes = peopleHookRoutes(
    {
      slackSecret: () => undefined,
      pagerdutySecret: () => 'pd-secret',
      opsgenieToken: () => 'og-token',
      bySlack: () => undefined,
      reply: () => undefined,
    },
    {
      answers: { describe: async () => undefined, act: async () => ({ kind: 'unknown', said: '' }) },
      open: async () => [],
      pages: { open: async () => [], answer },
      links: makeLinks(Buffer.alloc(32)),
      identify: () => undefined,
      refused: (way, reason) => void refusals.push(`${way} ${reason}`),
      nowMs: () => 0,
    },
  );
  const app = new Hono().route('/hooks', routes);
  const post = async (path: string, body: string, headers: Record<string, string>) =>
    (await app.request(path, { method: 'POST', body, headers })).status;
  return { post, answered, refusals };
}

/** As the documentation of PagerDuty's V3 webhooks has it. */
const pagerduty = (type: string) =>
  JSON.stringify({
    event: {
      id: '5ac64822-4adc-4fda-ade0-410becf0de4f',
      event_type: type,
      resource_type: 'incident',
      occurred_at: '2026-10-02T18:45:22.169Z',
      agent: { id: 'PLH1HKV', summary: 'Anna Engineer', type: 'user_reference' },
      client: { name: 'PagerDuty' },
      data: { id: 'PGR0VU2', type: 'incident', number: 2, status: 'acknowledged', incident_key: 'r/h/host' },
    },
  });
const signed = (body: string, secret = 'pd-secret') => ({
  'x-pagerduty-signature': `v1=${'0'.repeat(64)},v1=${createHmac('sha256', secret).update(body).digest('hex')}`,
});

it.for([
  { type: 'incident.acknowledged', verb: 'acknowledge' },
  { type: 'incident.resolved', verb: 'resolve' },
])('takes $type of PagerDuty by any of its signatures', async ({ type, verb }) => {
  const { post, answered } = setUp();
  const body = pagerduty(type);
  expect(await post('/hooks/pagerduty', body, signed(body))).toBe(202);
  const sinceMs = Date.parse('2026-10-02T18:45:22.169Z');
  expect(answered).toEqual([{ key: 'r/h/host', verb, person: 'Anna Engineer', way: 'pagerduty', sinceMs }]);
});

it.for(['incident.triggered', 'incident.priority_updated', 'service.updated', 'pagey.ping', '__proto__'])(
  'takes %s of PagerDuty and does nothing',
  async (type) => {
    const { post, answered } = setUp();
    const body = pagerduty(type);
    expect([await post('/hooks/pagerduty', body, signed(body)), answered]).toEqual([202, []]);
  },
);

it('refuses what PagerDuty has not signed', async () => {
  const { post, answered, refusals } = setUp();
  const body = pagerduty('incident.resolved');
  for (const headers of [{}, signed(body, 'guessed'), signed(`${body} `), { 'x-pagerduty-signature': 'v1=' }])
    expect(await post('/hooks/pagerduty', body, headers)).toBe(401);
  expect([answered, refusals]).toEqual([[], Array(4).fill('pagerduty signature')]);
});

it('takes what Opsgenie says with our token, and nothing without it', async () => {
  const { post, answered, refusals } = setUp();
  const body = (action: string) =>
    JSON.stringify({
      action,
      source: { name: 'web', type: 'web' },
      alert: { alertId: 'a', alias: 'r/h/host', username: 'anna@example.com', updatedAt: 1_790_966_722_169_000_000 },
    });
  const headers = { authorization: 'Bearer og-token' };
  for (const action of ['Acknowledge', 'Close', 'AddNote'])
    expect(await post('/hooks/opsgenie', body(action), headers)).toBe(202);
  expect(answered).toMatchObject([
    { key: 'r/h/host', verb: 'acknowledge', person: 'anna@example.com', way: 'opsgenie', sinceMs: 1_790_966_722_169 },
    { key: 'r/h/host', verb: 'resolve' },
  ]);
  expect(await post('/hooks/opsgenie', body('Close'), { authorization: 'Bearer guessed' })).toBe(401);
  expect([answered.length, refusals]).toEqual([2, ['opsgenie signature']]);
});

it('refuses a body that is far too large', async () => {
  const body = 'x'.repeat(2 * 1024 * 1024);
  expect(await setUp().post('/hooks/pagerduty', body, signed(body))).toBe(413);
});
