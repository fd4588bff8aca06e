import type { KubernetesPod, Owner } from '../state/orchestrators/kubernetes-pods.ts';
import { oneLabel, writeLabels } from './labels.ts';
import type { Reader, ReaderTable, Scene } from './scene.ts';

const SHORT_ID = 12;

/** kubelet's own entries among the labels that it hands to the engine: they are not the pod's. */
const kubelets = /^io\.kubernetes\./;

/** The pod as its container's engine or, where that is silent, the cgroup tells. */
const own =
  (
    read: (pod: NonNullable<NonNullable<Scene['container']>['details']>['pod'] & object) => ReturnType<Reader>,
  ): Reader =>
  ({ container }) =>
    container?.details?.pod === undefined ? undefined : read(container.details.pod);

const uidOf = ({ container }: Scene): string | undefined => container?.details?.pod?.uid ?? container?.podUid;

/** The pod as the API server tells; `undefined` while it has not, or without one. */
function podOf(scene: Scene): KubernetesPod | undefined {
  const uid = uidOf(scene);
  return uid === undefined ? undefined : scene.around.orchestrators.pod(uid);
}

const ofPod =
  (read: (pod: KubernetesPod, scene: Scene) => ReturnType<Reader>): Reader =>
  (scene) => {
    const pod = podOf(scene);
    return pod && read(pod, scene);
  };

const namespaceOf = (scene: Scene): string | undefined =>
  scene.container?.details?.pod?.namespace ?? podOf(scene)?.namespace;

/** The API server hears of a change of labels; the engine knows them as they were at the start. */
function labelsOf(scene: Scene): ReadonlyMap<string, string> | undefined {
  const known = podOf(scene)?.labels;
  if (known !== undefined) return known;
  const labels = scene.container?.details?.pod?.labels;
  return labels && new Map([...labels].filter(([key]) => !kubelets.test(key)));
}

/** The owner of that kind, however many steps up. */
function ownerOf(scene: Scene, kind: string): Owner | undefined {
  let owner = podOf(scene)?.owner;
  while (owner !== undefined && owner.kind !== kind) owner = owner.owner;
  return owner;
}

const owners = (kind: string) => ({
  name: { read: (scene: Scene) => ownerOf(scene, kind)?.name },
  id: { read: (scene: Scene) => ownerOf(scene, kind)?.uid },
  label: oneLabel((scene) => ownerOf(scene, kind)?.labels),
  labels: { read: (scene: Scene) => writeLabels(ownerOf(scene, kind)?.labels) },
});

const replicationController = owners('ReplicationController');
const replicaSet = owners('ReplicaSet');
const deployment = owners('Deployment');
const daemonSet = owners('DaemonSet');
const statefulSet = owners('StatefulSet');
const job = owners('Job');
const cronJob = owners('CronJob');

/** The namespace as an object; its name alone stands in the pod. */
const spaceOf = (scene: Scene) => {
  const name = namespaceOf(scene);
  return name === undefined ? undefined : scene.around.orchestrators.namespace(name);
};

/** Several services may select one pod: all are named. */
const services = (read: (service: { name: string; uid: string }) => string): Reader =>
  ofPod((pod, { around }) => around.orchestrators.services(pod).map(read).join(', ') || undefined);

const serviceLabels = (scene: Scene): ReadonlyMap<string, string> | undefined => {
  const pod = podOf(scene);
  if (pod === undefined) return undefined;
  const selecting = scene.around.orchestrators.services(pod);
  return selecting.length === 0 ? undefined : new Map(selecting.flatMap(({ labels }) => [...labels]));
};

/** The pod that the process runs in: what is at hand from its engine, and what only the API server knows. */
export const kubernetesFields = {
  'k8s.ns.name': { read: namespaceOf },
  'k8s.pod.name': { read: (scene) => scene.container?.details?.pod?.name ?? podOf(scene)?.name },
  'k8s.pod.uid': { read: uidOf },
  'k8s.pod.id': { read: uidOf },
  'k8s.pod.sandbox_id': { read: own(({ sandboxId }) => sandboxId?.slice(0, SHORT_ID)) },
  'k8s.pod.full_sandbox_id': { read: own(({ sandboxId }) => sandboxId) },
  'k8s.pod.label': oneLabel(labelsOf),
  'k8s.pod.labels': { read: (scene) => writeLabels(labelsOf(scene)) },
  'k8s.pod.ip': { read: (scene) => scene.container?.details?.pod?.ip ?? podOf(scene)?.ip },
  'k8s.pod.cni.json': { read: own(({ cniJson }) => cniJson) },
  'k8s.rc.name': replicationController.name,
  'k8s.rc.id': replicationController.id,
  'k8s.rc.label': replicationController.label,
  'k8s.rc.labels': replicationController.labels,
  'k8s.svc.name': { read: services(({ name }) => name) },
  'k8s.svc.id': { read: services(({ uid }) => uid) },
  'k8s.svc.label': oneLabel(serviceLabels),
  'k8s.svc.labels': { read: (scene) => writeLabels(serviceLabels(scene)) },
  'k8s.ns.id': { read: (scene) => spaceOf(scene)?.uid },
  'k8s.ns.label': oneLabel((scene) => spaceOf(scene)?.labels),
  'k8s.ns.labels': { read: (scene) => writeLabels(spaceOf(scene)?.labels) },
  'k8s.rs.name': replicaSet.name,
  'k8s.rs.id': replicaSet.id,
  'k8s.rs.label': replicaSet.label,
  'k8s.rs.labels': replicaSet.labels,
  'k8s.deployment.name': deployment.name,
  'k8s.deployment.id': deployment.id,
  'k8s.deployment.label': deployment.label,
  'k8s.deployment.labels': deployment.labels,
  'k8s.sa.name': { read: ofPod(({ serviceAccount }) => serviceAccount) },
  'k8s.daemonset.name': daemonSet.name,
  'k8s.daemonset.id': daemonSet.id,
  'k8s.statefulset.name': statefulSet.name,
  'k8s.statefulset.id': statefulSet.id,
  'k8s.job.name': job.name,
  'k8s.job.id': job.id,
  'k8s.cronjob.name': cronJob.name,
  'k8s.cronjob.id': cronJob.id,
} as const satisfies ReaderTable;
