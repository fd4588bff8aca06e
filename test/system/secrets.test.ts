import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

/** Of letters that JSON, shells, addresses and patterns write otherwise. */
const secrets = {
  PLAIN: 'correct-horse-battery-staple',
  QUOTED: 'a "quoted" \\ secret\twith tab',
  LINES: 'two\nlines of-a-secret',
  PATTERN: '.*(secret)$ %{x} $(id)',
  UNICODE: 'пароль-€-😀-secret',
  LONG: 'L0ng'.repeat(2_000),
} as const;

/** As it may stand in texts: itself, in JSON, in JSON in JSON, in an address. */
const formsOf = (secret: string): readonly string[] => {
  const inJson = JSON.stringify(secret).slice(1, -1);
  return [secret, inJson, JSON.stringify(inJson).slice(1, -1), encodeURIComponent(secret)];
};

let place: Place;
let router: RouterProcess;
/** Says back whatever it is told, as services do in their errors. */
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += String(chunk);
  });
  request.on('end', () => response.writeHead(422).end(`no such key ${request.headers['x-key']} ${body}`));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  place = await makePlace();
  const folder = join(place.dataFolder, 'secrets');
  mkdirSync(folder, { recursive: true });
  for (const [name, secret] of Object.entries(secrets)) writeFileSync(join(folder, name), secret);
  const books = Object.keys(secrets).map((name) =>
    JSON.stringify({
      playbook: `with-${name.toLowerCase()}`,
      on: { rules: ['*'] },
      steps: [
        {
          id: 'call',
          uses: 'webhook',
          with: {
            url: `${origin}/x`,
            headers: { 'x-other': 'y' },
            body: { key: `%{secret.${name}}`, in: `<%{secret.${name}}>` },
          },
          on_error: 'continue',
        },
        {
          id: 'say',
          uses: 'program',
          with: { argv: ['/bin/sh', '-c', 'echo "out $1"; echo "err $1" >&2; exit 3', 'sh', `%{secret.${name}}`] },
          on_error: 'continue',
        },
        {
          id: 'wrong',
          uses: 'email',
          with: { smtp: `%{secret.${name}}`, from: 'a@example.com', to: ['b@example.com'], subject: 's', text: 't' },
          on_error: 'continue',
        },
        {
          id: 'again',
          uses: 'webhook',
          with: { url: `${origin}/x`, body: { said: '%steps.say.detail' } },
          on_error: 'continue',
        },
      ],
    }),
  );
  const book = join(place.dataFolder, 'secret.yaml');
  writeFileSync(book, books.join('\n---\n'));
  router = await startRouterAt(place, ['--enforce', '--playbooks', book]);
});
afterAll(async () => {
  await router.end();
  server.close();
  place.remove();
});

const runs = z.object({ runs: z.array(z.looseObject({ state: z.string() })) });

/** All files below, as text. */
function* filesBelow(folder: string): Generator<readonly [string, string]> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (path === join(place.dataFolder, 'secrets')) continue;
    const stat = statSync(path);
    if (stat.isDirectory()) yield* filesBelow(path);
    else if (stat.isFile()) yield [path, readFileSync(path, 'utf8')];
  }
}

describe('secrets of playbooks', () => {
  it('stand nowhere that anything comes out or is kept: log, journal, audit log, queue, answers, metrics', async () => {
    const alert = { time: '2026-01-01T00:00:00Z', rule: 'r', priority: 'Notice', output: 'x' };
    expect((await place.post(alert)).status).toBe(202);
    const count = Object.keys(secrets).length;
    await eventually(
      'the runs to end',
      async () => {
        const read = runs.parse(await (await place.get('/api/runs?limit=50')).json());
        return (read.runs.length === count && read.runs.every(({ state }) => state !== 'running')) || undefined;
      },
      20_000,
    );
    const places = new Map<string, string>();
    const paths = ['/api/runs?limit=50', '/api/alerts', '/api/audit?after=0', '/api/playbooks', '/metrics', '/readyz'];
    for (const path of paths) places.set(path, await (await place.get(path)).text());
    for (const name of Object.keys(secrets)) {
      const path = `/api/playbooks/with-${name.toLowerCase()}/dry-run`;
      const answer = await fetch(`${place.url}${path}`, {
        method: 'POST',
        headers: place.headers(),
        body: JSON.stringify(alert),
      });
      expect(answer.status).toBe(200);
      places.set(path, await answer.text());
    }
    for (const [path, text] of filesBelow(place.dataFolder)) places.set(path, text);
    places.set('the log', router.lines.join('\n'));
    // What was done is told, and the places were looked at where it is.
    expect(places.get('/api/runs?limit=50')).toContain('***');
    expect([...places.keys()].some((path) => path.includes('appendonly'))).toBe(true);
    const found = [...places].flatMap(([where, text]) =>
      Object.entries(secrets).flatMap(([name, secret]) =>
        formsOf(secret).some((form) => text.includes(form)) ? [`${name} in ${where}`] : [],
      ),
    );
    expect(found).toEqual([]);
  });
});
