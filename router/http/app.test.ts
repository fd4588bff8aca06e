import { describe, expect, it } from 'vitest';
import type { Alert } from '#rules/alert';
import { makeLinks } from '../people/links.ts';
import { type AppParts, makeApp } from './app.ts';
import { makeMetrics } from './metrics.ts';

const token = 'a-token-of-this-test';
const authorization = `Bearer ${token}`;
const alert = { time: '2026-11-23T14:00:00Z', rule: 'Shell', priority: 'Notice' };

/** The HTTP side over parts that work, or over the ones given. */
function appOver(parts: Partial<AppParts> = {}, alerts: Partial<AppParts['alerts']> = {}) {
  const metrics = makeMetrics();
  const taken: Alert[] = [];
  const app = makeApp({
    identify: (header) => ({ [authorization]: 'operator', 'Bearer anna': 'anna' })[header ?? ''],
    answers: {
      answers: { describe: async () => undefined, act: async () => ({ kind: 'unknown', said: 'not asked' }) },
      open: async () => [],
      pages: { open: async () => [], answer: async () => ({ kind: 'unknown' }) },
      links: makeLinks(Buffer.alloc(32)),
      identify: () => undefined,
      refused: () => undefined,
      nowMs: () => 7,
    },
    silences: {
      silences: { add: async () => ({ wrong: 'not asked' }), end: async () => undefined, list: async () => [] },
      maySilence: () => false,
      audit: async () => undefined,
      nowMs: () => 7,
    },
    hooks: {
      slackSecret: () => undefined,
      pagerdutySecret: () => undefined,
      opsgenieToken: () => undefined,
      bySlack: () => undefined,
      reply: () => undefined,
    },
    alerts: {
      ingest: async (received) => {
        taken.push(...received);
        return { ids: received.map((_, index) => `id-${index}`), duplicates: 0, matched: received.length };
      },
      latest: async () => [],
      refusal: () => undefined,
      metrics,
      ...alerts,
    },
    health: { metrics, readiness: async () => ({ ready: true, parts: {} }), measure: async () => undefined },
    runs: runsOf(),
    nodes: { all: async () => [], put: async () => undefined },
    feed: { follow: async function* () {}, close: () => undefined },
    playbooks: {
      playbooks: () => [],
      mode: 'dry-run',
      gates: { stopped: async () => undefined, resume: async () => false },
      audit: async () => undefined,
      dryRun: () => Promise.reject(new Error('not asked')),
    },
    audit: { read: async () => [] },
    sync: undefined,
    filesAt: async () => undefined,
    status: () => ({}),
    destinations: {
      names: [],
      states: async () => [],
      test: async () => undefined,
      deadLetters: async () => [],
      replay: async () => 0,
      purge: async () => 0,
      audit: async () => undefined,
    },
    evidence: {
      take: async () => ({ status: 'have', have: 0 }),
      read: async () => undefined,
      list: async () => [],
      audit: async () => undefined,
      metrics,
    },
    responding: { current: () => undefined, set: async () => undefined, connected: () => 2, nowMs: () => 7 },
    failed: () => undefined,
    ...parts,
  });
  const post = (body: string, headers: Record<string, string> = { authorization }) =>
    app.request('/api/alerts', { method: 'POST', body, headers });
  return { app, post, taken, metrics };
}

describe('the token', () => {
  it.for(['/api/alerts', '/api/runs', '/api/runs/r1', '/api/playbooks', '/api/nodes', '/api/events', '/api/unknown'])(
    'is wanted by %s',
    async (path) => {
      const { app } = appOver();
      expect((await app.request(path)).status).toBe(401);
      const answer = await app.request(path, { headers: { authorization } });
      expect([200, 404]).toContain(answer.status);
      await answer.body?.cancel();
    },
  );

  it('of a person is for looking and answering, not for everything', async () => {
    const { app, taken } = appOver();
    const ask = async (method: string, path: string) =>
      (await app.request(path, { method, headers: { authorization: 'Bearer anna' } })).status;
    expect(await ask('GET', '/api/runs')).toBe(200);
    expect(await ask('POST', '/api/approvals/a00000000000000000000000/approve')).toBe(404);
    for (const path of ['/api/alerts', '/api/playbooks/p/resume', '/api/dead-letters/purge', '/api/approvalsx'])
      expect(await ask('POST', path)).toBe(403);
    expect(await ask('PUT', '/api/responding')).toBe(403);
    expect(await ask('GET', '/api/evidence/e1')).toBe(403);
    expect(taken).toEqual([]);
  });

  it.for(['', 'Bearer ', 'Bearer a-token', `Bearer ${token} `, `bearer ${token}`, token, `Basic ${token}`])(
    'is not %o',
    async (given) => {
      const { post, taken } = appOver();
      const answer = await post(JSON.stringify(alert), { authorization: given });
      // The Headers of fetch cut white space off the ends, as HTTP does.
      expect(answer.status).toBe(given.trim() === authorization ? 202 : 401);
      if (answer.status === 401) expect(taken).toEqual([]);
    },
  );

  it.for(['/healthz', '/readyz', '/metrics', '/'])('is not wanted by %s', async (path) => {
    expect((await appOver().app.request(path)).status).toBe(200);
  });
});

describe('POST /api/alerts', () => {
  it('answers 202 with what became of the alerts', async () => {
    const { post, taken } = appOver();
    const answer = await post(JSON.stringify([alert, alert]));
    expect(answer.status).toBe(202);
    expect(await answer.json()).toEqual({ accepted: 2, duplicates: 0, runs: 2, ids: ['id-0', 'id-1'] });
    expect(taken.map(({ rule }) => rule)).toEqual(['Shell', 'Shell']);
  });

  it('answers 400 with the path of the wrong key, and takes none of the alerts', async () => {
    const { post, taken } = appOver();
    const answer = await post(JSON.stringify([alert, { ...alert, rule: 7 }]));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: expect.stringMatching(/^\[1\]\.rule: expected string/) });
    expect(taken).toEqual([]);
  });

  it.for(['with', 'without'])('answers 413 to more than 4 MiB %s a length in its head', async (how) => {
    const { post } = appOver();
    const body = 'x'.repeat(4 * 1024 * 1024 + 1);
    const headers = { authorization, ...(how === 'with' ? { 'content-length': String(body.length) } : {}) };
    const answer = await post(body, headers);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toEqual({ error: expect.stringContaining('4194304 bytes') });
  });

  it.for([
    {
      name: 'Redis does not take them',
      parts: { ingest: () => Promise.reject(new Error('away')) },
      error: /send them again/,
    },
    { name: 'Redis is nearly full', parts: { refusal: () => 'Redis is nearly full' }, error: /nearly full/ },
  ])('answers 503 and when to come back while $name', async ({ parts, error }) => {
    const { post, metrics } = appOver({}, parts);
    const answer = await post(JSON.stringify(alert));
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(await answer.json()).toEqual({ error: expect.stringMatching(error) });
    expect(await metrics.registry.metrics()).toContain('lanner_alert_requests_refused_total{status="503"} 1');
  });
});

describe('other routes', () => {
  it.for([
    ['5', 5],
    ['0', 1],
    ['999999', 1_000],
    ['-1', 100],
    ['many', 100],
    ['', 100],
  ] as const)('read ?limit=%s as %d', async ([text, count]) => {
    const asked: number[] = [];
    const latest = async (limit: number) => {
      asked.push(limit);
      return [];
    };
    await appOver({}, { latest }).app.request(`/api/alerts?limit=${text}`, { headers: { authorization } });
    expect(asked).toEqual([count]);
  });

  it('answer 404 for a run that is not kept, and for what no run can be called', async () => {
    const asked: string[] = [];
    const load = async (id: string) => {
      asked.push(id);
      return undefined;
    };
    const { app } = appOver({ runs: { ...runsOf(), load } });
    const known = `r${'0'.repeat(31)}`;
    for (const id of [known, 'x', '..%2fsecret', `${known}0`])
      expect((await app.request(`/api/runs/${id}`, { headers: { authorization } })).status, id).toBe(404);
    expect(asked).toEqual([known]);
  });

  it('answer 503 and not a stack when Redis is away', async () => {
    const all = () => Promise.reject(new Error('connect ENOENT /secret/redis.sock'));
    const failed: string[] = [];
    const { app } = appOver({
      nodes: { all, put: async () => undefined },
      failed: ({ message }) => failed.push(message),
    });
    const answer = await app.request('/api/nodes', { headers: { authorization } });
    expect(answer.status).toBe(503);
    expect(await answer.text()).not.toContain('secret');
    expect(failed).toHaveLength(1);
  });

  it('say 503 on /readyz when a part is missing', async () => {
    const parts = { redis: { ok: false, detail: 'does not answer' } };
    const health = {
      metrics: makeMetrics(),
      readiness: async () => ({ ready: false, parts }),
      measure: async () => undefined,
    };
    const answer = await appOver({ health }).app.request('/readyz');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ ready: false, parts });
  });
});

function runsOf(): AppParts['runs'] {
  return {
    load: async () => undefined,
    known: async () => new Set(),
    latest: async () => [],
    save: async () => undefined,
    begin: async () => 'fresh',
    record: async () => undefined,
  };
}

describe('/api/responding', () => {
  it('takes a stop with who and why, and takes it back', async () => {
    const words: unknown[] = [];
    const set = async (stop: unknown) => void words.push(stop);
    const { app } = appOver({ responding: { current: () => undefined, set, connected: () => 2, nowMs: () => 7 } });
    const put = (body: string, headers: Record<string, string> = { authorization }) =>
      app.request('/api/responding', { method: 'PUT', body, headers });
    const answer = await put('{"stopped":true,"reason":"a bad rule","by":"ann"}');
    expect(await answer.json()).toEqual({ stop: null, nodes_connected: 2 });
    await put('{"stopped":false}');
    expect(words).toEqual([{ since_ms: 7, reason: 'a bad rule', by: 'ann' }, undefined]);
    for (const wrong of [
      '',
      '{}',
      '{"stopped":true}',
      '{"stopped":false,"x":1}',
      `{"stopped":true,"reason":"${'x'.repeat(2_000)}","by":"a"}`,
    ])
      expect((await put(wrong)).status).toBe(400);
    expect((await put('{"stopped":true,"reason":"a","by":"b"}', {})).status).toBe(401);
    expect(words).toHaveLength(2);
  });
});
