import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { KubernetesServer } from '../../agent/state/orchestrators/kubernetes-server.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { type Containerd, startContainerd } from '../support/containerd.ts';
import { docker, image, remove } from '../support/docker.ts';
import { kubeconfigOf } from '../support/kubeconfig.ts';
import { startRegistry } from '../support/registry.ts';
import {
  type ContainerFacts,
  conditionOf,
  containerRows,
  type Place,
  places,
  podUid,
} from './fields-containers-table.ts';
import { expectValue } from './fields-value.ts';

const entries = Object.entries(containerRows);
const rules = places
  .map((place) => {
    const fields = entries.filter(([, row]) => row.place === place).map(([field]) => `%${field}`);
    return `- rule: ${place}
  desc: d
  condition: ${conditionOf(place)}
  output: "${fields.join(' ')}"
  priority: INFO
`;
  })
  .join('');

const folder = mkdtempSync(join(tmpdir(), 'lanner-fields-'));
const cluster = new KubernetesServer();
const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
let agent: Agent;
let facts: ContainerFacts;

const say = (place: Place) => ['/bin/echo', `mark-${place}`] as const;
const alertOf = (place: Place) => agent.alert(place, ({ rule }) => rule === place);

/** What owns each pod: kinds from its controller upwards, with their API group, plural and name. */
const owners: Readonly<Partial<Record<Place, readonly (readonly [string, string, string, string])[]>>> = {
  pod: [
    ['apps/v1', 'ReplicaSet', 'replicasets', 'web-5d'],
    ['apps/v1', 'Deployment', 'deployments', 'web'],
  ],
  controller: [['v1', 'ReplicationController', 'replicationcontrollers', 'old']],
  daemon: [['apps/v1', 'DaemonSet', 'daemonsets', 'logs']],
  stateful: [['apps/v1', 'StatefulSet', 'statefulsets', 'db']],
  job: [
    ['batch/v1', 'Job', 'jobs', 'nightly-1'],
    ['batch/v1', 'CronJob', 'cronjobs', 'nightly'],
  ],
};

/** The API server knows the pods that the test starts, and what owns them. */
function fillCluster(): void {
  cluster.objects.set('/api/v1/namespaces/shop', {
    metadata: { name: 'shop', uid: 'uid-shop', labels: { team: 'x' } },
  });
  const front = { name: 'front', uid: 'uid-front', labels: { of: 'service' } };
  cluster.objects.set('/api/v1/namespaces/shop/services', {
    items: [{ metadata: front, spec: { selector: { app: 'pod' } } }],
  });
  for (const place of places) {
    const line = owners[place];
    if (line === undefined) continue;
    const references = line.map(([apiVersion, kind, , name]) => [
      { apiVersion, kind, name, uid: `uid-${name}`, controller: true },
    ]);
    for (const [index, [group, , plural, name]] of line.entries()) {
      const path = `${group === 'v1' ? '/api' : '/apis'}/${group}/namespaces/shop/${plural}/${name}`;
      const above = references[index + 1];
      cluster.objects.set(path, {
        metadata: { name, uid: `uid-${name}`, labels: { of: plural }, ...(above && { ownerReferences: above }) },
      });
    }
    const probe = (which: Place) => ({ exec: { command: say(which) } });
    const containers = [{ name: 'app', livenessProbe: probe('live'), readinessProbe: probe('ready') }];
    const named = { name: `${place}-1`, namespace: 'shop', uid: podUid(place), labels: { app: place } };
    cluster.put({
      metadata: { ...named, ownerReferences: references[0] },
      spec: { nodeName: 'n1', serviceAccountName: 'seller', containers },
      status: {},
    });
  }
}

async function onDocker() {
  const asked = ['--name', 'lanner-fields', '--network', 'none', '-v', '/usr:/host:ro'];
  const check = ['--health-cmd', say('check').join(' '), '--health-interval', '1s'];
  const made = `cp /bin/busybox /echo; /echo mark-upper; : > /mark-made; head -c 1 /bin/busybox`;
  const lines = `/bin/busybox sleep 1; ${say('docker').join(' ')}; ${made}; exec /bin/busybox sleep 60`;
  const begunMs = Date.now();
  const id = await docker('run', '-d', ...asked, ...check, image, '/bin/busybox', 'sh', '-c', lines);
  const startedMs = Date.now();
  closers.push(() => remove(id));
  const hosts = ['--pid', 'host', '--network', 'host', '--ipc', 'host'];
  await docker('run', '--rm', ...hosts, image, ...say('shared'));
  const registry = await startRegistry();
  closers.push(() => registry.close());
  await docker('run', '--rm', '--network', 'none', registry.reference, ...say('pulled'));
  closers.push(() => docker('rmi', registry.reference));
  const { digest } = registry;
  const imageId = (await docker('inspect', '--format', '{{.Image}}', id)).replace('sha256:', '');
  return { id, begunMs, startedMs, imageId, digest };
}

async function onContainerd({ ctr, pod, addressOf }: Containerd) {
  const reference = `docker.io/library/${image}`;
  const once = ['run', '--rm', '--snapshotter', 'native'];
  await ctr(...once, reference, 'lanner-fields-plain', ...say('plain'));
  await ctr(...once, '--privileged', reference, 'lanner-fields-privileged', ...say('privileged'));
  const sandboxes = new Map<Place, string>();
  for (const place of places) {
    if (owners[place] === undefined) continue;
    const network = place === 'pod' ? 'pod' : 'host';
    const named = { name: `${place}-1`, namespace: 'shop', uid: podUid(place), labels: { app: place } };
    const made = await pod({ ...named, network });
    sandboxes.set(place, made.id);
    const lines = `${say(place).join(' ')}; exec /bin/busybox sleep 60`;
    const id = await made.run({ name: 'app', command: ['/bin/busybox', 'sh', '-c', lines] });
    if (place === 'pod') for (const which of ['live', 'ready'] as const) await made.exec(id, say(which));
  }
  const sandbox = sandboxes.get('pod') ?? '';
  return { sandbox, podIp: addressOf(sandbox) };
}

beforeAll(async () => {
  cluster.token = 'secret';
  closers.push(() => cluster.close());
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigOf(await cluster.listen(), cluster.token));
  fillCluster();
  const containerd = await startContainerd();
  closers.push(() => containerd.close());
  const cri = ['--engine', `containerd=${containerd.socket}`];
  agent = await startAgent(rules, [...cri, '--kubeconfig', kubeconfig, '--kubernetes-node', 'n1']);
  closers.push(() => agent.close());
  facts = { ...(await onDocker()), ...(await onContainerd(containerd)) };
}, 120_000);

afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

describe('on a real event in a container', () => {
  it.for(entries)('%s', async ([field, row]) => {
    const { output_fields: fields } = await alertOf(row.place);
    expectValue(fields[field], row.value(facts));
  });
});
