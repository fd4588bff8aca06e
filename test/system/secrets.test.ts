import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { KubernetesApi } from '../support/kubernetes-api.ts';
import { runLanner } from '../support/lanner.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

/** Of letters that JSON, shells, addresses and patterns write otherwise. */
/** This one lies in a cluster, the others in files. */
const CLUSTER = 'a secret-of-the-cluster';
const secrets = {
  PLAIN: 'correct-horse-battery-staple',
  QUOTED: 'a "quoted" \\ secret\twith tab',
  LINES: 'two\nlines of-a-secret',
  PATTERN: '.*(secret)$ %{x} $(id)',
  UNICODE: 'пароль-€-😀-secret',
  LONG: 'L0ng'.repeat(2_000),
  CLUSTER,
} as const;

/** As it may stand in texts: itself, in JSON, in JSON in JSON, in an address. */
const formsOf = (secret: string): readonly string[] => {
  const inJson = JSON.stringify(secret).slice(1, -1);
  return [secret, inJson, JSON.stringify(inJson).slice(1, -1), encodeURIComponent(secret)];
};

const api = new KubernetesApi();
let place: Place;
let router: RouterProcess;
const told: string[] = [];
/** Says back whatever it is told, as services do in their errors. */
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += String(chunk);
  });
  request.on('end', () => {
    told.push(body);
    response.writeHead(422).end(`no such key ${request.headers['x-key']} ${body}`);
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  place = await makePlace();
  const folder = join(place.dataFolder, 'secrets');
  mkdirSync(folder, { recursive: true });
  for (const [name, secret] of Object.entries(secrets))
    if (secret !== CLUSTER) writeFileSync(join(folder, name), secret);
  await api.listen();
  const data = { 'the.key': Buffer.from(CLUSTER).toString('base64') };
  api.put('/api/v1/namespaces/sec/secrets/pager', { metadata: { name: 'pager', namespace: 'sec' }, data });
  const reference = 'secrets: {CLUSTER: {kubernetes: sec/pager/the.key}}';
  writeFileSync(
    join(place.dataFolder, 'router.yaml'),
    `kubernetes: {kubeconfig_file: ${api.kubeconfig}}\n${reference}\n`,
  );
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
  await api.close();
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
    // It was there all the same: the other side, which says back what it is told, got it.
    expect(told.some((body) => body.includes(CLUSTER))).toBe(true);
  });

  it('are looked for in the cluster by playbooks check as well', async () => {
    const config = join(place.dataFolder, 'router.yaml');
    const check = (...more: readonly string[]) =>
      runLanner(
        'playbooks',
        'check',
        '--secrets',
        join(place.dataFolder, 'secrets'),
        ...more,
        join(place.dataFolder, 'secret.yaml'),
      );
    expect((await check('--config', config)).stdout).toContain('0 errors, 0 warnings');
    expect((await check()).stdout).toContain('there is no secret CLUSTER here');
    api.forbidden.add('GET secrets');
    const refused = await check('--config', config);
    expect(refused.stdout).toContain('there is no secret CLUSTER here');
    expect(refused.stderr).toContain('secrets is forbidden');
  });
});
