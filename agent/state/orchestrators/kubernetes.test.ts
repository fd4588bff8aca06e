import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Kubernetes, openKubernetes } from './kubernetes.ts';
import { KubernetesServer } from './kubernetes-server.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const podOf = (name: string, more: Readonly<Record<string, unknown>> = {}, node = 'n1') => ({
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, labels: { app: 'web' }, ...more },
  spec: { nodeName: node, serviceAccountName: 'seller', containers: [{ name: 'app' }] },
  status: { podIP: '10.1.2.3' },
});

const owned = (apiVersion: string, kind: string, name: string) => ({
  ownerReferences: [
    { apiVersion: 'v1', kind: 'Other', name: 'other', uid: 'uid-other' },
    { apiVersion, kind, name, uid: `uid-${name}`, controller: true },
  ],
});

async function setUp(prepare: (server: KubernetesServer) => void = () => undefined) {
  const server = new KubernetesServer();
  prepare(server);
  const url = await server.listen();
  const said: string[] = [];
  const clock = { nowMs: 0 };
  const kubernetes = openKubernetes({
    api: { url, token: () => server.token },
    node: 'n1',
    log: (_, message) => said.push(message),
    nowMs: () => clock.nowMs,
    pauseMs: 5,
    longestPauseMs: 20,
  });
  closers.push(() => {
    kubernetes.close();
    server.close();
  });
  return { server, kubernetes, said, clock };
}

const named = (kubernetes: Kubernetes, name: string) =>
  vi.waitFor(() => expect(kubernetes.pod(`uid-${name}`)?.name).toBe(name));
const watched = (server: KubernetesServer) => vi.waitFor(() => expect(server.watching).toBe(1));

describe('pods of this node from the API server', () => {
  it('lists in pages, watches, and takes only this node’s', async () => {
    const { server, kubernetes } = await setUp((fresh) => {
      fresh.token = 'secret';
      fresh.pageSize = 2;
      for (const name of ['a', 'b', 'c', 'd', 'e']) fresh.put(podOf(name));
      fresh.put(podOf('far', {}, 'n2'));
    });
    await named(kubernetes, 'e');
    await watched(server);
    expect(server.asked.filter((path) => path.includes('continue='))).toHaveLength(2);
    expect(kubernetes.pod('uid-a')).toMatchObject({
      namespace: 'shop',
      labels: new Map([['app', 'web']]),
      ip: '10.1.2.3',
      serviceAccount: 'seller',
      owner: undefined,
    });
    server.put(podOf('f'));
    server.put(podOf('far2', {}, 'n2'));
    server.put(podOf('a', { labels: { app: 'other' } }));
    await named(kubernetes, 'f');
    await vi.waitFor(() => expect(kubernetes.pod('uid-a')?.labels.get('app')).toBe('other'));
    expect(kubernetes.pod('uid-far')).toBeUndefined();
    expect(kubernetes.pod('uid-far2')).toBeUndefined();
    expect(
      server.asked.filter((path) => path.includes('/api/v1/pods')).every((path) => path.includes('nodeName%3Dn1')),
    ).toBe(true);
  });

  it('follows owners up, and knows namespaces and services', async () => {
    const { kubernetes } = await setUp((server) => {
      const at = (path: string, name: string, labels: object, more: object = {}, extra: object = {}) =>
        server.objects.set(path, { metadata: { name, uid: `uid-${name}`, labels, ...more }, ...extra });
      at('/api/v1/namespaces/shop', 'shop', { team: 'x' });
      at(
        '/apis/apps/v1/namespaces/shop/replicasets/web-5d',
        'web-5d',
        { r: '1' },
        owned('apps/v1', 'Deployment', 'web'),
      );
      at('/apis/apps/v1/namespaces/shop/deployments/web', 'web', { d: '1' });
      at('/apis/batch/v1/namespaces/shop/jobs/nightly-1', 'nightly-1', {}, owned('batch/v1', 'CronJob', 'nightly'));
      at('/apis/batch/v1/namespaces/shop/cronjobs/nightly', 'nightly', { c: '1' });
      server.objects.set('/api/v1/namespaces/shop/services', {
        items: [
          { metadata: { name: 'front', uid: 'uid-front', labels: { s: '1' } }, spec: { selector: { app: 'web' } } },
          { metadata: { name: 'back', uid: 'uid-back' }, spec: { selector: { app: 'db' } } },
          { metadata: { name: 'all', uid: 'uid-all' }, spec: {} },
        ],
      });
      server.put(podOf('p', owned('apps/v1', 'ReplicaSet', 'web-5d')));
      server.put(podOf('j', owned('batch/v1', 'Job', 'nightly-1')));
      server.put(podOf('d', owned('apps/v1', 'DaemonSet', 'logs')));
    });
    await vi.waitFor(() => {
      expect(kubernetes.pod('uid-p')?.owner).toMatchObject({
        kind: 'ReplicaSet',
        name: 'web-5d',
        labels: new Map([['r', '1']]),
        owner: { kind: 'Deployment', name: 'web', uid: 'uid-web', labels: new Map([['d', '1']]) },
      });
      expect(kubernetes.pod('uid-j')?.owner).toMatchObject({
        kind: 'Job',
        owner: { kind: 'CronJob', name: 'nightly', labels: new Map([['c', '1']]) },
      });
      // Its object cannot be read: what the reference says stays.
      expect(kubernetes.pod('uid-d')?.owner).toMatchObject({ kind: 'DaemonSet', name: 'logs', labels: undefined });
      expect(kubernetes.namespace('shop')).toMatchObject({ uid: 'uid-shop', labels: new Map([['team', 'x']]) });
      const pod = kubernetes.pod('uid-p');
      expect(pod && kubernetes.services(pod).map(({ name }) => name)).toEqual(['front']);
    });
  });

  it('keeps a deleted pod for late events, then forgets it', async () => {
    const { server, kubernetes, clock } = await setUp((fresh) => fresh.put(podOf('a')));
    await named(kubernetes, 'a');
    await watched(server);
    server.delete('uid-a');
    server.put(podOf('b'));
    await named(kubernetes, 'b');
    expect(kubernetes.pod('uid-a')?.name).toBe('a');
    clock.nowMs = 61_000;
    server.delete('uid-b');
    await vi.waitFor(() => expect(kubernetes.pod('uid-a')).toBeUndefined());
  });

  it('goes on where it was after a watch ends, from the bookmark', async () => {
    const { server, kubernetes } = await setUp((fresh) => fresh.put(podOf('a')));
    await named(kubernetes, 'a');
    await watched(server);
    server.bookmark();
    server.compact();
    server.cut('cleanly');
    await watched(server);
    server.put(podOf('b'));
    await named(kubernetes, 'b');
    expect(kubernetes.counters).toMatchObject({ lists: 1, failures: 0 });
  });

  it.for(['event', 'status'] as const)('lists anew when its version is gone, told by %s', async (goneAs) => {
    const { server, kubernetes, clock } = await setUp((fresh) => {
      fresh.goneAs = goneAs;
      fresh.put(podOf('a'));
      fresh.put(podOf('b'));
    });
    await named(kubernetes, 'b');
    await watched(server);
    server.mode = 'broken';
    server.cut('cleanly');
    await vi.waitFor(() => expect(kubernetes.counters.failures).toBeGreaterThan(0));
    server.delete('uid-a');
    server.put(podOf('c'));
    server.compact();
    server.mode = 'well';
    await named(kubernetes, 'c');
    expect(kubernetes.counters.lists).toBeGreaterThan(1);
    clock.nowMs = 61_000;
    server.delete('uid-b');
    await vi.waitFor(() => expect(kubernetes.pod('uid-a')).toBeUndefined());
  });

  it('survives a connection that breaks within a line', async () => {
    const { server, kubernetes } = await setUp((fresh) => fresh.put(podOf('a')));
    await named(kubernetes, 'a');
    await watched(server);
    server.cut('hard');
    server.put(podOf('b'));
    await named(kubernetes, 'b');
    expect(kubernetes.pod('uid-a')?.name).toBe('a');
  });

  it('says once that the server is dead, and that it lives again', async () => {
    const { server, kubernetes, said } = await setUp((fresh) => {
      fresh.mode = 'broken';
      fresh.put(podOf('a'));
    });
    await vi.waitFor(() => expect(kubernetes.counters.failures).toBeGreaterThan(2));
    expect(said).toEqual(['the Kubernetes API server does not answer']);
    server.mode = 'well';
    await named(kubernetes, 'a');
    expect(said.at(-1)).toBe('the Kubernetes API server answers again');
  });

  it('waits for nothing while the server is silent, and ends at once', async () => {
    const { kubernetes, server } = await setUp((fresh) => {
      fresh.mode = 'silent';
    });
    await vi.waitFor(() => expect(server.asked).toHaveLength(1));
    expect(kubernetes.pod('uid-a')).toBeUndefined();
    kubernetes.close();
    kubernetes.close();
  });

  it('finds a static pod by the hash that kubelet runs it under', async () => {
    const { kubernetes } = await setUp((server) =>
      server.put(podOf('static', { annotations: { 'kubernetes.io/config.hash': 'hash-1' } })),
    );
    await named(kubernetes, 'static');
    expect(kubernetes.pod('hash-1')?.name).toBe('static');
  });
});
