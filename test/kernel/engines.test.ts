import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KubernetesServer } from '../../agent/state/orchestrators/kubernetes-server.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { type Containerd, startContainerd } from '../support/containerd.ts';
import { docker, image } from '../support/docker.ts';
import { kubeconfigOf } from '../support/kubeconfig.ts';

const run = promisify(execFile);

const fields = [
  'proc.args container.id container.full_id container.name container.type container.image container.image.repository',
  'container.image.tag container.image.digest container.image.id container.privileged container.mounts container.ip container.host_network',
  'container.healthcheck user.name group.name k8s.ns.name k8s.pod.name k8s.pod.uid k8s.pod.labels k8s.pod.sandbox_id k8s.pod.ip',
  'k8s.deployment.name k8s.rs.name k8s.sa.name k8s.ns.labels',
]
  .join(' ')
  .split(' ');
const rules = `- rule: marked
  desc: a program that the test started in a container
  condition: evt.type=execve and proc.args startswith "echo mark-"
  output: "%${fields.join(' %')}"
  priority: INFO
`;

/** The usual image with users of its own. */
const usersImage = 'lanner-users:1';
const folder = mkdtempSync(join(tmpdir(), 'lanner-engines-'));
const cluster = new KubernetesServer();
const uid = '0a1b2c3d-1111-4222-8333-444455556666';
let containerd: Containerd;
let agent: Agent;

beforeAll(async () => {
  await makeUsersImage();
  containerd = await startContainerd();
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigOf(await cluster.listen(), 'secret'));
  fillCluster();
  const cri = ['--engine', `containerd=${containerd.socket}`];
  agent = await startAgent(rules, [...cri, '--kubeconfig', kubeconfig, '--kubernetes-node', 'n1']);
}, 120_000);

afterAll(async () => {
  await agent?.close();
  cluster.close();
  await containerd?.close();
  await docker('rmi', '-f', usersImage);
  rmSync(folder, { recursive: true });
});

async function makeUsersImage(): Promise<void> {
  writeFileSync(join(folder, 'passwd'), 'root:x:0:0::/:/bin/sh\nkeeper:x:1234:33::/:/bin/sh\n');
  writeFileSync(join(folder, 'group'), 'root:x:0:\nwww:x:33:\n');
  const made = await docker('create', image, '/bin/busybox');
  for (const name of ['passwd', 'group']) await docker('cp', join(folder, name), `${made}:/etc/${name}`);
  await docker('commit', '-c', 'USER 1234:33', made, usersImage);
  await docker('rm', made);
}

/** The API server knows the pod that the test starts, and what owns it. */
function fillCluster(): void {
  cluster.token = 'secret';
  const controller = (kind: string, name: string) => [
    { apiVersion: 'apps/v1', kind, name, uid: `uid-${name}`, controller: true },
  ];
  const at = (path: string, name: string, more: object) =>
    cluster.objects.set(path, { metadata: { name, uid: `uid-${name}`, ...more } });
  at('/api/v1/namespaces/shop', 'shop', { labels: { team: 'x' } });
  at('/apis/apps/v1/namespaces/shop/replicasets/web-5d', 'web-5d', {
    ownerReferences: controller('Deployment', 'web'),
  });
  at('/apis/apps/v1/namespaces/shop/deployments/web', 'web', {});
  const metadata = {
    name: 'web-1',
    namespace: 'shop',
    uid,
    labels: { app: 'web' },
    ownerReferences: controller('ReplicaSet', 'web-5d'),
  };
  cluster.put({ metadata, spec: { nodeName: 'n1', serviceAccountName: 'seller' }, status: {} });
}

const say = (mark: string) => ['/bin/busybox', 'echo', `mark-${mark}`] as const;

/** The fields of the alert that this mark raised. */
async function alertOf(mark: string) {
  const isIt = (alert: { output_fields: Record<string, unknown> }) =>
    alert.output_fields['proc.args'] === `echo mark-${mark}`;
  return (await agent.alert(mark, isIt)).output_fields;
}

describe('the first program of a container is reported with all that its engine knows', () => {
  test('docker', async () => {
    const asked = ['--name', 'lanner-engines', '--network', 'none', '-v', '/usr:/host:ro', '--health-cmd', 'true'];
    const passwd = join(folder, 'passwd-of-host');
    writeFileSync(passwd, 'root:x:0:0::/:/bin/sh\nseller:x:1234:33::/:/bin/sh\n');
    const user = ['-v', `${passwd}:/etc/passwd:ro`, '-u', '1234:0'];
    await docker('run', '--rm', ...asked, ...user, image, ...say('docker'));
    expect(await alertOf('docker')).toMatchObject({
      'container.name': 'lanner-engines',
      'container.type': 'docker',
      'container.image': image,
      'container.image.repository': 'lanner-busybox',
      'container.image.tag': '1',
      'container.image.id': expect.stringMatching(/^[0-9a-f]{64}$/),
      'container.privileged': false,
      'container.mounts': expect.stringContaining('/usr:/host:ro:false:rprivate'),
      'container.host_network': false,
      'container.healthcheck': '/bin/sh -c true',
      'user.name': 'seller',
      'group.name': 'root',
      'k8s.pod.name': null,
    });
  });

  test('docker, with the names of users that its image has, for one program that ends at once', async () => {
    await docker('run', '--rm', '--network', 'none', usersImage, ...say('users'));
    expect(await alertOf('users')).toMatchObject({ 'user.name': 'keeper', 'group.name': 'www' });
  });

  test('containerd, likewise', async () => {
    const saved = join(folder, 'users.tar');
    await docker('save', '-o', saved, usersImage);
    await containerd.ctr('images', 'import', '--snapshotter', 'native', saved);
    const name = `docker.io/library/${usersImage}`;
    await containerd.ctr('run', '--rm', '--snapshotter', 'native', name, 'lanner-users', ...say('ctr-users'));
    expect(await alertOf('ctr-users')).toMatchObject({ 'user.name': 'keeper', 'group.name': 'www' });
  });

  test('a pod of containerd', async () => {
    const pod = await containerd.pod({ name: 'web-1', namespace: 'shop', uid, labels: { app: 'web' } });
    const mounts = [{ source: '/usr', destination: '/host' }];
    const id = await pod.run({ name: 'app', command: say('pod'), mounts });
    const alert = await alertOf('pod');
    expect(alert).toMatchObject({
      'container.id': id.slice(0, 12),
      'container.full_id': id,
      'container.name': 'app',
      'container.type': 'containerd',
      'container.image': `docker.io/library/${image}`,
      'container.image.id': expect.stringMatching(/^[0-9a-f]{64}$/),
      'container.privileged': false,
      'container.mounts': '/usr:/host:ro:false:rprivate',
      'container.host_network': false,
      'k8s.ns.name': 'shop',
      'k8s.pod.name': 'web-1',
      'k8s.pod.uid': uid,
      'k8s.rs.name': 'web-5d',
      'k8s.deployment.name': 'web',
      'k8s.sa.name': 'seller',
      'k8s.ns.labels': 'team:x',
      'k8s.pod.labels': 'app:web',
      'k8s.pod.sandbox_id': pod.id.slice(0, 12),
      'k8s.pod.ip': expect.stringMatching(/^10\.231\.77\.\d+$/),
    });
    expect(alert['container.ip']).toBe(alert['k8s.pod.ip']);
  });

  test('a pod of containerd on the host’s network', async () => {
    const other = '0a1b2c3d-1111-4222-8333-444455557777';
    const pod = await containerd.pod({ name: 'net-1', namespace: 'shop', uid: other, network: 'host' });
    await pod.run({ name: 'app', command: say('hostnet') });
    expect(await alertOf('hostnet')).toMatchObject({
      'k8s.pod.name': 'net-1',
      'container.host_network': true,
      'k8s.pod.ip': null,
    });
  });

  test('plain containerd, with a name of its own', async () => {
    await containerd.ctr(
      'run',
      '--rm',
      '--snapshotter',
      'native',
      `docker.io/library/${image}`,
      'lanner-plain',
      ...say('ctr'),
    );
    expect(await alertOf('ctr')).toMatchObject({
      'container.full_id': 'lanner-plain',
      'container.name': 'lanner-plain',
      'container.type': 'containerd',
      'container.image.repository': 'docker.io/library/lanner-busybox',
      'container.image.digest': await containerd.digestOf(`docker.io/library/${image}`),
      'container.privileged': false,
      'k8s.pod.name': null,
    });
  });

  test('podman, without any service of it', async () => {
    const saved = join(folder, 'image.tar');
    await docker('save', '-o', saved, image);
    const podman = (...args: readonly string[]) => run('podman', [...args], { timeout: 60_000 });
    await podman('load', '-i', saved);
    // Limits are those that this machine allows; crun refuses a hybrid tree of cgroups.
    const limits = ['--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=4096:4096'];
    const engine = ['--runtime', 'runc', '--cgroup-manager=cgroupfs'];
    const asked = ['--rm', '--name', 'lanner-podman', '--network', 'none', '-v', '/usr:/host:ro'];
    await podman(...engine, 'run', ...asked, ...limits, `localhost/${image}`, ...say('podman')).catch(
      async (error: unknown) => {
        // A tag of docker's is loaded under docker's registry.
        if (!String(error).includes('localhost')) throw error;
        await podman(...engine, 'run', ...asked, ...limits, `docker.io/library/${image}`, ...say('podman'));
      },
    );
    expect(await alertOf('podman')).toMatchObject({
      'container.name': 'lanner-podman',
      'container.type': 'podman',
      'container.image.tag': '1',
      'container.image.id': expect.stringMatching(/^[0-9a-f]{64}$/),
      'container.privileged': false,
      'container.mounts': '/usr:/host:ro:false:rprivate',
      'container.host_network': false,
    });
  });
});

test('a pod’s alert comes while its engine is silent, with what files tell', async () => {
  const late = '0a1b2c3d-1111-4222-8333-444455558888';
  const pod = await containerd.pod({ name: 'late-1', namespace: 'shop', uid: late });
  await pod.run({
    name: 'app',
    command: ['/bin/busybox', 'sh', '-c', 'sleep 1; busybox echo mark-early; sleep 4; exec busybox echo mark-late'],
  });
  expect(await alertOf('early')).toMatchObject({ 'k8s.pod.name': 'late-1' });
  containerd.signal('SIGSTOP');
  expect(await alertOf('late')).toMatchObject({ 'container.name': 'app', 'k8s.pod.name': 'late-1' });
  containerd.signal('SIGCONT');
});
