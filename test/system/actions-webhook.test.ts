import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../router/clients/retry-after.ts';
import { alert, perform } from '../support/action.ts';
import { hostile } from '../support/hostile.ts';

type Request = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};
const requests: Request[] = [];
let server: Server;
let origin = '';

/** What the server does is what the path says. */
const answers: Readonly<Record<string, (response: ServerResponse, request: Request) => void>> = {
  '/ok': (response) => response.writeHead(204).end(),
  '/conflict': (response) => response.writeHead(409).end('already there'),
  '/busy': (response) => response.writeHead(429, { 'retry-after': '7' }).end('slow down'),
  '/later': (response) => response.writeHead(503, { 'retry-after': new Date(Date.now() + 90_000).toUTCString() }).end(),
  '/broken': (response) => response.writeHead(500).end('oops'),
  '/redirect': (response) => response.writeHead(302, { location: `${origin}/ok` }).end(),
  '/reset': (response) => response.destroy(),
  '/half': (response) =>
    void response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy()),
  '/stalled': (response) => void response.writeHead(200, { 'content-length': '100' }).write('half'),
  '/silent': () => undefined,
  '/endless': (response) => {
    response.writeHead(400);
    const pump = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
      if (!response.destroyed) response.once('drain', pump);
    };
    pump();
  },
  '/echo/T0KEN': (response, request) =>
    response.writeHead(400).end(`no ${request.url} for ${request.headers.authorization}`),
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
      requests.push(seen);
      const answer = answers[url.split('?')[0] ?? ''];
      if (answer === undefined) response.writeHead(404).end();
      else answer(response, seen);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const host = () => new URL(origin).host;

describe('webhook', () => {
  it('sends the alert when there is no body', async () => {
    expect(await perform('webhook', { url: `${origin}/ok` })).toEqual({
      status: 'done',
      detail: `${host()} answered 204`,
      outputs: { http_status: 204 },
    });
    const { method, headers, body } = requests.at(-1) ?? {};
    expect(method).toBe('POST');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': 'an-alert/a-playbook/a-step',
      'user-agent': 'lanner',
    });
    expect(JSON.parse(body ?? '')).toEqual(JSON.parse(JSON.stringify(alert)));
  });

  it.for([
    { method: 'PUT', body: { a: [1, true, null] }, sent: '{"a":[1,true,null]}' },
    { method: 'PATCH', body: 'text', sent: '"text"' },
    { method: 'PURGE', body: 0, sent: '0' },
    { method: 'DELETE', body: undefined, sent: '' },
    { method: 'GET', body: undefined, sent: '' },
  ])('sends $method with $sent', async ({ method, body, sent }) => {
    const params = { url: `${origin}/ok`, method, ...(body === undefined ? {} : { body }) };
    expect(await perform('webhook', params)).toMatchObject({ status: 'done' });
    expect(requests.at(-1)).toMatchObject({ method, body: sent });
  });

  it('lets the playbook set headers, once each, and keeps what is not ASCII as UTF-8', async () => {
    const headers = { 'Content-Type': 'application/cloudevents+json', 'X-Name': 'Grün' };
    expect(await perform('webhook', { url: `${origin}/ok`, headers })).toMatchObject({ status: 'done' });
    const seen = requests.at(-1)?.headers ?? {};
    expect(seen['content-type']).toBe('application/cloudevents+json');
    expect(Buffer.from(String(seen['x-name']), 'latin1').toString()).toBe('Grün');
  });

  it('takes credentials out of the URL into a header', async () => {
    const url = `${origin.replace('//', '//ann:p%40ss@')}/ok`;
    expect(await perform('webhook', { url })).toMatchObject({ status: 'done' });
    expect(requests.at(-1)?.headers.authorization).toBe(`Basic ${Buffer.from('ann:p@ss').toString('base64')}`);
  });

  it.for([
    {
      path: '/busy',
      result: { status: 'failed', retry: true, reason: 'answered 429: slow down', retryAfterMs: 7_000 },
    },
    { path: '/broken', result: { status: 'failed', retry: true, reason: 'answered 500: oops' } },
    { path: '/conflict', result: { status: 'failed', retry: false, reason: 'answered 409: already there' } },
    { path: '/nowhere', result: { status: 'failed', retry: false, reason: 'answered 404' } },
    { path: '/redirect', result: { status: 'failed', retry: false, reason: 'answered 302' } },
  ])('$path: $result.status, retry $result.retry', async ({ path, result }) => {
    const before = requests.length;
    const answer = await perform('webhook', { url: origin + path });
    expect(answer).toEqual({ ...result, reason: `${host()} ${result.reason}` });
    // A redirect is not followed, and nothing is repeated here: that is the run's to say.
    expect(requests.length - before).toBe(1);
  });

  it('obeys a Retry-After that is a date', async () => {
    const answer = await perform('webhook', { url: `${origin}/later` });
    expect(answer).toMatchObject({ status: 'failed', retry: true });
    expect('retryAfterMs' in answer && answer.retryAfterMs).toBeGreaterThan(85_000);
  });

  it('takes other statuses for success if the playbook says so', async () => {
    expect(await perform('webhook', { url: `${origin}/conflict`, expect: [200, 409] })).toMatchObject({
      status: 'done',
    });
    expect(await perform('webhook', { url: `${origin}/ok`, expect: [200] })).toMatchObject({
      status: 'failed',
      retry: false,
    });
  });

  it('may try again when the connection breaks or there is none', async () => {
    expect(await perform('webhook', { url: `${origin}/reset` })).toMatchObject({ status: 'failed', retry: true });
    const refused = await perform('webhook', { url: 'http://127.0.0.1:9/secret-path' });
    expect(refused).toMatchObject({ status: 'failed', retry: true, reason: expect.stringContaining('127.0.0.1:9: ') });
    expect(JSON.stringify(refused)).not.toContain('secret-path');
  });

  it.for(['/half', '/stalled'])('believes the status of an answer that stops (%s)', async (path) => {
    expect(await perform('webhook', { url: origin + path })).toMatchObject({ status: 'done' });
  });

  it('ends at its time-out', async () => {
    const startedMs = performance.now();
    const answer = await perform('webhook', { url: `${origin}/silent` }, { timeoutMs: 200 });
    expect(answer).toEqual({ status: 'timed_out', detail: `${host()} did not answer in time` });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  it('reads no more than it shows of an answer without end', async () => {
    const answer = await perform('webhook', { url: `${origin}/endless` });
    expect(answer).toMatchObject({ status: 'failed', retry: false });
    expect(JSON.stringify(answer).length).toBeLessThan(1_200);
  });

  it('never repeats the secrets of its URL', async () => {
    const url = `${origin.replace('//', '//ann:passw0rd@')}/echo/T0KEN?key=abcdef`;
    const basic = Buffer.from('ann:passw0rd').toString('base64');
    const answer = await perform('webhook', { url }, { secrets: [`Basic ${basic}`] });
    expect(answer).toMatchObject({ status: 'failed', reason: `${host()} answered 400: no *** for ***` });
  });

  it.for([
    { params: { url: 'ftp://h/' }, reason: 'url: expected a URL with http or https' },
    { params: { url: 'http://h/', method: 'TRACE' }, reason: 'method: expected a method' },
    { params: { url: 'http://h/', headers: { a: 'b\r\nc: d' } }, reason: 'headers.a: a header has no line ends' },
    { params: { url: 'http://h/', headers: { 'transfer-encoding': 'x' } }, reason: 'headers.transfer-encoding' },
    { params: { url: 'http://h/', method: 'GET', body: {} }, reason: 'body: a request with GET' },
  ])('refuses $params', async ({ params, reason }) => {
    const answer = await perform('webhook', params);
    expect(answer).toMatchObject({ status: 'failed', retry: false, reason: expect.stringContaining(reason) });
  });

  it('sends nothing in a dry run', async () => {
    const before = requests.length;
    const answer = await perform('webhook', { url: `${origin}/ok` }, { mode: 'dry-run' });
    expect(answer).toEqual({ status: 'skipped', detail: `would send POST to ${host()}` });
    expect(requests.length).toBe(before);
  });

  it('carries hostile values as they are, in the body, in a header, or not at all', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        const before = requests.length;
        const answer = await perform('webhook', { url: `${origin}/ok`, body: { text }, headers: { 'x-text': text } });
        const [seen, ...others] = requests.slice(before);
        expect(others).toEqual([]);
        if (/\p{Cc}/u.test(text) || text.length > 8_192) {
          expect({ answer, seen }).toMatchObject({ answer: { status: 'failed', retry: false }, seen: undefined });
          return;
        }
        expect(answer).toMatchObject({ status: 'done' });
        expect(JSON.parse(seen?.body ?? '')).toEqual({ text });
        expect(Buffer.from(String(seen?.headers['x-text']), 'latin1').toString().trim()).toBe(text.trim());
      }),
      { numRuns: 100 },
    );
  });
});

describe('retryAfterMs', () => {
  it.for([
    { value: null, ms: undefined },
    { value: '3', ms: 3_000 },
    { value: '0', ms: 0 },
    { value: '999999', ms: 3_600_000 },
    { value: 'soon', ms: undefined },
    { value: 'Thu, 01 Jan 1970 00:00:05 GMT', ms: 4_000 },
    { value: 'Thu, 01 Jan 1970 00:00:00 GMT', ms: 0 },
  ])('reads $value as $ms', ({ value, ms }) => {
    expect(retryAfterMs(value, 1_000)).toBe(ms);
  });
});
