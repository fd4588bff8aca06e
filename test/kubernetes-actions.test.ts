import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from './support/kubernetes-api.ts';
import { KubernetesStage, nodePath, podPath, policies, thePod } from './support/kubernetes-stage.ts';
import { shellAlert } from './support/sending.ts';

const stage = new KubernetesStage();
beforeAll(() => stage.open());
afterAll(() => stage.api.close());
beforeEach(() => stage.reset());

describe('k8s.delete_pod', () => {
  it('deletes this very pod, with the time it is given', async () => {
    const bodies: unknown[] = [];
    stage.api.meanwhile = ({ method, body }) => void (method === 'DELETE' && bodies.push(body));
    expect(await stage.perform('k8s.delete_pod', { ...thePod, grace_s: 0 })).toEqual({
      status: 'done',
      detail: 'deleted pod web/shop-7d9; ReplicaSet shop makes a new one',
    });
    expect(bodies).toEqual([{ preconditions: { uid: 'uid-shop' }, gracePeriodSeconds: 0 }]);
    expect(await stage.perform('k8s.delete_pod', thePod)).toMatchObject({ status: 'gone' });
  });

  it('leaves another alone that has its name by now', async () => {
    const alert = { ...shellAlert, output_fields: { ...shellAlert.output_fields, 'k8s.pod.uid': 'uid-before' } };
    expect(await stage.perform('k8s.delete_pod', thePod, { alert })).toMatchObject({ status: 'gone' });
    expect(await stage.perform('k8s.delete_pod', { ...thePod, uid: 'uid-before' })).toMatchObject({ status: 'gone' });
    // It took the name between the look and the deletion.
    stage.api.meanwhile = ({ method }) => {
      if (method === 'DELETE')
        stage.pod('shop-7d9', { metadata: { uid: 'uid-new', creationTimestamp: '2026-11-23T15:00:00Z' } });
    };
    expect(await stage.perform('k8s.delete_pod', thePod)).toMatchObject({ status: 'gone' });
    // Younger than the alert.
    stage.api.meanwhile = undefined;
    expect(await stage.perform('k8s.delete_pod', thePod)).toMatchObject({ status: 'gone' });
    expect(stage.api.objects.has(podPath('shop-7d9'))).toBe(true);
  });

  it('refuses static pods', async () => {
    stage.pod('shop-7d9', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } });
    expect(await stage.perform('k8s.delete_pod', thePod)).toMatchObject({ status: 'refused' });
  });
});

describe('guard rails', () => {
  it.for([
    { where: 'kube-system', metadata: {}, namespace: 'kube-system', reason: 'belongs to kube-system' },
    {
      where: 'Lanner',
      metadata: { labels: { 'app.kubernetes.io/part-of': 'lanner' } },
      namespace: 'web',
      reason: 'part of Lanner',
    },
    { where: 'the list', metadata: { labels: { tier: 'data' } }, namespace: 'web', reason: 'on the protected list' },
    { where: 'a listed namespace', metadata: {}, namespace: 'payments', reason: 'on the protected list' },
  ])('keep everything off a pod of $where', async ({ metadata, namespace, reason }) => {
    stage.set({ protect: [{ pod: { label: 'tier=data' } }, { pod: { namespace: 'pay*' } }] });
    stage.pod('kept', { metadata }, namespace);
    const on = { namespace, pod: 'kept' };
    for (const [name, params] of [
      ['k8s.delete_pod', on],
      ['k8s.isolate_pod', on],
      ['k8s.label', { ...on, labels: { a: 'b' } }],
      ['k8s.annotate', { ...on, annotations: { a: 'b' } }],
    ] as const) {
      expect(await stage.perform(name, params)).toEqual({ status: 'refused', detail: expect.stringContaining(reason) });
      expect(await stage.tryOut(name, params)).toMatchObject({ status: 'refused' });
    }
    expect(stage.changes()).toEqual([]);
    // It only tells.
    expect(await stage.perform('k8s.event', on)).toMatchObject({ status: 'done' });
  });

  it.for([
    { name: 'plane', labels: { 'node-role.kubernetes.io/control-plane': '' }, reason: 'runs the control plane' },
    { name: 'gpu-1', labels: {}, reason: 'on the protected list' },
    { name: 'db', labels: { pool: 'data' }, reason: 'on the protected list' },
  ])('keep node $name', async ({ name, labels, reason }) => {
    stage.set({ protect: [{ node: { name: 'gpu-*' } }, { node: { label: 'pool=data' } }] });
    stage.node(name, labels);
    for (const uses of ['k8s.cordon', 'k8s.drain'])
      expect(await stage.perform(uses, { node: name })).toEqual({
        status: 'refused',
        detail: expect.stringContaining(reason),
      });
    expect(await stage.perform('k8s.label', { node: name, labels: { a: 'b' } })).toMatchObject({ status: 'refused' });
  });

  it('keep to so many nodes, and never to the last', async () => {
    expect(await stage.perform('k8s.cordon', { node: 'one' })).toMatchObject({ status: 'done' });
    expect(await stage.perform('k8s.cordon', { node: 'two' })).toEqual({
      status: 'refused',
      detail: '1 node is cordoned by Lanner already: one',
    });
    stage.set({ most_cordoned: 9 });
    expect(await stage.perform('k8s.cordon', { node: 'two' })).toMatchObject({ status: 'done' });
    expect(await stage.perform('k8s.cordon', { node: 'three' })).toEqual({
      status: 'refused',
      detail: 'node three is the last one that takes pods',
    });
  });

  it('keep to so many actions a minute, and to the off switch; what undoes goes on', async () => {
    stage.set({ most_actions_per_minute: 2 });
    const label = { ...thePod, labels: { a: 'b' } };
    for (let turn = 0; turn < 2; turn += 1)
      expect(await stage.perform('k8s.label', label)).toMatchObject({ status: 'done' });
    expect(await stage.perform('k8s.label', label)).toEqual({
      status: 'refused',
      detail: 'more than 2 actions within a minute',
    });
    expect(await stage.tryOut('k8s.label', label)).toMatchObject({ status: 'skipped' });
    stage.set({}, () => true);
    expect(await stage.perform('k8s.delete_pod', thePod)).toMatchObject({
      status: 'refused',
      detail: expect.stringContaining('responding is stopped'),
    });
    expect(await stage.perform('k8s.unlabel', label)).toMatchObject({ status: 'done' });
  });
});

describe('k8s.label and k8s.annotate', () => {
  it('note what was, and are undone as far as nobody has changed it since', async () => {
    stage.pod('shop-7d9', { metadata: { labels: { app: 'shop', tier: 'front' } } });
    const labels = { tier: 'quarantine', seen: '1', app: null };
    const labelled = { ...thePod, labels };
    // A repeat does not take its own value for the former one.
    for (let turn = 0; turn < 2; turn += 1)
      expect(await stage.perform('k8s.label', labelled)).toMatchObject({ status: 'done' });
    expect(stage.api.objects.get(podPath('shop-7d9'))?.metadata.labels).toEqual({ tier: 'quarantine', seen: '1' });
    expect(await stage.perform('k8s.annotate', { ...thePod, annotations: { 'example.com/why': 'a shell' } })).toEqual({
      status: 'done',
      detail: 'set example.com/why of pod web/shop-7d9',
    });
    stage.pod('shop-7d9', {
      metadata: {
        ...stage.api.objects.get(podPath('shop-7d9'))?.metadata,
        labels: { tier: 'quarantine', seen: 'by somebody' },
      },
    });
    expect(await stage.perform('k8s.unlabel', labelled)).toEqual({
      status: 'done',
      detail: 'put back tier, app of pod web/shop-7d9',
    });
    expect(await stage.perform('k8s.unannotate', { ...thePod, annotations: { 'example.com/why': 'x' } })).toMatchObject(
      {
        status: 'done',
      },
    );
    expect(stage.api.objects.get(podPath('shop-7d9'))?.metadata).toMatchObject({
      labels: { app: 'shop', tier: 'front', seen: 'by somebody' },
      annotations: {},
    });
    expect(await stage.perform('k8s.unlabel', labelled)).toMatchObject({ status: 'done' });
  });

  it('are tried again when somebody changed the object meanwhile', async () => {
    let times = 2;
    stage.api.meanwhile = ({ method }) => {
      if (method === 'PATCH' && times-- > 0)
        stage.pod('shop-7d9', { metadata: { labels: { app: 'shop', times: String(times) } } });
    };
    expect(await stage.perform('k8s.label', { ...thePod, labels: { a: 'b' } })).toMatchObject({ status: 'done' });
    expect(stage.api.objects.get(podPath('shop-7d9'))?.metadata.labels).toEqual({ app: 'shop', times: '0', a: 'b' });
    stage.api.meanwhile = ({ method }) => void (method === 'PATCH' && stage.pod('shop-7d9'));
    expect(await stage.perform('k8s.label', { ...thePod, labels: { a: 'c' } })).toMatchObject({
      status: 'failed',
      retry: true,
    });
  });

  it.for([
    { labels: { 'kubernetes.io/hostname': 'x' } },
    { labels: { 'lanner/isolated': 'x' } },
    { labels: { a: 'not a value' } },
    { labels: {} },
    { node: 'two', labels: { a: 'b' } },
  ])('refuse %o', async (params) => {
    expect(await stage.perform('k8s.label', { ...thePod, ...params })).toMatchObject({
      status: 'failed',
      retry: false,
    });
    expect(stage.api.asked).toEqual([]);
  });

  it('is for nodes, too', async () => {
    expect(await stage.perform('k8s.label', { node: 'two', labels: { quarantine: 'yes' } })).toMatchObject({
      status: 'done',
    });
    expect(stage.api.objects.get(nodePath('two'))?.metadata.labels).toEqual({ quarantine: 'yes' });
    expect(await stage.perform('k8s.label', { node: 'nine', labels: { a: 'b' } })).toMatchObject({ status: 'gone' });
  });
});

describe('k8s.isolate_pod', () => {
  it('denies all but what is allowed, and is undone', async () => {
    const params = { ...thePod, allow: ['10.0.0.0/8', '192.0.2.1', '2001:db8::1'] };
    for (let turn = 0; turn < 2; turn += 1)
      expect(await stage.perform('k8s.isolate_pod', params)).toEqual({
        status: 'done',
        detail: 'isolated pod web/shop-7d9 from all but 10.0.0.0/8, 192.0.2.1, 2001:db8::1',
        outputs: { policy: 'lanner-isolate-uid-shop' },
      });
    const peers = ['10.0.0.0/8', '192.0.2.1/32', '2001:db8::1/128'].map((cidr) => ({ ipBlock: { cidr } }));
    expect(stage.api.objects.get(`${policies}/lanner-isolate-uid-shop`)).toMatchObject({
      metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'shop-7d9', uid: 'uid-shop' }] },
      spec: {
        podSelector: { matchLabels: { 'lanner/isolated': 'uid-shop' } },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: peers }],
        egress: [{ to: peers }],
      },
    });
    expect(stage.api.objects.get(podPath('shop-7d9'))?.metadata.labels).toEqual({
      app: 'shop',
      'lanner/isolated': 'uid-shop',
    });
    expect(await stage.perform('k8s.restore_pod', params)).toMatchObject({ status: 'done' });
    expect(stage.api.objects.get(podPath('shop-7d9'))?.metadata).toMatchObject({
      labels: { app: 'shop' },
      annotations: {},
    });
    expect([...stage.api.objects.keys()].filter((path) => path.startsWith(policies))).toEqual([]);
    expect(await stage.perform('k8s.restore_pod', params)).toMatchObject({
      detail: 'pod web/shop-7d9 was not isolated',
    });
  });

  it.for([
    { selector: {}, isIn: true },
    { selector: { matchLabels: { app: 'shop' } }, isIn: true },
    { selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['shop'] }] }, isIn: true },
    { selector: { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }, isIn: true },
    { selector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['shop'] }] }, isIn: false },
    { selector: { matchLabels: { app: 'other' } }, isIn: false },
  ])('says so when another policy lets traffic through: $selector', async ({ selector, isIn }) => {
    stage.api.put(`${policies}/open`, {
      metadata: { name: 'open', namespace: 'web' },
      spec: { podSelector: selector, ingress: [{}] },
    });
    stage.api.put(`${policies}/closed`, { metadata: { name: 'closed', namespace: 'web' }, spec: { podSelector: {} } });
    const isolated = await stage.perform('k8s.isolate_pod', thePod);
    if (!isIn) {
      expect(isolated).toMatchObject({ status: 'done' });
      return;
    }
    expect(isolated).toMatchObject({
      status: 'failed',
      retry: false,
      reason: expect.stringContaining('open lets traffic'),
    });
    expect(stage.changes()).toEqual([]);
    if (Object.keys(selector).length === 0) return;
    expect(await stage.perform('k8s.isolate_pod', { ...thePod, detach: true })).toMatchObject({ status: 'done' });
    expect(stage.api.objects.get(podPath('shop-7d9'))?.metadata.labels).toEqual({ 'lanner/isolated': 'uid-shop' });
    expect(await stage.perform('k8s.restore_pod', { ...thePod, detach: true })).toMatchObject({ status: 'done' });
    expect(stage.api.objects.get(podPath('shop-7d9'))?.metadata.labels).toEqual({ app: 'shop' });
  });

  it('refuses what is on the network of its node', async () => {
    stage.pod('shop-7d9', { spec: { hostNetwork: true } });
    expect(await stage.perform('k8s.isolate_pod', thePod)).toMatchObject({ status: 'refused' });
  });
});

describe('k8s.event', () => {
  it('is recorded once', async () => {
    for (let turn = 0; turn < 2; turn += 1)
      expect(await stage.perform('k8s.event', { ...thePod, reason: 'ShellInContainer' })).toMatchObject({
        status: 'done',
      });
    const [event, ...more] = [...stage.api.objects]
      .filter(([path]) => path.includes('/events/'))
      .map(([, object]) => object);
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      involvedObject: { kind: 'Pod', namespace: 'web', name: 'shop-7d9', uid: 'uid-shop' },
      reason: 'ShellInContainer',
      type: 'Warning',
      message: `Terminal shell in container: ${shellAlert.output}`,
    });
    expect(await stage.perform('k8s.event', { node: 'two', message: 'x'.repeat(5_000) })).toMatchObject({
      status: 'done',
    });
    const ofNode = [...stage.api.objects].find(([path]) => path.startsWith('/api/v1/namespaces/default/events/'))?.[1];
    expect(ofNode).toMatchObject({
      involvedObject: { kind: 'Node', name: 'two' },
      message: expect.stringMatching(/^x{1023}…$/),
    });
  });
});

describe('a dry run', () => {
  it.for([
    { name: 'k8s.delete_pod', params: thePod, would: 'would delete pod web/shop-7d9' },
    { name: 'k8s.isolate_pod', params: thePod, would: 'would isolate pod web/shop-7d9' },
    { name: 'k8s.label', params: { ...thePod, labels: { a: 'b' } }, would: 'would set a of pod web/shop-7d9' },
    { name: 'k8s.cordon', params: { node: 'two' }, would: 'would cordon node two' },
    { name: 'k8s.event', params: thePod, would: 'would record LannerAlert of pod web/shop-7d9' },
  ])('of $name asks the server and changes nothing', async ({ name, params, would }) => {
    const before = structuredClone(Object.fromEntries(stage.api.objects));
    expect(await stage.tryOut(name, params)).toEqual({ status: 'skipped', detail: expect.stringContaining(would) });
    expect(stage.changes().length).toBeGreaterThan(0);
    expect(stage.changes().every((line) => line.endsWith('?dryRun'))).toBe(true);
    expect(Object.fromEntries(stage.api.objects)).toEqual(before);
    for (const method of ['POST', 'PATCH', 'DELETE'])
      for (const collection of ['pods', 'nodes', 'events', 'networkpolicies'])
        stage.api.forbidden.add(`${method} ${collection}`);
    expect(await stage.tryOut(name, params)).toMatchObject({
      status: 'failed',
      retry: false,
      reason: expect.stringContaining('403'),
    });
  });
});

describe('what the API server answers', () => {
  it.for([
    {
      answer: refusal(403, 'no'),
      expected: { status: 'failed', retry: false, reason: 'the API server answered 403: no' },
    },
    { answer: refusal(401, 'who?'), expected: { status: 'failed', retry: false } },
    { answer: refusal(422, 'what?'), expected: { status: 'failed', retry: false } },
    { answer: refusal(500, 'oh'), expected: { status: 'failed', retry: true } },
    {
      answer: refusal(503, 'later', { 'retry-after': '7' }),
      expected: { status: 'failed', retry: true, retryAfterMs: 7_000 },
    },
    {
      answer: refusal(429, 'slowly', { 'retry-after': '3' }),
      expected: { status: 'failed', retry: true, retryAfterMs: 3_000 },
    },
    { answer: 'reset' as const, expected: { status: 'failed', retry: true } },
    { answer: 'never' as const, expected: { status: 'timed_out' } },
  ])('decides whether it is tried again: $expected', async ({ answer, expected }) => {
    stage.api.instead.push(answer);
    const timeoutMs = answer === 'never' ? 200 : 5_000;
    expect(await stage.perform('k8s.delete_pod', thePod, { timeoutMs })).toMatchObject(expected);
    expect(stage.api.objects.has(podPath('shop-7d9'))).toBe(true);
  });

  it('is missed where there is no cluster, or no server', async () => {
    expect(await stage.perform('k8s.cordon', { node: 'two' }, { kubernetes: undefined })).toMatchObject({
      status: 'refused',
    });
    stage.set({ kubeconfig_file: '/nowhere/kubeconfig' });
    expect(await stage.perform('k8s.cordon', { node: 'two' })).toMatchObject({
      status: 'failed',
      retry: false,
      reason: expect.stringContaining('no access to a cluster'),
    });
    stage.set({ context: 'elsewhere' });
    expect(await stage.perform('k8s.cordon', { node: 'two' })).toMatchObject({ status: 'failed', retry: false });
  });
});
