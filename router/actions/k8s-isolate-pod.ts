import * as z from 'zod';
import type { PodFacts } from '../clients/kubernetes-facts.ts';
import { ISOLATED, LABELS_BEFORE, openPolicies, policyFor, policyName } from './k8s/isolation.ts';
import { defineKubernetesAction, refused, told } from './k8s/kubernetes-action.ts';
import { noteChange, undoChange } from './k8s/noted.ts';
import { findPod, findPodToTouch, podParams, podTarget } from './k8s/the-pod.ts';

/** An IPv4 or IPv6 address, or a network. */
const network = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: 'expected an address or a network such as 10.0.0.0/8',
});

/** `k8s.restore_pod` takes the same, so that a step's undo has its parameters; only the pod counts there. */
const params = z.strictObject({
  ...podParams,
  allow: z.array(network).max(64).default([]),
  /** Takes all labels away, so that no other policy, no service and no controller selects it any more. */
  detach: z.boolean().default(false),
});

export const k8sIsolatePod = defineKubernetesAction({
  name: 'k8s.isolate_pod',
  doc: 'Denies a pod all traffic but that with the networks in allow, by a NetworkPolicy of its own (the cluster network must know those). Fails if another policy lets traffic of the pod through, unless detach: true takes its labels away. k8s.restore_pod undoes it. Safe to repeat.',
  params,
  kind: 'destructive',
  undo: 'k8s.restore_pod',
  outputs: { policy: 'The name of the NetworkPolicy.' },
  target: (filled) => podTarget(filled),
  async act(filled, acting) {
    const found = await findPodToTouch(filled, acting);
    if ('end' in found) return found.end;
    const { pod } = found;
    const name = `pod ${pod.namespace}/${pod.name}`;
    if (pod.isOnHostNetwork) return refused(`${name} is on its node's own network, which no NetworkPolicy is for`);
    const wanted = { ...(filled.detach ? without(pod) : {}), [ISOLATED]: pod.uid };
    const { change, note } = noteChange(pod.labels, wanted, pod.annotations[LABELS_BEFORE]);
    const open = filled.detach ? [] : await openPolicies(pod, acting.cluster);
    if (open.length > 0) {
      const which = open.slice(0, 8).join(', ');
      const reason = `NetworkPolicy ${which} lets traffic of ${name} through, and policies add up; detach: true takes the pod out of it`;
      return { status: 'failed', retry: false, reason };
    }
    // First the policy: with the label it is in force.
    await acting.cluster.putPolicy(pod.namespace, policyName(pod), policyFor(pod, filled.allow));
    if (Object.keys(change).length > 0)
      await acting.cluster.patchPod(pod, {
        version: pod.version,
        labels: change,
        annotations: { [LABELS_BEFORE]: note },
      });
    const but = filled.allow.length === 0 ? '' : ` from all but ${filled.allow.join(', ')}`;
    const outputs = { policy: policyName(pod) };
    return told(acting, `isolate ${name}${but}`, `isolated ${name}${but}`, outputs);
  },
});

export const k8sRestorePod = defineKubernetesAction({
  name: 'k8s.restore_pod',
  doc: 'Takes away what k8s.isolate_pod made, and gives the pod its labels back, unless somebody has changed them since.',
  params,
  kind: 'harmless',
  target: (filled) => podTarget(filled),
  async act(filled, acting) {
    const found = await findPod(filled, acting);
    if ('end' in found) return found.end;
    const { pod } = found;
    const { change } = undoChange(pod.labels, 'all', pod.annotations[LABELS_BEFORE]);
    const isLabelled = pod.labels[ISOLATED] !== undefined || pod.annotations[LABELS_BEFORE] !== undefined;
    if (isLabelled)
      await acting.cluster.patchPod(pod, {
        version: pod.version,
        labels: { ...change, [ISOLATED]: null },
        annotations: { [LABELS_BEFORE]: null },
      });
    const policy = await acting.cluster.deletePolicy(pod.namespace, policyName(pod));
    const name = `pod ${pod.namespace}/${pod.name}`;
    if (!isLabelled && policy === 'not there')
      return told(acting, `do nothing: ${name} is not isolated`, `${name} was not isolated`);
    return told(acting, `restore the network of ${name}`, `restored the network of ${name}`);
  },
});

function without({ labels }: PodFacts): Readonly<Record<string, null>> {
  return Object.fromEntries(Object.keys(labels).map((key) => [key, null]));
}
