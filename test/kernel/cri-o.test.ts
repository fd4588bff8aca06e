import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { type CriO, mapFields, startCriO } from '../support/cri-o.ts';

const run = promisify(execFile);

const fields = [
  'proc.args proc.vpid container.id container.name container.type container.image container.image.repository',
  'container.image.tag container.image.digest container.image.id container.privileged container.mounts container.ip',
  'container.host_network container.host_pid container.liveness_probe container.cni.json container.start_ts',
  'k8s.pod.name k8s.ns.name k8s.pod.uid k8s.pod.sandbox_id k8s.pod.labels k8s.pod.ip',
]
  .join(' ')
  .split(' ');
const rules = `- rule: marked
  desc: a program that the test started in a container
  condition: evt.type=execve and proc.args startswith "sh -c true mark-"
  output: "%${fields.join(' %')}"
  priority: INFO
`;

const folder = mkdtempSync(join(tmpdir(), 'lanner-crio-'));
/** Where CRI-O and podman keep their containers. */
const storage = '/var/lib/containers/storage/overlay-containers';
const uid = '0a1b2c3d-1111-4222-8333-4444555566aa';
const [asked, noted, sandbox, imageId] = ['a1', 'b2', 'c3', 'd4'].map((each) => each.repeat(32)) as [
  string,
  string,
  string,
  string,
];
const digest = `sha256:${'e5'.repeat(32)}`;
const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
let engine: CriO;
let agent: Agent;

/** The annotations that CRI-O gives a container's specification (internal/factory/container). */
const annotations = (id: string) => ({
  'io.container.manager': 'cri-o',
  'io.kubernetes.container.name': 'app',
  'io.kubernetes.cri-o.ContainerID': id,
  'io.kubernetes.cri-o.ContainerType': 'container',
  'io.kubernetes.cri-o.IP.0': '10.85.0.7',
  'io.kubernetes.cri-o.Image': 'registry.example/team/app:1.2',
  'io.kubernetes.cri-o.ImageName': 'registry.example/team/app:1.2',
  'io.kubernetes.cri-o.ImageRef': imageId,
  'io.kubernetes.cri-o.Metadata': '{"name":"app"}',
  'io.kubernetes.cri-o.SandboxID': sandbox,
  'io.kubernetes.pod.name': 'web-1',
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.pod.uid': uid,
});

function specOf(id: string, mark: string) {
  const none = { bounding: [], effective: [], permitted: [] };
  return {
    ociVersion: '1.0.2-dev',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/bin/busybox', 'sh', '-c', 'true', `mark-${mark}`],
      env: ['PATH=/bin'],
      cwd: '/',
      capabilities: none,
    },
    root: { path: join(folder, 'tree') },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/host', type: 'bind', source: '/usr', options: ['ro', 'rbind', 'rprivate'] },
    ],
    annotations: annotations(id),
    linux: {
      // As with `cgroup_manager = "cgroupfs"`; with systemd it is a scope of the same name.
      cgroupsPath: `/kubepods/besteffort/pod${uid}/crio-${id}`,
      namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })),
      maskedPaths: ['/proc/kcore'],
    },
  };
}

const status = {
  status: [
    [1, asked],
    [2, [[1, 'app']]],
    [3, 1],
    [4, 1_795_439_190_000_000_000],
    [5, 1_795_439_191_000_000_000],
    [8, [[1, 'registry.example/team/app:1.2']]],
    [9, `registry.example/team/app@${digest}`],
    ...mapFields(12, { 'io.kubernetes.container.name': 'app', 'io.kubernetes.pod.uid': uid }),
    ...mapFields(13, { 'io.kubernetes.container.restartCount': '0' }),
    [
      14,
      [
        [1, '/host'],
        [2, '/usr'],
        [3, 1],
      ],
    ],
    [15, '/var/log/pods/app/0.log'],
  ],
  info: { sandboxID: sandbox, pid: 4711, runtimeSpec: specOf(asked, 'asked'), privileged: false },
} as const;

const cni = '{"cniVersion":"1.0.0","ips":[{"address":"10.85.0.7/16"}]}';
const command = ['cat', '/alive'];
const manifest = { spec: { containers: [{ name: 'app', livenessProbe: { exec: { command } } }] } };
const pod = {
  status: [
    [1, sandbox],
    [
      2,
      [
        [1, 'web-1'],
        [2, uid],
        [3, 'shop'],
      ],
    ],
    [5, [[1, '10.85.0.7']]],
    [6, [[1, [[2, [[2, 1]]]]]]],
    ...mapFields(7, { app: 'web' }),
    ...mapFields(8, { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(manifest) }),
  ],
  info: {
    image: 'registry.k8s.io/pause:3.9',
    pid: 4710,
    runtimeSpec: { ociVersion: '1.0.2-dev', annotations: { 'io.kubernetes.cri-o.CNIResult': cni } },
  },
} as const;

beforeAll(async () => {
  for (const name of ['bin', 'proc', 'host']) mkdirSync(join(folder, 'tree', name), { recursive: true });
  copyFileSync('/bin/busybox', join(folder, 'tree/bin/busybox'));
  engine = await startCriO({ ContainerStatus: { [asked]: status }, PodSandboxStatus: { [sandbox]: pod } });
  closers.push(() => engine.close());
  agent = await startAgent(rules);
  closers.push(() => agent.close());
}, 60_000);

afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

/** Has runc start it as CRI-O would; afterwards nothing of its groups is left. */
async function start(bundle: string, id: string, mark: string) {
  mkdirSync(bundle, { recursive: true });
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(specOf(id, mark)));
  try {
    await run('runc', ['run', '--bundle', bundle, id], { timeout: 30_000 });
  } finally {
    for (const hierarchy of readdirSync('/sys/fs/cgroup')) removeEmpty(hierarchy);
  }
  const isIt = (alert: { output_fields: Record<string, unknown> }) =>
    alert.output_fields['proc.args'] === `sh -c true mark-${mark}`;
  return (await agent.alert(mark, isIt)).output_fields;
}

function removeEmpty(hierarchy: string): void {
  const root = join('/sys/fs/cgroup', hierarchy);
  for (let at = join(root, 'kubepods/besteffort', `pod${uid}`); at !== root; at = dirname(at)) {
    try {
      rmdirSync(at);
    } catch {
      return; // Not in this hierarchy, or somebody else's pods are in it.
    }
  }
}

test('a container of CRI-O is known by what CRI-O answers', async () => {
  const found = await start(join(folder, 'bundle'), asked, 'asked');
  expect(engine.complaints).toEqual([]);
  expect(found).toMatchObject({
    'proc.vpid': 1,
    'container.id': asked.slice(0, 12),
    'container.name': 'app',
    'container.type': 'cri-o',
    'container.image': 'registry.example/team/app:1.2',
    'container.image.repository': 'registry.example/team/app',
    'container.image.tag': '1.2',
    'container.image.digest': digest,
    'container.image.id': imageId,
    'container.privileged': false,
    'container.mounts': '/usr:/host:ro:false:rprivate',
    'container.ip': '10.85.0.7',
    'container.host_network': false,
    'container.host_pid': false,
    'container.liveness_probe': 'cat /alive',
    'container.cni.json': cni,
    'k8s.pod.name': 'web-1',
    'k8s.ns.name': 'shop',
    'k8s.pod.uid': uid,
    'k8s.pod.sandbox_id': sandbox.slice(0, 12),
    'k8s.pod.labels': 'app:web',
    'k8s.pod.ip': '10.85.0.7',
  });
});

test('one that CRI-O does not tell of yet is known by the files that it wrote before', async () => {
  const container = join(storage, noted);
  try {
    expect(await start(join(container, 'userdata'), noted, 'noted')).toMatchObject({
      'container.name': 'app',
      'container.type': 'cri-o',
      'container.image': 'registry.example/team/app:1.2',
      'container.mounts': '/usr:/host:ro:false:rprivate',
      'k8s.pod.name': 'web-1',
      'k8s.ns.name': 'shop',
      'k8s.pod.ip': '10.85.0.7',
    });
  } finally {
    rmSync(container, { recursive: true });
  }
});
