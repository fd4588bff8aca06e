import { matchesName } from '#rules/language/name-pattern';
import type { LabelPattern, Protection } from '../config/protection.ts';

/** A process as the guard rails judge it; text is byte strings. */
export type ProcessFacts = {
  readonly pid: number;
  readonly isKernelThread: boolean;
  /** At most 15 bytes; whoever runs chooses it. */
  readonly name: string;
  /** Path of its program; `undefined` when it has none. */
  readonly exe: string | undefined;
  /**
   * Its program is the host's own: it runs outside of every container, and only root may change its file. Otherwise a name
   * proves nothing: an intruder would call himself dockerd.
   */
  readonly isHostProgram: boolean;
  /** The script that it runs, if it runs as root and its program is Node. */
  readonly script: string | undefined;
};

/** A container as the guard rails judge it. */
export type ContainerFacts = {
  readonly id: string;
  readonly name: string | undefined;
  readonly image: string | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly pod: PodFacts | undefined;
  /** No engine and no file described it. */
  readonly isUnknown: boolean;
};

type PodFacts = { readonly namespace: string | undefined; readonly labels: ReadonlyMap<string, string> };

/** Who asks: the agent, all that it descends from, and the script that agent, router and `lanner up` run. */
export type Self = { readonly pids: ReadonlySet<number>; readonly script: string };

/** Programs without which containers or this product would end. */
const needed: ReadonlyMap<string, string> = new Map([
  ...[
    'dockerd',
    'docker-proxy',
    'docker-init',
    'containerd',
    'containerd-shim',
    'containerd-shim-runc-v1',
    'containerd-shim-runc-v2',
    'podman',
    'conmon',
    'crio',
    'kubelet',
    'k3s',
  ].map((name) => [name, 'a container engine'] as const),
  ['redis-server', 'a Redis server'],
  ['valkey-server', 'a Redis server'],
  ['redis-check-rdb', 'a Redis server'],
  ['valkey-check-rdb', 'a Redis server'],
]);

/** Their names. */
export const neededPrograms: readonly string[] = [...needed.keys()];

/** What Lanner's own images carry (kubernetes.io, "Recommended Labels"). */
const ownLabel: LabelPattern = { key: 'app.kubernetes.io/part-of', value: 'lanner' };
const SYSTEM_NAMESPACE = 'kube-system';

/** Why these processes, which an action would all touch, must be left alone; `undefined` when they need not. */
export function refuseProcesses(
  processes: readonly ProcessFacts[],
  self: Self,
  protection: Protection,
): string | undefined {
  for (const one of processes) {
    const reason = refuseProcess(one, self, protection);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function refuseProcess(
  { pid, isKernelThread, name, exe, isHostProgram, script }: ProcessFacts,
  self: Self,
  { processes }: Protection,
): string | undefined {
  if (pid === 1) return 'it is the first process of the host';
  if (isKernelThread) return `process ${pid} is a thread of the kernel`;
  if (self.pids.has(pid)) return 'it is the agent itself, or what the agent runs under';
  if (!isHostProgram) return undefined;
  if (script === self.script) return `process ${pid} is part of Lanner`;
  const what = needed.get(exe?.slice(exe.lastIndexOf('/') + 1) ?? '');
  if (what !== undefined) return `process ${pid} (${exe}) is ${what}`;
  const entry = processes.find((one) => fits(name, one.name) && fits(exe, one.exe));
  return entry && `process ${pid} is on the protected list (${entry.exe ?? entry.name})`;
}

/** Why this container must be left alone. What could be protected, but cannot be told, is. */
export function refuseContainer(facts: ContainerFacts, { containers, pods }: Protection): string | undefined {
  const { id, name, image, labels, pod, isUnknown } = facts;
  const short = id.slice(0, 12);
  if (hasLabel(labels, ownLabel) || (pod !== undefined && hasLabel(pod.labels, ownLabel))) {
    return `container ${short} is part of Lanner`;
  }
  if (pod?.namespace === SYSTEM_NAMESPACE) return `container ${short} belongs to a pod of ${SYSTEM_NAMESPACE}`;
  if (pod !== undefined && pod.namespace === undefined) {
    return `container ${short} belongs to a pod whose namespace is not known; those of ${SYSTEM_NAMESPACE} are protected`;
  }
  if (isUnknown && containers.length > 0) {
    return `nothing is known of container ${short} but its id, and a protected list names containers`;
  }
  const listed =
    containers.some(
      (one) =>
        fits(name, one.name) && fits(image, one.image) && (one.label === undefined || hasLabel(labels, one.label)),
    ) ||
    (pod !== undefined &&
      pods.some(
        (one) => fits(pod.namespace, one.namespace) && (one.label === undefined || hasLabel(pod.labels, one.label)),
      ));
  return listed ? `container ${short}${name === undefined ? '' : ` (${name})`} is on the protected list` : undefined;
}

/** A pattern that is not given fits everything. */
function fits(value: string | undefined, pattern: string | undefined): boolean {
  return pattern === undefined || (value !== undefined && matchesName(value, pattern));
}

function hasLabel(labels: ReadonlyMap<string, string>, { key, value }: LabelPattern): boolean {
  const found = labels.get(key);
  return found !== undefined && matchesName(found, value);
}
