import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { type Containerd, startContainerd } from '../support/containerd.ts';
import { docker, remove } from '../support/docker.ts';
import { type Podman, startPodman } from '../support/podman.ts';
import { type Registry, startRegistry } from '../support/registry.ts';

const run = promisify(execFile);
const engines = ['docker', 'podman', 'pod', 'ctr'] as const;
type Engine = (typeof engines)[number];

/** What the test itself knows. */
type Facts = {
  readonly registry: Registry;
  readonly ids: Readonly<Record<Engine, string>>;
  readonly podIp: string;
  /** podman keeps the first digest under which it met an image, here that of the archive which it was loaded from. */
  readonly podmanDigest: string;
};
/** A value, or a matcher of the test's. */
type Value = unknown;
type Row = Readonly<Record<Engine, (facts: Facts) => Value>>;

const all = (value: (facts: Facts, engine: Engine) => Value): Row => ({
  docker: (facts) => value(facts, 'docker'),
  podman: (facts) => value(facts, 'podman'),
  pod: (facts) => value(facts, 'pod'),
  ctr: (facts) => value(facts, 'ctr'),
});
const always = (value: Value): Row => all(() => value);
/** `null`: the engine does not know it, and the field is missing there, as the field table says. */
const each = (docker: Value, podman: Value, pod: Value, ctr: Value): Row => ({
  docker: () => docker,
  podman: () => podman,
  pod: () => pod,
  ctr: () => ctr,
});

const hex = (digits: number) => expect.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const mount = (mode: string, propagation: string) => `/usr:/host:${mode}:false:${propagation}`;
/** podman's service tells of no mode, Docker's of the one on its command line. */
const mounts = each(mount('ro', 'rprivate'), mount('', 'rprivate'), mount('ro', 'rprivate'), mount('ro', ''));
const health = each('/bin/sh -c true', '/bin/sh -c true', null, null);

/** Every field of containers, of the first program that each engine's container runs. */
const table: Readonly<Record<string, Row>> = {
  'container.id': all(({ ids }, engine) => (engine === 'ctr' ? ids.ctr : ids[engine].slice(0, 12))),
  'container.full_id': all(({ ids }, engine) => ids[engine]),
  'container.name': each('lanner-table', 'lanner-table', 'app', 'lanner-table'),
  'container.type': each('docker', 'podman', 'containerd', 'containerd'),
  'container.image': all(({ registry }) => registry.reference),
  'container.image.id': each(hex(64), hex(64), hex(64), null),
  'container.image.repository': all(({ registry }) => registry.reference.replace(/:1$/, '')),
  'container.image.tag': always('1'),
  'container.image.digest': all(({ registry, podmanDigest }, engine) =>
    engine === 'podman' ? podmanDigest : registry.digest,
  ),
  'container.privileged': always(false),
  'container.mounts': mounts,
  'container.mount[0]': mounts,
  'container.mount.source[/host]': always('/usr'),
  'container.mount.dest[/usr]': always('/host'),
  'container.mount.mode[/usr]': each('ro', '', 'ro', 'ro'),
  'container.mount.rdwr[/usr]': always('false'),
  'container.mount.propagation[/usr]': each('rprivate', 'rprivate', 'rprivate', ''),
  'container.healthcheck': health,
  'container.liveness_probe': each(null, null, 'cat /alive', null),
  'container.readiness_probe': each(null, null, 'cat /ready', null),
  'container.start_ts': always(expect.any(Number)),
  'container.duration': always(expect.any(Number)),
  'container.ip': all(({ podIp }, engine) => (engine === 'pod' ? podIp : `10.231.79.${engines.indexOf(engine) + 1}`)),
  'container.cni.json': each(null, null, expect.stringContaining('"Interfaces"'), null),
  'container.host_pid': always(false),
  'container.host_network': always(false),
  'container.host_ipc': always(false),
  'proc.is_container_healthcheck': always(false),
  'proc.is_container_liveness_probe': always(false),
  'proc.is_container_readiness_probe': always(false),
};

const rules = `- rule: marked
  desc: a program that the test started in a container
  condition: evt.type = execve and proc.args startswith "echo mark-"
  output: "%proc.args ${Object.keys(table)
    .map((field) => `%${field}`)
    .join(' ')}"
  priority: INFO
- rule: probe
  desc: a health check of podman's
  condition: evt.type = execve and proc.is_container_healthcheck = true and container.type = podman
  output: "%container.name %proc.args"
  priority: INFO
`;

const folder = mkdtempSync(join(tmpdir(), 'lanner-table-'));
const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
let agent: Agent;
let podman: Podman;
let facts: Facts;

/** Nobody gives these an address but their own first program, so that the network itself must be asked. */
const linesOf = (engine: Engine) => {
  const address = `/bin/busybox ip addr add 10.231.79.${engines.indexOf(engine) + 1}/24 dev lo`;
  return `${engine === 'pod' ? ':' : address}; /bin/busybox echo mark-${engine}; exec /bin/busybox sleep 60`;
};
const shell = (engine: Engine) => ['/bin/busybox', 'sh', '-c', linesOf(engine)] as const;

async function onDocker(reference: string): Promise<string> {
  const asked = ['--name', 'lanner-table', '--network', 'none', '--cap-add', 'NET_ADMIN', '-v', '/usr:/host:ro'];
  const id = await docker('run', '-d', ...asked, '--health-cmd', 'true', reference, ...shell('docker'));
  closers.push(() => docker('rmi', reference));
  closers.push(() => remove(id));
  return id;
}

async function onPodman(reference: string): Promise<string> {
  await podman.podman('pull', '-q', '--tls-verify=false', reference);
  closers.push(() => podman.podman('rmi', '-f', reference));
  const asked = ['--name', 'lanner-table', '--cap-add', 'NET_ADMIN', '-v', '/usr:/host:ro', '--health-cmd', 'true'];
  return podman.runWith(...asked, '--health-interval', 'disable', reference, ...shell('podman'));
}

async function onContainerd({ ctr, pod, addressOf, socket }: Containerd, { reference, digest }: Registry) {
  for (const namespace of ['k8s.io', 'default'])
    await ctr('-n', namespace, 'images', 'pull', '--plain-http', '--snapshotter', 'native', reference);
  // As a pull by CRI leaves it, besides the name with the tag.
  await ctr('-n', 'k8s.io', 'images', 'tag', reference, `${reference.replace(/:1$/, '')}@${digest}`);
  const probe = (path: string) => ({ exec: { command: ['cat', path] } });
  const container = { name: 'app', livenessProbe: probe('/alive'), readinessProbe: probe('/ready') };
  const made = await pod({
    name: 'table-1',
    namespace: 'shop',
    uid: '0a1b2c3d-1111-4222-8333-4444555566bb',
    annotations: {
      'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ spec: { containers: [container] } }),
    },
  });
  const mounted = [{ source: '/usr', destination: '/host' }];
  // As kubelet asks for it, by the id that the pull gave.
  const image = await docker('inspect', '--format', '{{.Id}}', reference);
  const id = await made.run({ name: 'app', image, command: shell('pod'), mounts: mounted });
  const asked = ['--mount', 'type=bind,src=/usr,dst=/host,options=rbind:ro', '--cap-add', 'CAP_NET_ADMIN'];
  const words = ['run', '-d', '--snapshotter', 'native', ...asked, reference, 'lanner-table', ...shell('ctr')];
  await run('ctr', ['-a', socket, ...words], { timeout: 60_000 });
  closers.push(() => ctr('tasks', 'rm', '-f', 'lanner-table'));
  return { id, podIp: addressOf(made.id) };
}

beforeAll(async () => {
  const containerd = await startContainerd();
  closers.push(() => containerd.close());
  podman = await startPodman();
  closers.push(() => podman.close());
  const registry = await startRegistry();
  closers.push(() => registry.close());
  agent = await startAgent(rules, [
    '--engine',
    `containerd=${containerd.socket}`,
    '--engine',
    `podman=${podman.socket}`,
  ]);
  closers.push(() => agent.close());
  const { reference } = registry;
  const ids = { docker: await onDocker(reference), podman: await onPodman(reference), ctr: 'lanner-table' };
  const { id, podIp } = await onContainerd(containerd, registry);
  const podmanDigest = await podman.podman('image', 'inspect', '--format', '{{.Digest}}', reference);
  facts = { registry, podIp, podmanDigest, ids: { ...ids, pod: id } };
}, 120_000);

afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

describe.for(engines)('of a container that %s made', (engine) => {
  it.for(Object.entries(table))('%s', async ([field, row]) => {
    const isIt = (alert: Awaited<ReturnType<Agent['alert']>>) =>
      alert.output_fields['proc.args'] === `echo mark-${engine}`;
    const { output_fields: fields } = await agent.alert(engine, isIt);
    expect(fields[field]).toEqual(row[engine](facts));
  });
});

it('a health check that podman runs is known as one', async () => {
  await podman.podman('healthcheck', 'run', 'lanner-table');
  const { output_fields: fields } = await agent.alert('probe', ({ rule }) => rule === 'probe');
  expect(fields).toMatchObject({ 'container.name': 'lanner-table' });
});
