import { describe, expect, it } from 'vitest';
import { makeDetails } from '../state/containers/container.ts';
import { joinOrchestrators, type Orchestrators } from '../state/orchestrators/orchestrators.ts';
import type { Process } from '../state/process.ts';
import { sampleProcess } from '../state/sample-process.ts';
import { container, read, record, sceneOf } from './sample.ts';
import type { Scene } from './scene.ts';

const open = record('file', 'openat', { numbers: { ret: 3, fd: 3 }, texts: { path: 'a', resolved: '/a' } });
const nobody = joinOrchestrators(undefined, undefined);

function sceneWith(changes: Partial<Scene>, known: Partial<Orchestrators> = {}): Scene {
  const scene = sceneOf(open, changes);
  return { ...scene, around: { ...scene.around, orchestrators: { ...nobody, ...known } } };
}

const labels = (key: string) => new Map([[key, '1']]);
const deployment = { kind: 'Deployment', name: 'web', uid: 'd-1', labels: labels('d'), owner: undefined };
const pod = {
  uid: 'uid-1',
  name: 'web-1',
  namespace: 'shop',
  labels: new Map([
    ['app', 'new'],
    ['v', '2'],
  ]),
  ip: '10.1.2.4',
  serviceAccount: 'seller',
  owner: { kind: 'ReplicaSet', name: 'web-5d', uid: 'r-1', labels: labels('r'), owner: deployment },
  spec: {},
};
const cluster: Partial<Orchestrators> = {
  pod: (uid) => (uid === 'uid-1' ? pod : undefined),
  namespace: (name) => (name === 'shop' ? { name, uid: 'n-1', labels: labels('n') } : undefined),
  services: () => [
    { name: 'front', uid: 's-1', labels: labels('s') },
    { name: 'back', uid: 's-2', labels: labels('t') },
  ],
};

describe('fields of the pod', () => {
  it.for([
    ['k8s.pod.name', 'web-1'],
    ['k8s.pod.uid', 'uid-1'],
    ['k8s.pod.id', 'uid-1'],
    ['k8s.pod.sandbox_id', '0123456789ab'],
    ['k8s.pod.full_sandbox_id', '0123456789abcdef'.repeat(4)],
    ['k8s.pod.label[app]', 'web'],
    ['k8s.pod.labels', 'app:web'],
    ['k8s.pod.ip', '10.1.2.3'],
    ['k8s.ns.name', undefined],
    ['k8s.deployment.name', undefined],
  ] as const)('reads %s from the engine alone', ([field, expected]) => {
    expect(read(field, sceneWith({ container }))).toEqual(expected);
  });

  it.for([
    ['k8s.ns.name', 'shop'],
    ['k8s.ns.id', 'n-1'],
    ['k8s.ns.label[n]', '1'],
    ['k8s.ns.labels', 'n:1'],
    ['k8s.pod.label[app]', 'new'],
    ['k8s.pod.label[none]', undefined],
    ['k8s.pod.labels', 'app:new, v:2'],
    ['k8s.pod.ip', '10.1.2.3'],
    ['k8s.rs.name', 'web-5d'],
    ['k8s.rs.id', 'r-1'],
    ['k8s.rs.label[r]', '1'],
    ['k8s.rs.labels', 'r:1'],
    ['k8s.deployment.name', 'web'],
    ['k8s.deployment.id', 'd-1'],
    ['k8s.deployment.label[d]', '1'],
    ['k8s.deployment.labels', 'd:1'],
    ['k8s.svc.name', 'front, back'],
    ['k8s.svc.id', 's-1, s-2'],
    ['k8s.svc.label[t]', '1'],
    ['k8s.svc.labels', 's:1, t:1'],
    ['k8s.rc.name', undefined],
    ['k8s.daemonset.name', undefined],
    ['k8s.sa.name', 'seller'],
  ] as const)('reads %s with the API server', ([field, expected]) => {
    expect(read(field, sceneWith({ container }, cluster))).toEqual(expected);
  });

  it.for([
    { kind: 'ReplicationController', field: 'k8s.rc.name', value: 'o' },
    { kind: 'ReplicationController', field: 'k8s.rc.id', value: 'o-1' },
    { kind: 'ReplicationController', field: 'k8s.rc.label[o]', value: '1' },
    { kind: 'ReplicationController', field: 'k8s.rc.labels', value: 'o:1' },
    { kind: 'DaemonSet', field: 'k8s.daemonset.name', value: 'o' },
    { kind: 'DaemonSet', field: 'k8s.daemonset.id', value: 'o-1' },
    { kind: 'StatefulSet', field: 'k8s.statefulset.name', value: 'o' },
    { kind: 'StatefulSet', field: 'k8s.statefulset.id', value: 'o-1' },
    { kind: 'Job', field: 'k8s.job.name', value: 'o' },
    { kind: 'Job', field: 'k8s.job.id', value: 'o-1' },
    { kind: 'CronJob', field: 'k8s.cronjob.name', value: 'o' },
    { kind: 'CronJob', field: 'k8s.cronjob.id', value: 'o-1' },
  ])('reads $field of a $kind', ({ kind, field, value }) => {
    const owner = { kind, name: 'o', uid: 'o-1', labels: labels('o'), owner: undefined };
    const owned = kind === 'CronJob' ? { ...owner, kind: 'Job', name: 'j', uid: 'j-1', owner } : owner;
    expect(read(field, sceneWith({ container }, { ...cluster, pod: () => ({ ...pod, owner: owned }) }))).toBe(value);
  });

  it('has what the network plugin said', () => {
    const known = container.details?.pod;
    if (known === undefined) throw new Error('the sample is of a pod');
    const details = makeDetails({ pod: { ...known, cniJson: '{"ips":[]}' } });
    for (const field of ['container.cni.json', 'k8s.pod.cni.json']) {
      expect(read(field, sceneWith({ container: { ...container, details } }))).toBe('{"ips":[]}');
    }
  });

  it('knows the pod by its cgroup when the engine is silent', () => {
    const silent = { id: container.id, engine: 'cri', podUid: 'uid-1', details: undefined, status: 'silent' } as const;
    expect(read('k8s.pod.uid', sceneWith({ container: silent }))).toBe('uid-1');
    expect(read('k8s.pod.name', sceneWith({ container: silent }))).toBeUndefined();
    expect(read('k8s.pod.name', sceneWith({ container: silent }, cluster))).toBe('web-1');
    expect(read('k8s.pod.ip', sceneWith({ container: silent }, cluster))).toBe('10.1.2.4');
  });

  it('leaves out what kubelet adds to the labels for the engine', () => {
    const known = {
      ...container.details?.pod,
      labels: new Map([
        ['app', 'web'],
        ['io.kubernetes.pod.name', 'x'],
      ]),
    };
    const other = {
      name: undefined,
      namespace: undefined,
      uid: undefined,
      sandboxId: undefined,
      ip: undefined,
      cniJson: undefined,
    };
    const details = makeDetails({ pod: { ...other, ...known } });
    expect(read('k8s.pod.labels', sceneWith({ container: { ...container, details } }))).toBe('app:web');
  });

  it('has nothing on the host', () => {
    for (const field of [
      'k8s.pod.name',
      'k8s.pod.uid',
      'k8s.pod.labels',
      'k8s.ns.name',
      'k8s.rs.name',
      'k8s.svc.name',
    ]) {
      expect(read(field, sceneWith({}, cluster))).toBeUndefined();
    }
  });
});

const task = {
  id: 'shop_web.1',
  name: 'web.shop',
  labels: labels('team'),
  frameworkId: 'F-1',
  frameworkName: 'marathon',
};
const uuid = 'b3e1d0f2-7a5c-4e0e-9d59-6a8f1c2d3e4f';
const mesos: Partial<Orchestrators> = {
  task: (id) => (id === task.id ? task : undefined),
  taskOfContainer: (id) => (id === uuid ? task : undefined),
  app: (id) => (id === '/shop/web' ? { id, labels: labels('tier') } : undefined),
  appOfTask: (id) => (id === task.id ? { id: '/shop/web', labels: labels('tier') } : undefined),
};

describe('fields of the task', () => {
  const variables = new Map([
    ['MESOS_TASK_ID', 'shop_web.1'],
    ['MARATHON_APP_ID', '/shop/web'],
  ]);
  const described = { ...container, details: makeDetails({ name: 'web', environment: variables }) };
  const named = { ...container, details: makeDetails({ name: `mesos-S1.${uuid}` }) };
  const contained = { id: uuid, engine: 'mesos', details: undefined, status: 'unknown' } as const;
  const all = [
    ['mesos.task.name', 'web.shop'],
    ['mesos.task.id', 'shop_web.1'],
    ['mesos.task.label[team]', '1'],
    ['mesos.task.labels', 'team:1'],
    ['mesos.framework.name', 'marathon'],
    ['mesos.framework.id', 'F-1'],
    ['marathon.app.name', 'web'],
    ['marathon.app.id', '/shop/web'],
    ['marathon.app.label[tier]', '1'],
    ['marathon.app.labels', 'tier:1'],
    ['marathon.group.name', 'shop'],
    ['marathon.group.id', '/shop'],
  ] as const;

  it.for(all)('reads %s of a container by its variables, its name, and its cgroup', ([field, expected]) => {
    for (const each of [described, named, contained]) {
      expect(read(field, sceneWith({ container: each }, mesos))).toEqual(expected);
    }
  });

  it('has what the variables tell when nobody answers', () => {
    const scene = sceneWith({ container: described });
    expect(['mesos.task.id', 'marathon.app.id', 'marathon.group.id'].map((field) => read(field, scene))).toEqual([
      'shop_web.1',
      '/shop/web',
      '/shop',
    ]);
    expect(read('mesos.task.name', scene)).toBeUndefined();
    expect(read('marathon.app.labels', scene)).toBeUndefined();
  });

  it('reads the variables of a process that Mesos runs itself', () => {
    const scene = sceneWith({ container: contained });
    const environment = () => 'PATH=/bin\0MARATHON_APP_ID=/top\0MESOS_TASK_ID=t.1\0';
    const told = { ...scene, around: { ...scene.around, environment } };
    expect(read('mesos.task.id', told)).toBe('t.1');
    expect(read('marathon.app.name', told)).toBe('top');
    expect(read('marathon.group.id', told)).toBe('/');
    expect(read('marathon.group.name', told)).toBeUndefined();
  });

  it.for([
    { cgroup: `/mesos/${uuid}`, expected: 't.1' },
    { cgroup: '/system.slice/mesos-agent.service', expected: undefined },
  ])('reads the variables of what is above an ended process, in $cgroup: $expected', ({ cgroup, expected }) => {
    const scene = sceneWith({ container: contained });
    const { process, around } = scene;
    if (process === undefined) throw new Error('the scene has a process');
    const above = sampleProcess({ cgroup }, process);
    const environment = (each: Process) => (each === above ? 'MESOS_TASK_ID=t.1\0' : undefined);
    const ancestor = (each: Process) => (each === above ? undefined : above);
    const processes = { ancestor, peek: () => undefined, ancestors: () => [above] };
    expect(read('mesos.task.id', { ...scene, around: { ...around, environment, processes } })).toBe(expected);
  });

  it('has nothing on the host', () => {
    for (const [field] of all) expect(read(field, sceneWith({}, mesos))).toBeUndefined();
  });
});
