import * as z from 'zod';
import { defineKubernetesAction } from './k8s/kubernetes-action.ts';
import { isPodOrNode, mark, markKey, podOrNode, podOrNodeIssue, targetOf, unmark } from './k8s/mark.ts';

const value = z
  .string()
  .regex(/^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/, 'expected at most 63 letters, digits, -, _ and .');

const params = z
  .strictObject({
    ...podOrNode,
    /** `null` takes a label away. */
    labels: z
      .record(markKey, value.nullable())
      .refine(
        (labels) => Object.keys(labels).length > 0 && Object.keys(labels).length <= 64,
        'expected 1 to 64 labels',
      ),
  })
  .refine(isPodOrNode, podOrNodeIssue);

export const k8sLabel = defineKubernetesAction({
  name: 'k8s.label',
  doc: 'Sets labels of a pod (namespace and pod) or a node; null takes one away. k8s.unlabel undoes it. Safe to repeat.',
  params,
  kind: 'destructive',
  undo: 'k8s.unlabel',
  target: (on) => targetOf(on),
  act: ({ labels, ...on }, acting) => mark('labels', on, labels, acting),
});

export const k8sUnlabel = defineKubernetesAction({
  name: 'k8s.unlabel',
  doc: 'Gives the labels the values that they had before k8s.label, unless somebody has changed them since.',
  params,
  kind: 'harmless',
  target: (on) => targetOf(on),
  act: ({ labels, ...on }, acting) => unmark('labels', on, labels, acting),
});
