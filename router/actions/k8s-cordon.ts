import * as z from 'zod';
import { cordonNode, uncordonNode } from './k8s/cordon.ts';
import { defineKubernetesAction, objectName } from './k8s/kubernetes-action.ts';

const params = z.strictObject({ node: objectName });

export const k8sCordon = defineKubernetesAction({
  name: 'k8s.cordon',
  doc: 'Lets no new pods come to a node; those on it go on. k8s.uncordon undoes it. Safe to repeat.',
  params,
  kind: 'destructive',
  undo: 'k8s.uncordon',
  target: ({ node }) => node,
  act: ({ node }, acting) => cordonNode(node, acting),
});

export const k8sUncordon = defineKubernetesAction({
  name: 'k8s.uncordon',
  doc: 'Lets pods come to a node again that Lanner cordoned. Whoever cordoned another one uncordons it.',
  params,
  kind: 'harmless',
  target: ({ node }) => node,
  act: ({ node }, acting) => uncordonNode(node, acting),
});
