import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Alert, alertSchema, FIRST_HEADER } from '#rules/alert';
import { makeRouterOutput } from './router.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

type Answer = (alerts: readonly Alert[]) => { readonly status: number; readonly body?: string };

/** The router's end: strict about token, form and schema, as the real one. */
async function startRouter(answer: { current: Answer }, port = 0) {
  const taken: string[] = [];
  const sizes: number[] = [];
  const firsts: boolean[] = [];
  const server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (request.headers.authorization !== 'Bearer secret' || request.url !== '/api/alerts') {
      response.writeHead(401).end();
      return;
    }
    const alerts = body.split('\n').map((line) => alertSchema.parse(JSON.parse(line)));
    sizes.push(alerts.length);
    firsts.push(request.headers[FIRST_HEADER] === '1');
    const { status, body: text = '' } = answer.current(alerts);
    if (status === 202) taken.push(...alerts.map(({ rule }) => rule));
    response.writeHead(status).end(text);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    server.close();
  };
  closers.push(close);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  const { port: listening } = address;
  return { port: listening, url: new URL(`http://127.0.0.1:${listening}`), taken, sizes, firsts, close };
}

const alertOf = (rule: string, output = ''): Alert =>
  alertSchema.parse({ time: '2026-11-23T14:00:00.000000001Z', rule, priority: 'Notice', output });

/** A new folder unless the test gives one. */
function open(url: URL, dataFolder = mkdtempSync(join(tmpdir(), 'lanner-output-'))) {
  const log = vi.fn();
  const output = makeRouterOutput({ url, token: 'secret', dataFolder, spoolMaxBytes: 64 * 1024 * 1024, log });
  closers.push(async () => {
    await output.close(50);
    if (dataFolder !== NOWHERE) rmSync(dataFolder, { recursive: true, force: true });
  });
  return { output, log, dataFolder };
}
/** Nobody can make a file here: what is held is held in memory. */
const NOWHERE = '/proc/lanner';

const takeAll: Answer = () => ({ status: 202 });

describe('output to the router', () => {
  it('delivers each alert once and in order, in few requests', async () => {
    const router = await startRouter({ current: takeAll });
    const { output } = open(router.url);
    const rules = Array.from({ length: 1_234 }, (_, number) => `rule ${number}`);
    for (const rule of rules) output.write(alertOf(rule));
    await vi.waitFor(() => expect(output.counters()).toMatchObject({ written: 1_234, held: 0, lost: 0 }));
    expect(router.taken).toEqual(rules);
    expect(router.sizes.length).toBeLessThan(6);
  });

  it('holds alerts while the router is down, says so once, and delivers them when it is back', async () => {
    const router = await startRouter({ current: takeAll });
    await router.close();
    const { output, log } = open(router.url);
    for (const rule of ['a', 'b', 'c']) output.write(alertOf(rule));
    await vi.waitFor(() =>
      expect(log).toHaveBeenCalledWith('warn', expect.stringContaining('holding'), expect.anything()),
    );
    expect(output.counters()).toMatchObject({ written: 0, held: 3, lost: 0 });
    const back = await startRouter({ current: takeAll }, router.port);
    await vi.waitFor(() => expect(back.taken).toEqual(['a', 'b', 'c']), { timeout: 10_000 });
    expect(log.mock.calls.filter(([level]) => level === 'warn')).toHaveLength(1);
  });

  it.for([503, 500, 401, 429])('tries again after %i', async (status) => {
    const answer: { current: Answer } = { current: () => ({ status }) };
    const router = await startRouter(answer);
    const { output } = open(router.url);
    output.write(alertOf('a'));
    await vi.waitFor(() => expect(router.sizes.length).toBeGreaterThan(1), { timeout: 5_000 });
    expect(output.counters()).toMatchObject({ written: 0, held: 1, lost: 0 });
    expect(router.firsts.slice(0, 2), 'only the first says that it is').toEqual([true, false]);
    answer.current = takeAll;
    await vi.waitFor(() => expect(output.counters()).toMatchObject({ written: 1, held: 0, lost: 0 }), {
      timeout: 5_000,
    });
  });

  it.for([400, 413])('gives up only the one alert that the router refuses with %i', async (status) => {
    const refuse: Answer = (alerts) => ({ status: alerts.some(({ rule }) => rule === 'bad') ? status : 202 });
    const router = await startRouter({ current: refuse });
    const { output, log } = open(router.url);
    for (const rule of ['a', 'b', 'bad', 'c', 'd']) output.write(alertOf(rule));
    await vi.waitFor(() => expect(output.counters()).toMatchObject({ written: 4, held: 0, lost: 1 }));
    expect(router.taken).toEqual(['a', 'b', 'c', 'd']);
    expect(log).toHaveBeenCalledWith(
      'error',
      'the router refused an alert for good',
      expect.objectContaining({ status }),
    );
  });

  it('keeps the newest when memory is all there is and its bound is reached, and counts the others', async () => {
    const answer: { current: Answer } = { current: () => ({ status: 503 }) };
    const router = await startRouter(answer);
    const { output } = open(router.url, NOWHERE);
    for (let number = 0; number < 12_000; number++) output.write(alertOf(String(number)));
    expect(output.counters()).toMatchObject({ held: 10_000, lost: 2_000 });
    answer.current = takeAll;
    await vi.waitFor(() => expect(output.counters()).toMatchObject({ written: 10_000, held: 0 }), { timeout: 10_000 });
    expect(router.taken.at(-1)).toBe('11999');
    expect(new Set(router.taken).size).toBe(10_000);
  });

  it('bounds the bytes that it holds in memory', async () => {
    const router = await startRouter({ current: () => ({ status: 503 }) });
    const { output } = open(router.url, NOWHERE);
    const large = 'x'.repeat(200_000);
    for (let number = 0; number < 500; number++) output.write(alertOf(String(number), large));
    const { held, lost } = output.counters();
    expect(held * 200_000).toBeLessThan(64 * 1024 * 1024);
    expect(held + lost).toBe(500);
  });

  it('hands on what it holds when it is closed', async () => {
    const router = await startRouter({ current: takeAll });
    const { output } = open(router.url);
    for (let number = 0; number < 50; number++) output.write(alertOf(String(number)));
    await output.close(1_000);
    expect(router.taken).toHaveLength(50);
    await output.close(1_000);
  });

  it('does not wait longer than it may when it is closed and the router is down', async () => {
    const router = await startRouter({ current: takeAll });
    await router.close();
    const { output, log } = open(router.url, NOWHERE);
    output.write(alertOf('a'));
    const startedMs = performance.now();
    await output.close(200);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(log).toHaveBeenCalledWith('warn', expect.stringContaining('neither'), { held: 1 });
  });

  it('leaves to the disk what memory has no room for, and loses none of it', async () => {
    const answer: { current: Answer } = { current: () => ({ status: 503 }) };
    const router = await startRouter(answer);
    const { output } = open(router.url);
    const rules = Array.from({ length: 20_000 }, (_, number) => `rule ${number}`);
    for (const [index, rule] of rules.entries()) {
      output.write(alertOf(rule));
      if (index % 1_000 === 999) await vi.waitFor(() => expect(output.counters().exposed).toBe(0));
    }
    expect(output.counters()).toMatchObject({ held: 20_000, lost: 0, spool: { waiting: 19_000 } });
    answer.current = takeAll;
    await vi.waitFor(() => expect(output.counters()).toMatchObject({ written: 20_000, held: 0 }), { timeout: 15_000 });
    expect(router.taken).toEqual(rules);
    expect(output.counters()).toMatchObject({ lost: 0, spool: { waiting: 0, lost: 0 } });
  });

  it('hands on after a restart what the router had not taken, and then what is new', async () => {
    const router = await startRouter({ current: takeAll });
    await router.close();
    const first = open(router.url);
    for (const rule of ['a', 'b', 'c']) first.output.write(alertOf(rule));
    await first.output.close(100);
    expect(first.log).toHaveBeenCalledWith('info', expect.stringContaining('wait in the spool'), { held: 3 });
    const back = await startRouter({ current: takeAll }, router.port);
    const second = open(back.url, first.dataFolder);
    second.output.write(alertOf('d'));
    await vi.waitFor(() => expect(second.output.counters()).toMatchObject({ written: 4, held: 0, lost: 0 }));
    expect(back.taken).toEqual(['a', 'b', 'c', 'd']);
    await second.output.close(100);
    expect(readdirSync(join(first.dataFolder, 'spool'))).toEqual(['cursor.json']);
  });

  it('gives up an alert that no router would take for its size', async () => {
    const router = await startRouter({ current: takeAll });
    const { output, log } = open(router.url);
    output.write(alertOf('large', 'x'.repeat(200_000)));
    const fields = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`f${index}`, 'x'.repeat(65_000)]));
    output.write({ ...alertOf('too large'), output_fields: fields });
    await vi.waitFor(() => expect(output.counters()).toMatchObject({ written: 1, held: 0, lost: 1 }));
    expect(router.taken).toEqual(['large']);
    expect(log).toHaveBeenCalledWith('error', expect.stringContaining('larger'), expect.anything());
  });
});
