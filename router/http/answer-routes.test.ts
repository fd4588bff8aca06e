import { createHmac } from 'node:crypto';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import type { Answers } from '../people/answers.ts';
import type { Who } from '../people/approvals.ts';
import { makeLinks } from '../people/links.ts';
import type { Ask } from '../runs/outward.ts';
import { answerRoutes } from './answer-routes.ts';
import { peopleHookRoutes } from './people-hook-routes.ts';

const key = Buffer.alloc(32, 7);
const secret = 'slack-signing-secret';
const ask: Ask = { kind: 'approval', id: 'a1', way: 'mail', person: 'anna', untilMs: 600_000 };

function setUp() {
  const links = makeLinks(key);
  const clock = { nowMs: 1_000 };
  const acted: (Who & { readonly verb: string; readonly id: string })[] = [];
  const refusals: string[] = [];
  const replies: string[] = [];
  const answers: Answers = {
    describe: async () => ({
      title: 'May <p> do it?',
      lines: ['"><script>alert(1)</script>'],
      verbs: ['approve', 'deny'],
    }),
    // As the desk does it: the first answer counts.
    async act({ id }, verb, who) {
      if (acted.length > 0) return { kind: 'over', said: 'it is decided already' };
      acted.push({ ...who, verb, id });
      return { kind: 'taken', said: 'it is done' };
    },
  };
  const parts = {
    answers,
    open: async () => [],
    pages: { open: async () => [], answer: async () => ({ kind: 'unknown' as const }) },
    links,
    identify: (header: string | undefined) => (header === 'Bearer bobs-own-token' ? 'bob' : undefined),
    refused: (way: string, reason: string) => void refusals.push(`${way} ${reason}`),
    nowMs: () => clock.nowMs,
  };
  const hooks = {
    slackSecret: () => secret,
    pagerdutySecret: () => 'pagerduty-secret',
    opsgenieToken: () => 'opsgenie-token',
    bySlack: (member: string) => (member === 'U0ANNA' ? 'anna' : undefined),
    reply: (_: string, text: string) => void replies.push(text),
  };
  const app = new Hono().route('/answer', answerRoutes(parts)).route('/hooks', peopleHookRoutes(hooks, parts));
  const post = (token: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    app.request(`/answer/${token}`, {
      method: 'POST',
      body: new URLSearchParams(form).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    });
  return { app, links, clock, acted, refusals, replies, post };
}

describe('a link', () => {
  it('shows what is asked, whoever fetches it and however often, and does nothing', async () => {
    const { app, links, acted } = setUp();
    for (const method of ['GET', 'HEAD', 'GET']) {
      const answer = await app.request(`/answer/${links.sign(ask)}`, { method });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(answer.headers.get('cache-control')).toBe('no-store');
      if (method === 'GET')
        expect(await answer.text()).toMatch(/May &lt;p&gt; do it\?.*&quot;&gt;&lt;script&gt;.*anna/s);
    }
    expect(acted).toEqual([]);
  });

  it('answers once, by the form of its page', async () => {
    const { links, post, acted, refusals } = setUp();
    const token = links.sign(ask);
    const form = { answer: 'approve', confirm: links.confirmation(token) };
    expect((await post(token, form, { 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect(acted).toEqual([{ id: 'a1', verb: 'approve', person: 'anna', way: 'mail' }]);
    const again = await post(token, form);
    expect(again.status).toBe(409);
    expect(acted).toHaveLength(1);
    expect(refusals).toEqual(['link over']);
  });

  it('that is for nobody alone takes the token of a person', async () => {
    const { links, post, acted } = setUp();
    const token = links.sign({ ...ask, person: undefined, way: 'soc' });
    const form = { answer: 'deny', confirm: links.confirmation(token) };
    expect((await post(token, { ...form, token: 'nobodys-token' })).status).toBe(403);
    expect((await post(token, form)).status).toBe(403);
    expect(acted).toEqual([]);
    expect((await post(token, { ...form, token: 'bobs-own-token' })).status).toBe(200);
    expect(acted).toEqual([{ id: 'a1', verb: 'deny', person: 'bob', way: 'soc' }]);
  });

  const forgeries: { name: string; token: (signed: string) => string; status: number }[] = [
    { name: 'without a signature', token: (signed) => signed.split('.')[0] ?? '', status: 404 },
    { name: 'with another signature', token: (signed) => `${signed.slice(0, -4)}AAAA`, status: 404 },
    {
      name: 'for another person',
      token: (signed) => {
        const body = Buffer.from(JSON.stringify({ ...ask, person: 'eve' })).toString('base64url');
        return `${body}.${signed.split('.')[1]}`;
      },
      status: 404,
    },
    { name: 'of another router', token: () => makeLinks(Buffer.alloc(32, 8)).sign(ask), status: 404 },
    { name: 'that is far too long', token: (signed) => `${signed}${'A'.repeat(5_000)}`, status: 404 },
    { name: 'whose time is over', token: () => makeLinks(key).sign({ ...ask, untilMs: 999 }), status: 410 },
  ];
  it.for(forgeries)('$name is refused', async ({ token, status }) => {
    const { app, links, post, acted } = setUp();
    const forged = token(links.sign(ask));
    expect((await app.request(`/answer/${forged}`)).status).toBe(status);
    expect((await post(forged, { answer: 'approve', confirm: links.confirmation(forged) })).status).toBe(status);
    expect(acted).toEqual([]);
  });

  it.for([
    { name: 'a page elsewhere', headers: { 'sec-fetch-site': 'cross-site' }, confirm: true },
    { name: 'a page next door', headers: { 'sec-fetch-site': 'same-site' }, confirm: true },
    {
      name: 'another origin',
      headers: { origin: 'https://evil.example.com', host: 'lanner.example.com' },
      confirm: true,
    },
    { name: 'an origin that hides', headers: { origin: 'null' }, confirm: true },
    { name: 'somebody who has not read the page', headers: {}, confirm: false },
  ])('takes no form of $name', async ({ headers, confirm }) => {
    const { links, post, acted, refusals } = setUp();
    const token = links.sign(ask);
    const form = { answer: 'approve', confirm: confirm ? links.confirmation(token) : links.confirmation('another') };
    expect((await post(token, form, Object.fromEntries(Object.entries(headers)))).status).toBe(403);
    expect(acted).toEqual([]);
    expect(refusals).toEqual(['link forgery']);
  });
});

describe('a button in Slack', () => {
  const press = (value: string, user = 'U0ANNA', action = 'lanner_approve') => {
    const actions = [{ action_id: action, value }];
    const payload = { type: 'block_actions', user: { id: user }, response_url: 'https://hooks.slack.com/x', actions };
    return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  };
  const headersOf = (body: string, stamp: number, by = secret) => ({
    'x-slack-request-timestamp': String(stamp),
    'x-slack-signature': `v0=${createHmac('sha256', by).update(`v0:${stamp}:${body}`).digest('hex')}`,
  });

  it('answers as the person whose account it is', async () => {
    const { app, links, acted, replies } = setUp();
    const body = press(links.sign({ ...ask, person: undefined, way: 'soc' }));
    const send = () => app.request('/hooks/slack', { method: 'POST', body, headers: headersOf(body, 1) });
    expect((await send()).status).toBe(200);
    expect(acted).toEqual([{ id: 'a1', verb: 'approve', person: 'anna', way: 'soc' }]);
    // The same request again, within its five minutes.
    expect((await send()).status).toBe(200);
    expect(acted).toHaveLength(1);
    expect(replies).toEqual(['it is done', 'it is decided already']);
  });

  it.for([
    { name: 'another secret', stamp: 1, by: 'guessed', reason: 'slack signature' },
    { name: 'a time five minutes ahead', stamp: 400, by: secret, reason: 'slack expired' },
  ])('signed with $name is refused', async ({ stamp, by, reason }) => {
    const { app, links, acted, refusals } = setUp();
    const body = press(links.sign(ask));
    const headers = headersOf(body, stamp, by);
    expect((await app.request('/hooks/slack', { method: 'POST', body, headers })).status).toBe(401);
    expect([acted, refusals]).toEqual([[], [reason]]);
  });

  it('is refused when the request is repeated after five minutes', async () => {
    const { app, links, acted, clock } = setUp();
    const body = press(links.sign(ask));
    clock.nowMs = 302_000;
    const answer = await app.request('/hooks/slack', { method: 'POST', body, headers: headersOf(body, 1) });
    expect([answer.status, acted]).toEqual([401, []]);
  });

  it.for([
    { name: 'a stranger', user: 'U0EVE', value: undefined, said: 'Nobody in the configuration' },
    { name: 'somebody with a made-up button', user: 'U0ANNA', value: 'eyJraW5kIjoi.AAAA', said: 'none of ours' },
  ])('does nothing for $name', async ({ user, value, said }) => {
    const { app, links, acted, replies } = setUp();
    const body = press(value ?? links.sign(ask), user);
    const answer = await app.request('/hooks/slack', { method: 'POST', body, headers: headersOf(body, 1) });
    expect([answer.status, acted]).toEqual([200, []]);
    expect(replies[0]).toContain(said);
  });
});
