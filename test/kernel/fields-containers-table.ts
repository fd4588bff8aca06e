import type { Expected } from './fields-table.ts';

/** What the test itself knows of the containers that it started. */
export type ContainerFacts = {
  /** As the engines print them: of the container `docker`, and of the sandbox of `pod`. */
  readonly id: string;
  readonly sandbox: string;
  readonly imageId: string;
  readonly digest: string;
  readonly podIp: string;
  /** Milliseconds since the epoch: between them the container `docker` was started. */
  readonly begunMs: number;
  readonly startedMs: number;
};

/**
 * Where a program runs that says `mark-PLACE`; a rule for each. `check`, `live` and `ready` are what engines run as probes,
 * `upper` is a program that was written in its container; `made` and `image` are files that are opened there.
 */
export const places = [
  'docker',
  'upper',
  'made',
  'image',
  'shared',
  'pulled',
  'check',
  'plain',
  'privileged',
  'pod',
  'live',
  'ready',
  'controller',
  'daemon',
  'stateful',
  'job',
] as const;
export type Place = (typeof places)[number];

const opens = { made: '/mark-made', image: '/bin/busybox' } as const;
export const conditionOf = (place: Place): string =>
  place === 'made' || place === 'image'
    ? `evt.type in (open, openat) and container.name = lanner-fields and fd.name = ${opens[place]}`
    : `evt.type = execve and proc.args = mark-${place}`;

export type ContainerRow = { readonly place: Place; readonly value: (facts: ContainerFacts) => Expected };

const at =
  (place: Place) =>
  (value: Expected | ((facts: ContainerFacts) => Expected)): ContainerRow => ({
    place,
    value: typeof value === 'function' ? value : () => value,
  });
const [docker, shared, plain, pod] = [at('docker'), at('shared'), at('plain'), at('pod')];
const [controller, daemon, stateful, job] = [at('controller'), at('daemon'), at('stateful'), at('job')];

const NS_PER_MS = 1e6;
/** The kernel keeps a process's begin finer than this machine's wall clock is compared with its boot. */
const SLACK_MS = 50;
/** What the network plugin answered, in which the address of the pod stands. */
const cni = ({ podIp }: ContainerFacts) => ({ parts: ['"interfaces"', podIp, '"sandbox"'] });

/** Rows of `container.*`, `k8s.*` and of the processes that are probes. */
export const containerRows: Readonly<Record<string, ContainerRow>> = {
  'container.id': docker(({ id }) => id.slice(0, 12)),
  'container.full_id': docker(({ id }) => id),
  'container.name': docker('lanner-fields'),
  'container.image': docker('lanner-busybox:1'),
  'container.image.id': docker(({ imageId }) => imageId),
  'container.image.repository': plain('docker.io/library/lanner-busybox'),
  'container.image.tag': docker('1'),
  'container.image.digest': at('pulled')(({ digest }) => digest),
  'container.type': docker('docker'),
  'container.privileged': at('privileged')(true),
  'container.mounts': docker('/usr:/host:ro:false:rprivate'),
  'container.mount[0]': docker('/usr:/host:ro:false:rprivate'),
  'container.mount[/usr]': docker('/usr:/host:ro:false:rprivate'),
  'container.mount.source[/host]': docker('/usr'),
  'container.mount.dest[/usr]': docker('/host'),
  'container.mount.mode[/usr]': docker('ro'),
  'container.mount.rdwr[/usr]': docker('false'),
  'container.mount.propagation[/usr]': docker('rprivate'),
  'container.start_ts': docker(({ begunMs, startedMs }) => ({
    near: ((begunMs + startedMs) / 2) * NS_PER_MS,
    by: ((startedMs - begunMs) / 2 + SLACK_MS) * NS_PER_MS,
  })),
  // Its first program is a shell that sleeps for a second before.
  'container.duration': docker({ near: 1.25e9, by: 0.3e9 }),
  'container.ip': pod(({ podIp }) => podIp),
  'container.cni.json': pod(cni),
  'container.host_pid': shared(true),
  'container.host_network': shared(true),
  'container.host_ipc': shared(true),
  'container.healthcheck': at('check')('/bin/sh -c /bin/echo mark-check'),
  'container.liveness_probe': pod('/bin/echo mark-live'),
  'container.readiness_probe': pod('/bin/echo mark-ready'),
  'proc.is_container_healthcheck': at('check')(true),
  'proc.is_container_liveness_probe': at('live')(true),
  'proc.is_container_readiness_probe': at('ready')(true),
  // What is otherwise in a container than on the host.
  'proc.vpid': at('pulled')(1),
  'thread.vtid': at('pulled')(1),
  'proc.pvpid': at('upper')(1),
  'proc.is_exe_lower_layer': docker(true),
  'evt.arg.flags': docker('EXE_WRITABLE|EXE_LOWER_LAYER'),
  'proc.is_exe_upper_layer': at('upper')(true),
  'fd.is_upper_layer': at('made')(true),
  'fd.is_lower_layer': at('image')(true),
  'fd.containername': at('made')(({ id }) => `${id.slice(0, 12)}:/mark-made`),
  'fd.containerdirectory': at('image')(({ id }) => `${id.slice(0, 12)}:/bin`),
  'k8s.ns.name': pod('shop'),
  'k8s.ns.id': pod('uid-shop'),
  'k8s.ns.label[team]': pod('x'),
  'k8s.ns.labels': pod('team:x'),
  'k8s.pod.name': pod('pod-1'),
  'k8s.pod.id': pod(podUid('pod')),
  'k8s.pod.uid': pod(podUid('pod')),
  'k8s.pod.sandbox_id': pod(({ sandbox }) => sandbox.slice(0, 12)),
  'k8s.pod.full_sandbox_id': pod(({ sandbox }) => sandbox),
  'k8s.pod.label[app]': pod('pod'),
  'k8s.pod.labels': pod('app:pod'),
  'k8s.pod.ip': pod(({ podIp }) => podIp),
  'k8s.pod.cni.json': pod(cni),
  'k8s.sa.name': pod('seller'),
  'k8s.svc.name': pod('front'),
  'k8s.svc.id': pod('uid-front'),
  'k8s.svc.label[of]': pod('service'),
  'k8s.svc.labels': pod('of:service'),
  'k8s.rs.name': pod('web-5d'),
  'k8s.rs.id': pod('uid-web-5d'),
  'k8s.rs.label[of]': pod('replicasets'),
  'k8s.rs.labels': pod('of:replicasets'),
  'k8s.deployment.name': pod('web'),
  'k8s.deployment.id': pod('uid-web'),
  'k8s.deployment.label[of]': pod('deployments'),
  'k8s.deployment.labels': pod('of:deployments'),
  'k8s.rc.name': controller('old'),
  'k8s.rc.id': controller('uid-old'),
  'k8s.rc.label[of]': controller('replicationcontrollers'),
  'k8s.rc.labels': controller('of:replicationcontrollers'),
  'k8s.daemonset.name': daemon('logs'),
  'k8s.daemonset.id': daemon('uid-logs'),
  'k8s.statefulset.name': stateful('db'),
  'k8s.statefulset.id': stateful('uid-db'),
  'k8s.job.name': job('nightly-1'),
  'k8s.job.id': job('uid-nightly-1'),
  'k8s.cronjob.name': job('nightly'),
  'k8s.cronjob.id': job('uid-nightly'),
};

/** As kubelet's: one for each pod of the test. */
export function podUid(place: Place): string {
  return `0a1b2c3d-1111-4222-8333-4444${String(places.indexOf(place)).padStart(8, '0')}`;
}
