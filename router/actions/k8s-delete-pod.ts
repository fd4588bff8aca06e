import * as z from 'zod';
import { defineKubernetesAction, refused, told } from './k8s/kubernetes-action.ts';
import { findPodToTouch, podParams, podTarget } from './k8s/the-pod.ts';

export const k8sDeletePod = defineKubernetesAction({
  name: 'k8s.delete_pod',
  doc: 'Deletes a pod, and never another that has its name by now. What owns it makes a new one. Safe to repeat.',
  params: z.strictObject({
    ...podParams,
    /** What it gets to end by itself; its own time if left out. */
    grace_s: z.int().min(0).max(3_600).optional(),
  }),
  kind: 'destructive',
  target: (filled) => podTarget(filled),
  async act(params, acting) {
    const found = await findPodToTouch(params, acting);
    if ('end' in found) return found.end;
    const { pod } = found;
    const name = `pod ${pod.namespace}/${pod.name}`;
    if (pod.isStatic) return refused(`${name} is a static one: its kubelet would go on running it`);
    if (pod.isEnding) return told(acting, `do nothing: ${name} is ending`, `${name} is ending already`);
    await acting.cluster.deletePod(pod, params.grace_s);
    const heir =
      pod.owner === undefined ? 'nothing makes a new one' : `${pod.owner.kind} ${pod.owner.name} makes a new one`;
    return told(acting, `delete ${name}; ${heir}`, `deleted ${name}; ${heir}`);
  },
});
