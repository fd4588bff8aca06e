import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { type Kubernetes, makeKubernetes } from '../../router/clients/kubernetes.ts';
import { kubernetesSchema } from '../../router/config/kubernetes-settings.ts';
import { type Performing, perform } from '../support/action.ts';
import { image } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { shellAlert } from '../support/sending.ts';
import { type Cluster, nodeName, startCluster } from './cluster.ts';

const namespace = 'shop';
const folder = mkdtempSync(join(tmpdir(), 'lanner-actions-'));
let cluster: Cluster;
let asRouter: Kubernetes;
let asNobody: Kubernetes;

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const pods = `/api/v1/namespaces/${namespace}/pods`;
const policies = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
const budgets = `/apis/policy/v1beta1/namespaces/${namespace}/poddisruptionbudgets`;
const tokenSchema = z.object({ status: z.object({ token: z.string() }) });
const podSchema = z.object({
  metadata: z.object({
    name: z.string(),
    uid: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
    deletionTimestamp: z.string().optional(),
  }),
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});

/** As router/README.md has it: what operators apply is what is tested. */
function documentedRole(): string {
  const role = /```yaml\n(apiVersion: rbac[^`]*)```/.exec(readFileSync('router/README.md', 'utf8'))?.[1];
  if (role === undefined) throw new Error('router/README.md has no role');
  return role;
}

/** The way of a service account to the cluster. */
async function accessOf(account: string): Promise<Kubernetes> {
  const { admin } = cluster;
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await admin.must('POST', path, { metadata: { name: account } });
  const { status } = tokenSchema.parse(await admin.must('POST', `${path}/${account}/token`, { spec: {} }));
  const written = readFileSync(cluster.kubeconfig(account, status.token), 'utf8');
  const file = join(folder, account);
  writeFileSync(file, written.replace(/tokenFile: [^}]*/, `token: ${status.token}`));
  return makeKubernetes(kubernetesSchema.parse({ kubeconfig_file: file }));
}

beforeAll(async () => {
  cluster = await startCluster();
  const { admin } = cluster;
  await admin.must('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
  await eventually('the default service account', async () => {
    const { status } = await admin.ask('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`);
    return status === 200 || undefined;
  });
  await admin.must('POST', `${rbac}/clusterroles`, documentedRole());
  asRouter = await accessOf('router');
  asNobody = await accessOf('nobody');
  await admin.must('POST', `${rbac}/clusterrolebindings`, {
    metadata: { name: 'router' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'lanner-router' },
    subjects: [{ kind: 'ServiceAccount', namespace, name: 'router' }],
  });
  // One that still takes pods, so that the other may be cordoned.
  await admin.must('POST', '/api/v1/nodes', { metadata: { name: 'spare' } });
  await deploy('web', 2);
}, 120_000);

afterAll(async () => {
  await cluster?.close();
  rmSync(folder, { recursive: true });
}, 120_000);

async function deploy(app: string, replicas: number): Promise<void> {
  const container = {
    name: 'app',
    image: `docker.io/library/${image}`,
    imagePullPolicy: 'Never',
    command: ['/bin/sh', '-c', 'while true; do sleep 1; done'],
  };
  await cluster.admin.must('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
    metadata: { name: app },
    spec: {
      replicas,
      selector: { matchLabels: { app } },
      template: {
        metadata: { labels: { app } },
        // Without a scheduler, a pod says itself on which node it runs.
        spec: { nodeName, terminationGracePeriodSeconds: 0, containers: [container] },
      },
    },
  });
  await ready(app, replicas);
}

/** Its pods, when so many are ready. */
async function ready(app: string, count: number) {
  return eventually(
    `${count} ready pods of ${app}`,
    async () => {
      const listed = await cluster.admin.must('GET', `${pods}?labelSelector=app%3D${app}`);
      const { items } = z.object({ items: z.array(podSchema) }).parse(listed);
      const isReady = ({ metadata, status }: z.output<typeof podSchema>) =>
        metadata.deletionTimestamp === undefined &&
        status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
      const found = items.filter(isReady);
      return found.length === count && items.length === count ? found.map(({ metadata }) => metadata) : undefined;
    },
    30_000,
  );
}

const act = (name: string, params: object, options: Performing = {}) =>
  perform(name, params, { alert: { ...shellAlert, time: new Date().toISOString() }, kubernetes: asRouter, ...options });
const tryOut = (name: string, params: object) => act(name, params, { mode: 'dry-run' });
const read = async (path: string) => (await cluster.admin.ask('GET', path)).json;

async function firstPod() {
  const [pod] = await ready('web', 2);
  if (pod === undefined) throw new Error('two pods have a first');
  return { ...pod, on: { namespace, pod: pod.name } };
}

test('k8s.delete_pod deletes a pod once, and its owner makes a new one', async () => {
  const { on, uid, name } = await firstPod();
  expect(await tryOut('k8s.delete_pod', on)).toMatchObject({ status: 'skipped' });
  expect(await act('k8s.delete_pod', { ...on, uid: 'another' })).toMatchObject({ status: 'gone' });
  expect(podSchema.parse(await read(`${pods}/${name}`)).metadata).toMatchObject({ uid });
  expect(await act('k8s.delete_pod', { ...on, uid })).toMatchObject({
    status: 'done',
    detail: expect.stringMatching(/ReplicaSet web-\w+ makes a new one$/),
  });
  await eventually('another pod', async () => (await ready('web', 2)).every((one) => one.uid !== uid) || undefined);
  expect(await act('k8s.delete_pod', { ...on, uid })).toMatchObject({ status: 'gone' });
});

test('k8s.label and k8s.annotate are undone', async () => {
  const { on, name, labels } = await firstPod();
  const labelled = { ...on, labels: { quarantine: 'yes', 'example.com/tier': 'back' } };
  const annotated = { ...on, annotations: { 'example.com/why': 'a shell\n"there"' } };
  expect(await tryOut('k8s.label', labelled)).toMatchObject({ status: 'skipped' });
  expect(await act('k8s.label', labelled)).toMatchObject({ status: 'done' });
  expect(await act('k8s.annotate', annotated)).toMatchObject({ status: 'done' });
  expect(await read(`${pods}/${name}`)).toMatchObject({
    metadata: { labels: { ...labels, ...labelled.labels }, annotations: annotated.annotations },
  });
  expect(await act('k8s.unlabel', labelled)).toMatchObject({ status: 'done' });
  expect(await act('k8s.unannotate', annotated)).toMatchObject({ status: 'done' });
  const { metadata } = podSchema.parse(await read(`${pods}/${name}`));
  expect({ labels: metadata.labels, annotations: metadata.annotations }).toEqual({ labels, annotations: {} });
});

test('k8s.isolate_pod makes a policy for this pod alone, and is undone', async () => {
  const { on, uid, name, labels } = await firstPod();
  const isolated = { ...on, allow: ['10.0.0.0/8'] };
  expect(await tryOut('k8s.isolate_pod', isolated)).toMatchObject({ status: 'skipped' });
  expect(await read(policies)).toMatchObject({ items: [] });
  for (let turn = 0; turn < 2; turn += 1)
    expect(await act('k8s.isolate_pod', isolated)).toMatchObject({ status: 'done' });
  const peers = [{ ipBlock: { cidr: '10.0.0.0/8' } }];
  expect(await read(policies)).toMatchObject({
    items: [
      {
        metadata: { ownerReferences: [{ kind: 'Pod', name, uid }] },
        spec: {
          podSelector: { matchLabels: { 'lanner/isolated': uid } },
          policyTypes: ['Ingress', 'Egress'],
          ingress: [{ from: peers }],
          egress: [{ to: peers }],
        },
      },
    ],
  });
  expect(podSchema.parse(await read(`${pods}/${name}`)).metadata.labels).toEqual({ ...labels, 'lanner/isolated': uid });
  expect(await act('k8s.restore_pod', isolated)).toMatchObject({ status: 'done' });
  expect(await read(policies)).toMatchObject({ items: [] });
  expect(podSchema.parse(await read(`${pods}/${name}`)).metadata).toMatchObject({ labels, annotations: {} });

  await cluster.admin.must('POST', policies, {
    metadata: { name: 'open' },
    spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{}] },
  });
  expect(await act('k8s.isolate_pod', isolated)).toMatchObject({ status: 'failed', retry: false });
  expect(await act('k8s.isolate_pod', { ...isolated, detach: true })).toMatchObject({ status: 'done' });
  // Nothing owns it now: its replica set makes another in its place.
  await ready('web', 2);
  expect(podSchema.parse(await read(`${pods}/${name}`)).metadata.labels).toEqual({ 'lanner/isolated': uid });
  expect(await act('k8s.restore_pod', isolated)).toMatchObject({ status: 'done' });
  await ready('web', 2);
  await cluster.admin.must('DELETE', `${policies}/open`);
});

test('k8s.event is recorded once', async () => {
  const { on, uid } = await firstPod();
  for (let turn = 0; turn < 2; turn += 1)
    expect(await act('k8s.event', { ...on, reason: 'ShellInContainer' })).toMatchObject({ status: 'done' });
  expect(await act('k8s.event', { node: nodeName, message: 'a shell' })).toMatchObject({ status: 'done' });
  const selector = `fieldSelector=source%3Dlanner`;
  expect(await read(`/api/v1/namespaces/${namespace}/events?${selector}`)).toMatchObject({
    items: [{ involvedObject: { kind: 'Pod', uid }, reason: 'ShellInContainer', type: 'Warning', count: 1 }],
  });
  expect(await read(`/api/v1/namespaces/default/events?${selector}`)).toMatchObject({
    items: [{ involvedObject: { kind: 'Node', name: nodeName }, message: 'a shell' }],
  });
});

test('k8s.cordon is undone', async () => {
  const path = `/api/v1/nodes/${nodeName}`;
  expect(await tryOut('k8s.cordon', { node: nodeName })).toMatchObject({ status: 'skipped' });
  expect(await act('k8s.cordon', { node: nodeName })).toMatchObject({ status: 'done' });
  expect(await read(path)).toMatchObject({ spec: { unschedulable: true } });
  expect(await act('k8s.cordon', { node: 'spare' })).toMatchObject({ status: 'refused' });
  expect(await act('k8s.uncordon', { node: nodeName })).toMatchObject({ status: 'done' });
  expect(await read(path)).not.toMatchObject({ spec: { unschedulable: true } });
});

test('k8s.drain keeps to disruption budgets and to its floor', async () => {
  const drain = { node: nodeName, least_healthy: 1, grace_s: 0 };
  await cluster.admin.must('POST', budgets, {
    metadata: { name: 'web' },
    spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } },
  });
  await eventually('the budget to be known', async () => {
    const { status } = z
      .object({ status: z.object({ expectedPods: z.number().default(0) }) })
      .parse(await read(`${budgets}/web`));
    return status.expectedPods === 2 || undefined;
  });
  const before = (await ready('web', 2)).map(({ uid }) => uid);
  expect(await tryOut('k8s.drain', drain)).toMatchObject({ detail: expect.stringContaining('held now: ') });
  expect(await act('k8s.drain', drain, { timeoutMs: 3_000 })).toEqual({
    status: 'failed',
    retry: true,
    reason: expect.stringContaining("violate the pod's disruption budget"),
  });
  expect((await ready('web', 2)).map(({ uid }) => uid)).toEqual(before);
  expect(await act('k8s.drain', { ...drain, least_healthy: 2 })).toMatchObject({ status: 'refused' });
  await cluster.admin.must('DELETE', `${budgets}/web`);
  expect(await act('k8s.drain', drain, { timeoutMs: 30_000 })).toMatchObject({
    status: 'done',
    outputs: { evicted: 2 },
  });
  const after = (await ready('web', 2)).map(({ uid }) => uid);
  expect(after.filter((uid) => before.includes(uid))).toEqual([]);
  expect(await act('k8s.uncordon', { node: nodeName })).toMatchObject({ status: 'done' });
});

test('an account that may not is not asked again', async () => {
  const { on } = await firstPod();
  for (const [name, params] of [
    ['k8s.delete_pod', on],
    ['k8s.cordon', { node: nodeName }],
    ['k8s.event', on],
  ] as const)
    expect(await act(name, params, { kubernetes: asNobody })).toMatchObject({
      status: 'failed',
      retry: false,
      reason: expect.stringContaining('403'),
    });
});

test('a server that is away may be back later', async () => {
  const { on } = await firstPod();
  await cluster.killServer();
  expect(await act('k8s.delete_pod', on)).toMatchObject({ status: 'failed', retry: true });
  await cluster.startServer();
  expect(await act('k8s.label', { ...on, labels: { back: 'yes' } })).toMatchObject({ status: 'done' });
});
