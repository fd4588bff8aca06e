import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readAgentOptions } from './config/options.ts';
import { makeRouterRules, readKeptRules } from './router-rules.ts';

const commit = 'a'.repeat(40);
const rule = '- rule: r\n  desc: d\n  condition: evt.type = open and fd.name = /x\n  output: o\n  priority: INFO\n';
const files = [{ path: 'rules/r.yaml', text: rule }];
type Answer = (response: ServerResponse) => void;
const good: Answer = (response) => response.end(JSON.stringify({ commit, files }));
const status =
  (code: number): Answer =>
  (response) =>
    response.writeHead(code).end('no');
const reset: Answer = (response) => response.destroy();

let folder: string;
let server: Server;
let answers: Answer[];
let asked = 0;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-router-rules-'));
  asked = 0;
  server = createServer((_, response) => {
    asked += 1;
    (answers.shift() ?? good)(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

function follow() {
  const address = server.address();
  const used: number[] = [];
  const take = makeRouterRules({
    router: { url: new URL(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`), token: 't' },
    options: readAgentOptions(['--data', folder], { isTerminal: false, hostnameOverride: undefined }),
    begunOn: undefined,
    use: ({ rules }) => void used.push(rules.length),
    usePlaybooks: () => ({ ok: true }),
    log: () => undefined,
  });
  return { take, used };
}

it('asks again when the router is busy or breaks off, and keeps what it got', async () => {
  answers = [status(503), reset, good];
  const { take, used } = follow();
  expect(await take(commit)).toEqual({ ok: true });
  expect({ asked, used }).toEqual({ asked: 3, used: [1] });
  expect(readKeptRules(folder)).toEqual({ commit, files, playbooks: [] });
});

it('does not ask again for what the router has not', async () => {
  answers = [status(404)];
  const { take, used } = follow();
  expect(await take(commit)).toMatchObject({ ok: false, problem: expect.stringContaining('HTTP 404') });
  expect({ asked, used }).toEqual({ asked: 1, used: [] });
});

it('leaves a commit when there is a newer one', async () => {
  answers = [status(503)];
  const { take } = follow();
  const [older] = await Promise.all([take('b'.repeat(40)), take(commit)]);
  expect(older).toMatchObject({ ok: false });
  expect(asked).toBe(2);
});
