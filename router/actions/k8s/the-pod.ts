import * as z from 'zod';
import type { PodFacts } from '../../clients/kubernetes-facts.ts';
import type { ActionResult } from '../../runs/action.ts';
import { refusePod } from './guard.ts';
import { type Acting, gone, objectName, refused } from './kubernetes-action.ts';

/** The pod that is meant. */
export const podParams = {
  namespace: objectName,
  pod: objectName,
  /** Left out: the alert's own `k8s.pod.uid`, if it is the alert's pod. */
  uid: z.string().min(1).max(128).optional(),
};

export type PodParams = { readonly namespace: string; readonly pod: string; readonly uid?: string | undefined };

export const podTarget = ({ namespace, pod }: PodParams): string => `${namespace}:${pod}`;

/**
 * The pod itself and not another of its name, as stateful sets make them: by its uid, and where none is known, because it
 * is older than the alert. Else how the action ends.
 */
export async function findPod(
  { namespace, pod: name, uid }: PodParams,
  { cluster, alert }: Acting,
): Promise<{ readonly pod: PodFacts } | { readonly end: ActionResult }> {
  const pod = await cluster.pod(namespace, name);
  const own = alert.output_fields;
  const isOfAlert = own['k8s.pod.name'] === name && own['k8s.ns.name'] === namespace;
  const known = uid ?? (isOfAlert ? own['k8s.pod.uid'] : undefined);
  if (pod === undefined) return { end: gone(`pod ${namespace}/${name}`) };
  const isAnother = typeof known === 'string' ? pod.uid !== known : pod.createdMs > Date.parse(alert.time);
  return isAnother ? { end: { status: 'gone', detail: `another pod is called ${namespace}/${name} by now` } } : { pod };
}

/** The same, if it may be touched. */
export async function findPodToTouch(
  params: PodParams,
  acting: Acting,
): Promise<{ readonly pod: PodFacts } | { readonly end: ActionResult }> {
  const found = await findPod(params, acting);
  if ('end' in found) return found;
  const reason = refusePod(found.pod, acting.settings);
  return reason === undefined ? found : { end: refused(reason) };
}
