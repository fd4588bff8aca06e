import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Kubernetes, type KubernetesOptions, openKubernetes } from './kubernetes.ts';
import { KubernetesServer } from './kubernetes-server.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const podOf = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, ...more },
  spec: { nodeName: 'n1' },
});
const owned = (kind: string, name: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: `uid-${name}`, controller: true }],
});

type Set = {
  readonly server?: KubernetesServer;
  readonly prepare?: (server: KubernetesServer) => void;
  readonly options?: Partial<KubernetesOptions>;
  readonly api?: Partial<KubernetesOptions['api']>;
};

async function setUp({
  server = new KubernetesServer(),
  prepare = (fresh) => fresh.put(podOf('a')),
  options,
  api,
}: Set = {}) {
  prepare(server);
  const url = await server.listen();
  const said: string[] = [];
  const reasons: string[] = [];
  const clock = { nowMs: 0 };
  const kubernetes = openKubernetes({
    api: { url, ...api },
    node: 'n1',
    log: (_, message, fields) => {
      said.push(message);
      reasons.push(String(fields?.['reason']));
    },
    nowMs: () => clock.nowMs,
    pauseMs: 5,
    longestPauseMs: 20,
    ...options,
  });
  closers.push(() => {
    kubernetes.close();
    server.close();
  });
  return { server, kubernetes, url, said, reasons, clock };
}

const named = (kubernetes: Kubernetes, name: string) =>
  vi.waitFor(() => expect(kubernetes.pod(`uid-${name}`)?.name).toBe(name), { timeout: 5_000 });
const watched = (server: KubernetesServer) => vi.waitFor(() => expect(server.watching).toBe(1), { timeout: 5_000 });

const dead = 'the Kubernetes API server does not answer';
const alive = 'the Kubernetes API server answers again';

describe('versions that are gone', () => {
  it('lists anew when that is told in the middle of a watch', async () => {
    const { server, kubernetes } = await setUp();
    await named(kubernetes, 'a');
    await watched(server);
    server.expire();
    server.put(podOf('b'));
    await named(kubernetes, 'b');
    expect(kubernetes.counters).toMatchObject({ lists: 2, failures: 0 });
  });

  it('begins a list again whose next page is gone', async () => {
    const { kubernetes } = await setUp({
      prepare: (server) => {
        server.pageSize = 1;
        server.isPageGone = true;
        for (const name of ['a', 'b', 'c']) server.put(podOf(name));
      },
    });
    await named(kubernetes, 'c');
    expect(kubernetes.counters).toMatchObject({ lists: 1, failures: 1 });
  });
});

describe('answers that are not as they should be', () => {
  it('passes over lines that it does not understand', async () => {
    const { server, kubernetes } = await setUp();
    await watched(server);
    server.say('oh\n\n[]\n{"type":5}\n{"type":"ADDED","object":7}\n{"type":"ADDED","object":{"metadata":null}}\n');
    server.put(podOf('b'));
    await named(kubernetes, 'b');
    expect(kubernetes.counters).toMatchObject({ lists: 1, failures: 0 });
  });

  it('gives up a line without end and goes on behind it', async () => {
    const { server, kubernetes, said } = await setUp();
    await watched(server);
    server.say(`{"type":"ADDED","object":{"metadata":{"name":"${'x'.repeat(5 * 1024 * 1024)}`);
    server.put(podOf('b'));
    await named(kubernetes, 'b');
    // The server counts a watch before the agent has its answer.
    await vi.waitFor(() => expect(said).toEqual([dead, alive]), { timeout: 5_000 });
  });

  it('gives up a list without end', async () => {
    const { server, kubernetes, reasons } = await setUp({
      prepare: (fresh) => {
        fresh.mode = 'endless';
        fresh.put(podOf('a'));
      },
    });
    await vi.waitFor(() => expect(reasons).toEqual(['the answer is too long']), { timeout: 10_000 });
    server.mode = 'well';
    await named(kubernetes, 'a');
  });

  it('reads what comes byte by byte', async () => {
    const { server, kubernetes } = await setUp();
    await watched(server);
    server.mode = 'slow';
    server.put(podOf('b', { labels: { colour: 'grün' } }));
    await named(kubernetes, 'b');
    expect(kubernetes.pod('uid-b')?.labels).toEqual(new Map([['colour', 'gr\u00c3\u00bcn']]));
  });
});

describe('a server that comes and goes', () => {
  it('is told of each time, and the watch goes on where it was', async () => {
    const { server, kubernetes, url, said } = await setUp();
    await watched(server);
    for (const name of ['b', 'c']) {
      await server.die();
      await vi.waitFor(() => expect(said.at(-1)).toBe(dead));
      server.put(podOf(name));
      await server.listen(Number(url.port));
      await named(kubernetes, name);
      expect(said.at(-1)).toBe(alive);
    }
    expect(said).toEqual([dead, alive, dead, alive]);
    expect(kubernetes.counters.lists).toBe(1);
  });

  it('is left when it is silent for too long', async () => {
    const { server, kubernetes } = await setUp({ options: { idleMs: 50 } });
    await named(kubernetes, 'a');
    await vi.waitFor(() => expect(kubernetes.counters.failures).toBeGreaterThan(1));
    server.put(podOf('b'));
    await named(kubernetes, 'b');
    expect(kubernetes.counters.lists).toBe(1);
  });

  it('is not asked in haste when it ends each watch at once', async () => {
    const begunMs = performance.now();
    const { server } = await setUp({
      prepare: (fresh) => {
        fresh.mode = 'hasty';
      },
      options: { pauseMs: 40 },
    });
    const watches = () => server.asked.filter((path) => path.includes('watch=1')).length;
    await vi.waitFor(() => expect(watches()).toBeGreaterThan(5), { timeout: 5_000 });
    // Each pause is at least half of 40 ms.
    expect(watches() - 1).toBeLessThanOrEqual((performance.now() - begunMs) / 20);
  });
});

describe('an account that may not do all', () => {
  it('is asked for less and less often when it may list and not watch', async () => {
    const { server, kubernetes, said, reasons } = await setUp({
      prepare: (fresh) => {
        fresh.forbidden.add('watch');
        fresh.put(podOf('a'));
      },
      options: { longestPauseMs: 1_000 },
    });
    await named(kubernetes, 'a');
    await vi.waitFor(() => expect(kubernetes.counters.failures).toBeGreaterThan(3));
    expect(said).toEqual([dead]);
    expect(reasons).toEqual(['HTTP 403: it is Forbidden']);
    // 5, 10, 20, 40 ms: the pauses grow although each list is answered.
    const begunMs = performance.now();
    const { failures } = kubernetes.counters;
    await vi.waitFor(() => expect(kubernetes.counters.failures).toBeGreaterThan(failures + 1), { timeout: 5_000 });
    expect(performance.now() - begunMs).toBeGreaterThan(40);
    server.forbidden.clear();
    server.put(podOf('b'));
    await named(kubernetes, 'b');
  });

  it('keeps to references where owners may not be read, and says so once a kind', async () => {
    const { server, kubernetes, said, clock } = await setUp({
      prepare: (fresh) => {
        const at = (plural: string, name: string, more: object) =>
          fresh.objects.set(`/apis/apps/v1/namespaces/shop/${plural}/${name}`, {
            metadata: { name, uid: `uid-${name}`, ...more },
          });
        at('replicasets', 'web-5d', owned('Deployment', 'web'));
        at('deployments', 'web', { labels: { d: '1' } });
        fresh.forbidden.add('/apis/apps/v1/namespaces/shop/deployments/web');
        fresh.forbidden.add('/api/v1/namespaces/shop/services');
        fresh.put(podOf('a', owned('ReplicaSet', 'web-5d')));
        fresh.put(podOf('b', owned('ReplicaSet', 'web-5d')));
      },
    });
    const deployment = (labels: unknown) => ({ owner: { owner: { kind: 'Deployment', name: 'web', labels } } });
    await vi.waitFor(() => expect(kubernetes.pod('uid-a')).toMatchObject(deployment(undefined)));
    await vi.waitFor(() => expect(kubernetes.counters.refused).toBe(2));
    const lacks = (resource: string) => `the Kubernetes API server does not let the agent read ${resource}`;
    expect(said.toSorted()).toEqual([lacks('deployments'), lacks('services')]);
    // Once it may, whoever asks for the pod has them read again, though nothing happened to the pod.
    server.forbidden.clear();
    clock.nowMs = 30_000;
    await vi.waitFor(() => expect(kubernetes.pod('uid-b')).toMatchObject(deployment(new Map([['d', '1']]))));
  });

  it('uses the token that its file has by now', async () => {
    let token = 'expired';
    const { server, kubernetes, reasons } = await setUp({
      prepare: (fresh) => {
        fresh.token = 'new';
        fresh.put(podOf('a'));
      },
      api: { token: () => token },
    });
    await vi.waitFor(() => expect(reasons).toEqual(['HTTP 401: it is Unauthorized']));
    token = 'new';
    await named(kubernetes, 'a');
    await watched(server);
  });
});

describe('certificates', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-certificates-'));
  const made = new Map<string, { readonly key: string; readonly cert: string }>();
  beforeAll(() => {
    for (const [name, subject] of [
      ['right', 'IP:127.0.0.1'],
      ['elsewhere', 'DNS:elsewhere.example'],
      ['other', 'IP:127.0.0.1'],
    ] as const) {
      const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
      const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      const identity = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${subject}`];
      execFileSync('openssl', ['req', '-x509', ...kind, ...identity, '-keyout', key, '-out', cert], { stdio: 'pipe' });
      made.set(name, { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') });
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const certOf = (name: string | undefined) => (name === undefined ? undefined : made.get(name)?.cert);

  it.for([
    { name: 'it is not the one that is trusted', server: 'right', ca: 'other', reason: /certificate/ },
    { name: 'none is named', server: 'right', ca: undefined, reason: /self-signed/ },
    { name: 'it is for another host', server: 'elsewhere', ca: 'elsewhere', reason: /127\.0\.0\.1/ },
  ])('are refused when $name', async ({ server: name, ca, reason }) => {
    const trusted = { ca };
    const server = new KubernetesServer(made.get(name));
    const { kubernetes, reasons } = await setUp({
      server,
      api: { certificates: () => ({ ca: certOf(trusted.ca) }), token: () => 'secret' },
    });
    await vi.waitFor(() => expect(reasons[0]).toMatch(reason));
    expect(server.asked).toEqual([]);
    expect(kubernetes.pod('uid-a')).toBeUndefined();
  });

  it('are read again: a file that was renewed lets the agent in', async () => {
    const trusted = { ca: 'other' };
    const { kubernetes, said } = await setUp({
      server: new KubernetesServer(made.get('right')),
      api: { certificates: () => ({ ca: certOf(trusted.ca) }) },
    });
    await vi.waitFor(() => expect(said).toEqual([dead]));
    trusted.ca = 'right';
    await named(kubernetes, 'a');
    await vi.waitFor(() => expect(said).toEqual([dead, alive]));
  });
});
