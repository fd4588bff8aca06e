import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeHttp } from './http.ts';
import { makeEachProgram, makeRunningProgram } from './program.ts';
import type { Sink } from './sink.ts';
import { makeSyslog } from './syslog.ts';

let folder: string;
const closers: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-sink-'));
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

const opened = <T extends Sink>(sink: T): T => {
  closers.push(() => sink.close(100));
  return sink;
};
const written = (sink: Sink, count: number) =>
  vi.waitFor(() => expect(sink.counters()).toMatchObject({ written: count, held: 0 }), { timeout: 5_000 });

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}
const said = (): string => readFileSync(join(folder, 'out'), 'utf8');

describe('output to a program', () => {
  it('that keeps running gets a line an alert, and nothing of our environment', async () => {
    const sink = opened(makeRunningProgram([script('p', `env >${folder}/env; exec cat >${folder}/out`)], vi.fn()));
    for (const line of ['a', 'b', 'c']) sink.send(line, 4);
    await vi.waitFor(() => expect(said()).toBe('a\nb\nc\n'));
    expect(readFileSync(join(folder, 'env'), 'utf8')).not.toContain('HOME=');
    await written(sink, 3);
  });

  it('that ends is started again, and gets what is left', async () => {
    const failed = vi.fn();
    const sink = opened(makeRunningProgram([script('p', `read line; echo "$line" >>${folder}/out; exit 3`)], failed));
    for (const line of ['a', 'b', 'c']) {
      sink.send(line, 4);
      await vi.waitFor(() => expect(said()).toContain(`${line}\n`), { timeout: 5_000 });
    }
    expect(said()).toBe('a\nb\nc\n');
    expect(failed).toHaveBeenCalledWith(expect.stringContaining('ended with 3'));
  });

  it('that reads nothing costs alerts beyond a bound, not memory', async () => {
    const sink = opened(makeRunningProgram([script('p', 'exec sleep 60')], vi.fn()));
    const line = 'x'.repeat(100_000);
    for (let number = 0; number < 500; number++) sink.send(line, 4);
    await vi.waitFor(() => expect(sink.counters().lost).toBeGreaterThan(300));
    const { held, lost } = sink.counters();
    expect(held + lost).toBeLessThanOrEqual(500);
  });

  it('that is started for each alert gets that alone', async () => {
    const sink = opened(makeEachProgram([script('p', `echo "<$(cat)>" >>${folder}/out`)], vi.fn()));
    for (const line of ['a', 'b', 'c', 'd', 'e', 'f']) sink.send(line, 4);
    await written(sink, 6);
    expect(said().split('\n').sort().join('')).toBe('<a><b><c><d><e><f>');
  });

  it('that fails or is not there counts as lost', async () => {
    const failed = vi.fn();
    const sink = opened(makeEachProgram([script('p', 'exit 9')], failed));
    const missing = vi.fn();
    const nowhere = opened(makeEachProgram(['/nowhere/program'], missing));
    sink.send('a', 4);
    nowhere.send('a', 4);
    await vi.waitFor(() => expect(sink.counters().lost + nowhere.counters().lost).toBe(2));
    expect(failed).toHaveBeenCalledWith(expect.stringContaining('ended with 9'));
    expect(missing).toHaveBeenCalledWith(expect.stringContaining('ENOENT'));
  });
});

/** A receiver of octet-counted syslog (RFC 6587) that splits messages by their count alone. */
async function receiver(port = 0) {
  const messages: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let rest = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const [, digits] = /^(\d+) /.exec(rest.toString('latin1', 0, 16)) ?? [];
        const from = (digits?.length ?? 0) + 1;
        if (digits === undefined || rest.length < from + Number(digits)) return;
        messages.push(rest.toString('utf8', from, from + Number(digits)));
        rest = rest.subarray(from + Number(digits));
      }
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  closers.push(close);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  return { port: address.port, messages, close };
}

describe('output to syslog', () => {
  const settings = { facility: 19, appName: 'lanner', hostname: 'ho st' } as const;

  it('counts octets, not letters', async () => {
    const { port, messages } = await receiver();
    const sink = opened(makeSyslog({ ...settings, to: { kind: 'tcp', host: '127.0.0.1', port } }, vi.fn()));
    for (const line of ['über', 'b']) sink.send(line, 4);
    await vi.waitFor(() => expect(messages).toHaveLength(2));
    expect(messages[0]).toMatch(/^<156>1 \d{4}-\d\d-\d\dT[\d:.]+Z host lanner \d+ alert - über$/);
    await written(sink, 2);
  });

  it('connects again to a server that comes back, with what was held', async () => {
    const failed = vi.fn();
    const first = await receiver();
    const to = { kind: 'tcp', host: '127.0.0.1', port: first.port } as const;
    const sink = opened(makeSyslog({ ...settings, to }, failed));
    sink.send('a', 4);
    await vi.waitFor(() => expect(first.messages).toHaveLength(1));
    first.close();
    await vi.waitFor(() => expect(failed).toHaveBeenCalled(), { timeout: 5_000 });
    for (const line of ['b', 'c']) sink.send(line, 4);
    expect(sink.counters()).toMatchObject({ written: 1, held: 2, lost: 0 });
    const second = await receiver(first.port);
    await vi.waitFor(() => expect(second.messages.map((message) => message.at(-1))).toEqual(['b', 'c']), {
      timeout: 5_000,
    });
  });
});

async function httpServer(answer: (request: IncomingMessage, body: string, response: ServerResponse) => void) {
  const server = createHttp(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    answer(request, body, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  return new URL(`http://127.0.0.1:${address.port}/hook`);
}

const noTls = { ca: undefined, cert: undefined, key: undefined };

describe('output by HTTP', () => {
  it('posts one JSON object a request, as Falco does', async () => {
    const seen: unknown[] = [];
    const url = await httpServer(({ method, headers, url: path }, body, response) => {
      seen.push([method, path, headers['content-type'], headers.authorization, JSON.parse(body)]);
      response.writeHead(200).end();
    });
    writeFileSync(join(folder, 'token'), 'secret\n');
    const tokenFile = join(folder, 'token');
    const sink = opened(makeHttp({ kind: 'http', url, tokenFile, tls: noTls }, vi.fn()));
    sink.send('{"a":1}', 4);
    sink.send('{"a":2}', 4);
    await written(sink, 2);
    const like = ['POST', '/hook', 'application/json', 'Bearer secret'];
    expect(seen).toEqual([
      [...like, { a: 1 }],
      [...like, { a: 2 }],
    ]);
  });

  it.for([500, 503, 429, 404])('tries again after %i, and keeps the order', async (status) => {
    const taken: string[] = [];
    let left = 2;
    const url = await httpServer((_, body, response) => {
      if (left-- > 0) response.writeHead(status).end();
      else {
        taken.push(body);
        response.writeHead(204).end();
      }
    });
    const sink = opened(makeHttp({ kind: 'http', url, tokenFile: undefined, tls: noTls }, vi.fn()));
    for (const line of ['1', '2', '3']) sink.send(line, 4);
    await written(sink, 3);
    expect(taken).toEqual(['1', '2', '3']);
  });

  it('gives up what is refused for good, and says why', async () => {
    const failed = vi.fn();
    const url = await httpServer((_, body, response) => response.writeHead(body === 'bad' ? 400 : 200).end('no'));
    const sink = opened(makeHttp({ kind: 'http', url, tokenFile: undefined, tls: noTls }, failed));
    for (const line of ['1', 'bad', '3']) sink.send(line, 4);
    await vi.waitFor(() => expect(sink.counters()).toEqual({ written: 2, held: 0, lost: 1 }));
    expect(failed).toHaveBeenCalledWith(expect.stringContaining('HTTP 400: no'));
  });

  it('holds alerts for a token that is not there yet', async () => {
    const url = await httpServer(({ headers }, _, response) =>
      response.writeHead(headers.authorization === 'Bearer late' ? 200 : 401).end(),
    );
    const tokenFile = join(folder, 'later');
    const sink = opened(makeHttp({ kind: 'http', url, tokenFile, tls: noTls }, vi.fn()));
    sink.send('1', 4);
    await vi.waitFor(() => expect(sink.counters()).toMatchObject({ written: 0, held: 1 }));
    writeFileSync(tokenFile, 'late');
    await written(sink, 1);
  });
});
