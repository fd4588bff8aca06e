import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { actionCatalogue } from '../router/actions/all.ts';
import { KubernetesStage, nodePath, owner } from './support/kubernetes-stage.ts';
import { shellAlert } from './support/sending.ts';

const stage = new KubernetesStage();
beforeAll(() => stage.open());
afterAll(() => stage.api.close());
beforeEach(() => stage.reset());

describe('k8s.cordon', () => {
  it('is undone, where it was Lanner', async () => {
    expect(await stage.perform('k8s.cordon', { node: 'two' })).toEqual({ status: 'done', detail: 'cordoned node two' });
    expect(stage.api.objects.get(nodePath('two'))).toMatchObject({
      metadata: { annotations: { 'lanner/cordoned': 'a-playbook' } },
      spec: { unschedulable: true },
    });
    expect(await stage.perform('k8s.cordon', { node: 'two' })).toMatchObject({
      detail: 'node two was cordoned already',
    });
    expect(await stage.perform('k8s.uncordon', { node: 'two' })).toMatchObject({ detail: 'uncordoned node two' });
    expect(stage.api.objects.get(nodePath('two'))).toMatchObject({
      metadata: { annotations: {} },
      spec: { unschedulable: false },
    });
    stage.node('two', {}, { unschedulable: true });
    expect(await stage.perform('k8s.cordon', { node: 'two' })).toMatchObject({ status: 'done' });
    expect(await stage.perform('k8s.uncordon', { node: 'two' })).toMatchObject({
      detail: expect.stringContaining('left as it is'),
    });
    expect(await stage.perform('k8s.cordon', { node: 'nine' })).toMatchObject({ status: 'gone' });
  });
});

describe('node.cordon', () => {
  const from = (node: string, fields = {}) => ({
    alert: {
      ...shellAlert,
      output_fields: { ...shellAlert.output_fields, ...fields },
      lanner: { version: 1 as const, id: '0190a0a0-0000-7000-8000-000000000000', node, boot_id: 'b' },
    },
  });

  it('is for the node that the alert came from, and is undone', async () => {
    expect(await stage.tryOut('node.cordon', {}, from('two'))).toEqual({
      status: 'skipped',
      detail: 'would cordon node two',
    });
    expect(await stage.perform('node.cordon', {}, from('two'))).toEqual({
      status: 'done',
      detail: 'cordoned node two',
    });
    expect(stage.api.objects.get(nodePath('two'))).toMatchObject({ spec: { unschedulable: true } });
    expect(actionCatalogue.get('node.cordon')?.undo).toBe('node.uncordon');
    expect(await stage.perform('node.uncordon', {}, from('two'))).toEqual({
      status: 'done',
      detail: 'uncordoned node two',
    });
    expect(stage.api.objects.get(nodePath('two'))).toMatchObject({ spec: { unschedulable: false } });
    expect(await stage.perform('node.cordon', { node: 'three' }, from('a.host'))).toMatchObject({ status: 'done' });
  });

  it('leaves one that takes pods, no more than may be cordoned, and what is stopped or of another orchestrator', async () => {
    expect(await stage.perform('node.cordon', {}, from('one'))).toMatchObject({ status: 'done' });
    const more = await stage.perform('node.cordon', {}, from('two'));
    expect(more).toEqual({ status: 'refused', detail: '1 node is cordoned by Lanner already: one' });
    stage.set({ most_cordoned: 9 });
    expect(await stage.perform('node.cordon', {}, from('two'))).toMatchObject({ status: 'done' });
    const last = await stage.perform('node.cordon', {}, from('three'));
    expect(last).toEqual({ status: 'refused', detail: 'node three is the last one that takes pods' });
    stage.reset();
    const ofMesos = await stage.perform('node.cordon', {}, from('two', { 'mesos.task.id': 'web.1' }));
    expect(ofMesos).toEqual({ status: 'refused', detail: expect.stringContaining('run by Mesos') });
    stage.set({}, () => true);
    expect(await stage.perform('node.cordon', {}, from('two'))).toMatchObject({ status: 'refused' });
    expect(await stage.perform('node.cordon', {})).toMatchObject({ status: 'refused' });
    expect(stage.changes()).toEqual([]);
  });
});

describe('k8s.drain', () => {
  const left = () =>
    [...stage.api.objects.keys()].filter((path) => path.includes('/pods/')).map((path) => path.split('/').at(-1));

  it('evicts what may go, and leaves what must stay or would come back', async () => {
    stage.pod('shop-2', { spec: { nodeName: 'one' } });
    stage.pod('logs', { metadata: { ownerReferences: owner('ds', 'DaemonSet') } });
    stage.pod('job', { metadata: { ownerReferences: owner('job', 'Job') } });
    stage.pod('done', { status: { phase: 'Succeeded' } });
    stage.pod('static', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } });
    stage.pod('dns', {}, 'kube-system');
    expect(await stage.tryOut('k8s.drain', { node: 'two' })).toMatchObject({
      status: 'skipped',
      detail: expect.stringContaining('would drain node two: 2 pods'),
    });
    expect(stage.changes().every((line) => line.endsWith('?dryRun'))).toBe(true);
    expect(await stage.perform('k8s.drain', { node: 'two', grace_s: 1 })).toEqual({
      status: 'done',
      detail: 'drained node two: 2 pods evicted; left: pod kube-system/dns belongs to kube-system',
      outputs: { evicted: 2 },
    });
    expect(left().sort()).toEqual(['dns', 'done', 'logs', 'shop-2', 'static']);
    expect(stage.api.objects.get(nodePath('two'))).toMatchObject({ spec: { unschedulable: true } });
    expect(await stage.perform('k8s.drain', { node: 'two' })).toMatchObject({
      status: 'done',
      outputs: { evicted: 0 },
    });
    expect(await stage.perform('k8s.uncordon', { node: 'two' })).toMatchObject({ detail: 'uncordoned node two' });
  });

  it('refuses a floor that can never hold, and pods that nobody makes anew', async () => {
    expect(await stage.perform('k8s.drain', { node: 'two' })).toEqual({
      status: 'refused',
      detail: 'ReplicaSet web/shop has 1 replica, and 1 must stay healthy while one goes',
    });
    stage.pod('alone', { metadata: { ownerReferences: [] } });
    expect(await stage.perform('k8s.drain', { node: 'two', least_healthy: 0 })).toMatchObject({
      status: 'refused',
      detail: expect.stringContaining('pod web/alone'),
    });
    expect(stage.changes()).toEqual([]);
    expect(await stage.perform('k8s.drain', { node: 'two', least_healthy: 0, force: true })).toMatchObject({
      status: 'done',
      outputs: { evicted: 2 },
    });
  });

  it('waits until so many others are healthy', async () => {
    stage.pod('shop-2', { spec: { nodeName: 'one' }, status: { conditions: [] } });
    const waits = await stage.perform('k8s.drain', { node: 'two' }, { timeoutMs: 1_000 });
    expect(waits).toEqual({
      status: 'failed',
      retry: true,
      reason: 'node two: 0 evicted, 1 held: web/shop-7d9: fewer than 1 other replicas are ready',
    });
    const drained = stage.perform('k8s.drain', { node: 'two' }, { timeoutMs: 10_000 });
    setTimeout(() => stage.pod('shop-2', { spec: { nodeName: 'one' } }), 200);
    expect(await drained).toMatchObject({ status: 'done', outputs: { evicted: 1 } });
  });

  it('obeys a disruption budget', async () => {
    stage.pod('shop-2', { spec: { nodeName: 'one' } });
    const budget = { label: ['app', 'shop'] as const, allowed: 0 };
    stage.api.budgets.push(budget);
    expect(await stage.tryOut('k8s.drain', { node: 'two' })).toMatchObject({
      detail: expect.stringContaining('held now: web/shop-7d9'),
    });
    const drained = stage.perform('k8s.drain', { node: 'two' }, { timeoutMs: 10_000 });
    setTimeout(() => {
      budget.allowed = 1;
    }, 200);
    expect(await drained).toMatchObject({ status: 'done', outputs: { evicted: 1 } });
  });
});
