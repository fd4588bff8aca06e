import type { Pod, Probes } from './container.ts';
import { isJson, listOf, parseJson, partOf, textsOf } from './json.ts';

/** kubelet's labels, which every engine below it keeps (pkg/kubelet/types/labels.go). */
export function podOfLabels(labels: ReadonlyMap<string, string>): Pod | undefined {
  const uid = labels.get('io.kubernetes.pod.uid');
  const name = labels.get('io.kubernetes.pod.name');
  if (uid === undefined && name === undefined) return undefined;
  return {
    name,
    uid,
    namespace: labels.get('io.kubernetes.pod.namespace'),
    sandboxId: labels.get('io.kubernetes.sandbox.id'),
    labels: undefined,
    ip: undefined,
    cniJson: undefined,
  };
}

const applied = 'kubectl.kubernetes.io/last-applied-configuration';

/** The probes of a container in the manifest that kubectl applied, which it keeps among the pod's annotations. */
export function probesOfAnnotations(annotations: ReadonlyMap<string, string>, container: string | undefined): Probes {
  const manifest = parseJson(annotations.get(applied) ?? annotations.get(`annotation.${applied}`) ?? '');
  return probesOfSpec(partOf(manifest, 'spec'), container);
}

/** The probes of a container in a pod's specification. Only commands run inside the container. */
export function probesOfSpec(spec: unknown, container: string | undefined): Probes {
  const found = listOf(partOf(spec)['containers']).find(({ name }) => name === container);
  const command = (kind: string) => textsOf(partOf(found, kind, 'exec')['command'])?.join(' ');
  return {
    health: undefined,
    liveness: isJson(found) ? command('livenessProbe') : undefined,
    readiness: isJson(found) ? command('readinessProbe') : undefined,
  };
}
