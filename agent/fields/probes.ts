import type { Probes } from '../state/containers/container.ts';
import { probesOfSpec } from '../state/containers/pod-labels.ts';
import type { Process } from '../state/process.ts';
import type { Reader, ReaderTable, Scene } from './scene.ts';

/** By the engine, and by the pod's specification where the API server told it. */
function probesOf({ container, around }: Scene): Probes | undefined {
  const details = container?.details;
  if (details === undefined) return undefined;
  const uid = details.pod?.uid ?? container?.podUid;
  const pod = uid === undefined ? undefined : around.orchestrators.pod(uid);
  if (pod === undefined) return details.probes;
  const name = details.labels.get('io.kubernetes.container.name') ?? details.name;
  return { ...probesOfSpec(pod.spec, name), health: details.probes.health };
}

/** The process by which the event's process came into the container, if it was put there from outside. */
function enteredBy({ process, around }: Scene): Process | undefined {
  if (process === undefined) return undefined;
  let current = process;
  for (const ancestor of around.processes.ancestors(process)) {
    if (ancestor.context.cgroup !== current.context.cgroup) return current.vpid === 1 ? undefined : current;
    current = ancestor;
  }
  return undefined;
}

/** The engine runs a probe as a process of its own in the container: that one and its children are the probe. */
const isProbe =
  (kind: keyof Probes): Reader =>
  (scene) => {
    if (scene.container === undefined) return false;
    const command = probesOf(scene)?.[kind];
    if (command === undefined) return scene.container.status === 'known' ? false : undefined;
    const entered = enteredBy(scene);
    return entered !== undefined && (entered.firstArgv ?? entered.program.argv).join(' ') === command;
  };

const command =
  (kind: keyof Probes): Reader =>
  (scene) =>
    probesOf(scene)?.[kind];

/** The commands by which an engine and kubelet look after a container, and the processes that are such a command. */
export const probeFields = {
  'container.healthcheck': { read: command('health') },
  'container.liveness_probe': { read: command('liveness') },
  'container.readiness_probe': { read: command('readiness') },
  'proc.is_container_healthcheck': { read: isProbe('health') },
  'proc.is_container_liveness_probe': { read: isProbe('liveness') },
  'proc.is_container_readiness_probe': { read: isProbe('readiness') },
} as const satisfies ReaderTable;
