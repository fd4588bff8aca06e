import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { type Agent, startAgent } from '../support/agent.ts';
import { image } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { type Cluster, nodeName, startCluster } from './cluster.ts';

const fields = [
  'proc.args container.id container.full_id container.name container.type container.image.repository k8s.ns.name k8s.ns.id k8s.ns.labels',
  'k8s.pod.name k8s.pod.id k8s.pod.uid k8s.pod.labels k8s.pod.label[app] k8s.pod.ip k8s.pod.sandbox_id k8s.sa.name',
  'k8s.rs.name k8s.rs.id k8s.rs.labels k8s.deployment.name k8s.deployment.id k8s.deployment.labels',
  'k8s.rc.name k8s.svc.name k8s.svc.id k8s.daemonset.name k8s.daemonset.id k8s.statefulset.name k8s.statefulset.id',
  'k8s.job.name k8s.job.id k8s.cronjob.name k8s.cronjob.id container.liveness_probe container.mounts',
  'k8s.ns.label[team] k8s.svc.label[of] k8s.svc.labels k8s.rs.label[app] k8s.deployment.label[of] k8s.rc.id k8s.rc.label[app]',
  'k8s.rc.labels container.readiness_probe',
]
  .join(' ')
  .split(' ');
const rules = `- rule: marked
  desc: a shell that the test started in a pod
  condition: evt.type=execve and container.id != host and proc.name=sh and proc.args contains "mark-"
  output: "%${fields.join(' %')}"
  priority: NOTICE
- rule: probe
  desc: what kubelet runs in a container to ask how it is
  condition: evt.type=execve and proc.args in (mark-live, mark-ready)
  output: "%proc.args %proc.is_container_liveness_probe %proc.is_container_readiness_probe"
  priority: NOTICE
`;

const namespace = 'shop';
let cluster: Cluster;
let agent: Agent;

beforeAll(async () => {
  cluster = await startCluster();
  const { admin } = cluster;
  await admin.must('POST', '/api/v1/namespaces', { metadata: { name: namespace, labels: { team: 'x' } } });
  for (const name of ['seller', 'agent', 'pods-only', 'nobody']) {
    await admin.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
  }
  await admin.must('POST', `${rbac}/clusterroles`, documentedRole());
  await bind('agent', 'lanner-agent');
  const podsOnly = [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }];
  await admin.must('POST', `${rbac}/clusterroles`, { metadata: { name: 'pods-only' }, rules: podsOnly });
  await bind('pods-only', 'pods-only');
  agent = await startAgent(rules, await agentArgs('agent'));
}, 120_000);

afterAll(async () => {
  await agent?.close();
  await cluster?.close();
}, 120_000);

const rbac = '/apis/rbac.authorization.k8s.io/v1';

/** As agent/README.md has it: what operators apply is what is tested. */
function documentedRole(): string {
  const text = readFileSync('agent/README.md', 'utf8');
  const role = /```yaml\n(apiVersion: rbac[^`]*)```/.exec(text)?.[1];
  if (role === undefined) throw new Error('agent/README.md has no role');
  return role;
}

async function bind(account: string, role: string): Promise<void> {
  await cluster.admin.must('POST', `${rbac}/clusterrolebindings`, {
    metadata: { name: account },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', namespace, name: account }],
  });
}

/** An agent that comes to the API server as this service account. */
async function agentArgs(account: string): Promise<readonly string[]> {
  const kubeconfig = cluster.kubeconfig(account, await tokenOf(account));
  const engine = `containerd=${cluster.containerd.socket}`;
  return ['--engine', engine, '--kubeconfig', kubeconfig, '--kubernetes-node', nodeName];
}

async function tokenOf(account: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  return tokenSchema.parse(await cluster.admin.must('POST', path, { spec: {} })).status.token;
}

const tokenSchema = z.object({ status: z.object({ token: z.string() }) });
const objectSchema = z.object({ metadata: z.object({ name: z.string(), uid: z.string() }) });
const podsSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), uid: z.string() }),
      status: z.object({ phase: z.string(), podIP: z.string().optional() }),
    }),
  ),
});

/** Without a scheduler, a pod says itself on which node it runs. */
const podSpec = (first: string) => ({
  nodeName,
  serviceAccountName: 'seller',
  terminationGracePeriodSeconds: 0,
  containers: [
    {
      name: 'app',
      image: `docker.io/library/${image}`,
      imagePullPolicy: 'Never',
      command: ['/bin/sh', '-c', `: mark-${first}; while true; do sleep 1; done`],
      livenessProbe: { exec: { command: ['/bin/true', 'mark-live'] }, periodSeconds: 60 },
      readinessProbe: { exec: { command: ['/bin/true', 'mark-ready'] }, periodSeconds: 60 },
    },
  ],
});

const workload = (app: string) => ({
  selector: { matchLabels: { app } },
  template: { metadata: { labels: { app, tier: 'front' } }, spec: podSpec(`first-${app}`) },
});

/** Creates an object and gives its uid. */
async function create(path: string, name: string, spec: object, metadata: object = {}): Promise<string> {
  const made = await cluster.admin.must('POST', path, { metadata: { name, ...metadata }, spec });
  return objectSchema.parse(made).metadata.uid;
}

const inShop = (group: string, plural: string) => `${group}/namespaces/${namespace}/${plural}`;

/** The running pod with this label. */
async function runningPod(app: string) {
  const look = async () => {
    const listed = await cluster.admin.must('GET', `${inShop('/api/v1', 'pods')}?labelSelector=app%3D${app}`);
    const pod = podsSchema.parse(listed).items[0];
    return pod?.status.phase === 'Running' ? { ...pod.metadata, ip: pod.status.podIP } : undefined;
  };
  return eventually(`a running pod of ${app}`, look, 30_000);
}

async function alertOf(mark: string, by = agent) {
  const isIt = (alert: { output_fields: Record<string, unknown> }) =>
    String(alert.output_fields['proc.args']).includes(`mark-${mark}`);
  return (await by.alert(mark, isIt)).output_fields;
}

/** Starts a shell in the pod of `app`, and gives the alert of it and the pod. */
async function shellIn(app: string, mark: string) {
  const pod = await runningPod(app);
  await cluster.admin.exec(namespace, pod.name, ['/bin/sh', '-c', `: mark-${mark}`], 'tty');
  return { pod, alert: await alertOf(mark) };
}

const uidOf = async (path: string) => objectSchema.parse(await cluster.admin.must('GET', path)).metadata.uid;

describe('a shell in a pod raises an alert that names the pod and what owns it', () => {
  test('a deployment, by its replica set', async () => {
    const selecting = { selector: { app: 'web' }, ports: [{ port: 80 }] };
    const service = await create(inShop('/api/v1', 'services'), 'front', selecting, { labels: { of: 'service' } });
    const labels = { of: 'deployment' };
    const deployment = await create(inShop('/apis/apps/v1', 'deployments'), 'web', workload('web'), { labels });
    const { pod, alert } = await shellIn('web', 'web');
    const replicaSet = pod.name.slice(0, pod.name.lastIndexOf('-'));
    expect(alert).toMatchObject({
      'container.id': expect.stringMatching(/^[0-9a-f]{12}$/),
      'container.name': 'app',
      'container.type': 'containerd',
      'container.image.repository': 'docker.io/library/lanner-busybox',
      'container.liveness_probe': '/bin/true mark-live',
      'container.readiness_probe': '/bin/true mark-ready',
      'container.mounts': expect.stringContaining('/var/run/secrets/kubernetes.io/serviceaccount:'),
      'k8s.ns.name': namespace,
      'k8s.ns.id': await uidOf(`/api/v1/namespaces/${namespace}`),
      'k8s.ns.label[team]': 'x',
      'k8s.ns.labels': 'team:x',
      'k8s.pod.name': pod.name,
      'k8s.pod.id': pod.uid,
      'k8s.pod.uid': pod.uid,
      'k8s.pod.labels': expect.stringMatching(/^app:web, pod-template-hash:[0-9a-f]+, tier:front$/),
      'k8s.pod.label[app]': 'web',
      'k8s.pod.ip': pod.ip,
      'k8s.pod.sandbox_id': expect.stringMatching(/^[0-9a-f]{12}$/),
      'k8s.sa.name': 'seller',
      'k8s.rs.name': replicaSet,
      'k8s.rs.id': await uidOf(`${inShop('/apis/apps/v1', 'replicasets')}/${replicaSet}`),
      'k8s.rs.label[app]': 'web',
      'k8s.rs.labels': expect.stringContaining('app:web'),
      'k8s.deployment.name': 'web',
      'k8s.deployment.id': deployment,
      'k8s.deployment.label[of]': 'deployment',
      'k8s.deployment.labels': 'of:deployment',
      'k8s.svc.name': 'front',
      'k8s.svc.id': service,
      'k8s.svc.label[of]': 'service',
      'k8s.svc.labels': 'of:service',
      'k8s.rc.name': null,
      'k8s.daemonset.name': null,
      'k8s.job.name': null,
    });
    // Its first program: what the engine knows at once, and the account, which only the API server tells.
    expect(await alertOf('first-web')).toMatchObject({
      'container.name': 'app',
      'k8s.pod.name': pod.name,
      'k8s.pod.uid': pod.uid,
      'k8s.ns.name': namespace,
      'k8s.pod.label[app]': 'web',
      'k8s.sa.name': 'seller',
      'k8s.rs.name': replicaSet,
      'k8s.deployment.name': 'web',
    });
  });

  test('a daemon set', async () => {
    const uid = await create(inShop('/apis/apps/v1', 'daemonsets'), 'logs', workload('logs'));
    const { alert } = await shellIn('logs', 'logs');
    expect(alert).toMatchObject({ 'k8s.daemonset.name': 'logs', 'k8s.daemonset.id': uid, 'k8s.rs.name': null });
  });

  test('a stateful set', async () => {
    const spec = { ...workload('db'), serviceName: 'db' };
    const uid = await create(inShop('/apis/apps/v1', 'statefulsets'), 'db', spec);
    const { alert } = await shellIn('db', 'db');
    expect(alert).toMatchObject({
      'k8s.pod.name': 'db-0',
      'k8s.statefulset.name': 'db',
      'k8s.statefulset.id': uid,
      'k8s.deployment.name': null,
    });
  });

  test('a cron job, by its job', async () => {
    const template = {
      metadata: { labels: { app: 'nightly' } },
      spec: { ...podSpec('first-job'), restartPolicy: 'Never' },
    };
    const cronJob = await create(inShop('/apis/batch/v1beta1', 'cronjobs'), 'nightly', {
      schedule: '0 3 * * *',
      jobTemplate: { spec: { template } },
    });
    // As `kubectl create job --from=cronjob/nightly` does.
    const owner = { apiVersion: 'batch/v1beta1', kind: 'CronJob', name: 'nightly', uid: cronJob, controller: true };
    const job = await create(inShop('/apis/batch/v1', 'jobs'), 'nightly-1', { template }, { ownerReferences: [owner] });
    const { alert } = await shellIn('nightly', 'job');
    expect(alert).toMatchObject({
      'k8s.job.name': 'nightly-1',
      'k8s.job.id': job,
      'k8s.cronjob.name': 'nightly',
      'k8s.cronjob.id': cronJob,
      'k8s.statefulset.name': null,
    });
  });

  test('a replication controller', async () => {
    const { template } = workload('old');
    const spec = { selector: { app: 'old' }, template };
    const uid = await create(inShop('/api/v1', 'replicationcontrollers'), 'old', spec, { labels: { app: 'older' } });
    const { alert } = await shellIn('old', 'old');
    expect(alert).toMatchObject({
      'k8s.rc.name': 'old',
      'k8s.rc.id': uid,
      'k8s.rc.label[app]': 'older',
      'k8s.rc.labels': 'app:older',
      'k8s.rs.name': null,
    });
  });

  test('a static pod, which kubelet runs by itself', async () => {
    const metadata = { name: 'static', namespace, labels: { app: 'static' } };
    const { serviceAccountName: _, ...spec } = podSpec('first-static');
    writeFileSync(
      join(cluster.staticPods, 'static.json'),
      JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec }),
    );
    const { alert } = await shellIn('static', 'static');
    expect(alert).toMatchObject({
      'k8s.ns.name': namespace,
      'k8s.pod.name': `static-${nodeName}`,
      'k8s.pod.labels': 'app:static',
      'k8s.rs.name': null,
    });
  });
});

test('what kubelet runs as a probe is told as one', async () => {
  expect(await alertOf('live')).toMatchObject({
    'proc.is_container_liveness_probe': true,
    'proc.is_container_readiness_probe': false,
  });
  expect(await alertOf('ready')).toMatchObject({
    'proc.is_container_liveness_probe': false,
    'proc.is_container_readiness_probe': true,
  });
});

test('labels that change are those of the next alert', async () => {
  const pod = await runningPod('web');
  await cluster.admin.must('PATCH', `${inShop('/api/v1', 'pods')}/${pod.name}`, {
    metadata: { labels: { tier: 'back' } },
  });
  const changed = async () => {
    const { alert } = await shellIn('web', `label-${Date.now()}`);
    return String(alert['k8s.pod.labels']).includes('tier:back') || undefined;
  };
  await eventually('the new label', changed);
});

test('an agent in the cluster finds the server and its account by itself', async () => {
  const args = ['--engine', `containerd=${cluster.containerd.socket}`, '--kubernetes-node', nodeName];
  const inside = await startAgent(rules, args, cluster.inCluster(await tokenOf('agent')));
  try {
    const pod = await runningPod('web');
    const known = async () => {
      const mark = `inside-${Date.now()}`;
      await cluster.admin.exec(namespace, pod.name, ['/bin/sh', '-c', `: mark-${mark}`], 'tty');
      const alert = await alertOf(mark, inside);
      return alert['k8s.deployment.name'] === null ? undefined : alert;
    };
    expect(await eventually('what the server tells', known)).toMatchObject({
      'k8s.pod.name': pod.name,
      'k8s.sa.name': 'seller',
      'k8s.deployment.name': 'web',
    });
  } finally {
    await inside.close();
  }
});

test('an account without the rest of the role gives what its pods tell, and the agent says what it may not read', async () => {
  const limited = await startAgent(rules, await agentArgs('pods-only'));
  try {
    const refused = (resource: string) =>
      eventually(`${resource} to be refused`, () =>
        limited.said().includes(`does not let the agent read ${resource}`) ? true : undefined,
      );
    await shellIn('web', 'limited');
    expect(await alertOf('limited', limited)).toMatchObject({
      'k8s.sa.name': 'seller',
      'k8s.rs.name': expect.stringMatching(/^web-/),
      'k8s.rs.labels': null,
      'k8s.deployment.name': null,
      'k8s.ns.name': namespace,
      'k8s.ns.id': null,
      'k8s.svc.name': null,
    });
    for (const resource of ['replicasets', 'namespaces', 'services', 'jobs', 'statefulsets']) await refused(resource);
    expect(limited.said()).toContain('cannot get resource');
  } finally {
    await limited.close();
  }
});

test('an account without any role costs no alert and nothing that the engine tells', async () => {
  const outsider = await startAgent(rules, await agentArgs('nobody'));
  try {
    const { pod } = await shellIn('web', 'outsider');
    expect(await alertOf('outsider', outsider)).toMatchObject({
      'k8s.pod.name': pod.name,
      'k8s.pod.uid': pod.uid,
      'k8s.pod.label[app]': 'web',
      'k8s.sa.name': null,
      'k8s.rs.name': null,
    });
    await eventually('the agent to say why', () => outsider.said().includes('cannot list resource') || undefined);
  } finally {
    await outsider.close();
  }
});

test('while the API server is away alerts keep what was known, and new pods are known when it is back', async () => {
  const { pod, alert: before } = await shellIn('web', 'before');
  await cluster.killServer();
  await eventually('the agent to say so', () => agent.said().includes('does not answer') || undefined);
  // By the engine, as the API server cannot run anything now.
  const inside = ['--exec-id', 'away', String(before['container.full_id'])];
  await cluster.containerd.ctr('-n', 'k8s.io', 'tasks', 'exec', ...inside, '/bin/sh', '-c', ': mark-away');
  expect(await alertOf('away')).toMatchObject({
    'k8s.pod.name': pod.name,
    'k8s.sa.name': 'seller',
    'k8s.deployment.name': 'web',
    'k8s.svc.name': 'front',
  });
  await cluster.startServer();
  await create(inShop('/apis/apps/v1', 'deployments'), 'late', workload('late'));
  const { alert } = await shellIn('late', 'late');
  expect(alert).toMatchObject({ 'k8s.sa.name': 'seller', 'k8s.deployment.name': 'late' });
  expect(agent.said()).toContain('answers again');
});

test('the documented role is enough: nothing was refused', () => {
  expect(agent.said()).not.toContain('does not let the agent read');
});
