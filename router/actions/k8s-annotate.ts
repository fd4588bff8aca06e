import * as z from 'zod';
import { defineKubernetesAction } from './k8s/kubernetes-action.ts';
import { isPodOrNode, mark, markKey, podOrNode, podOrNodeIssue, targetOf, unmark } from './k8s/mark.ts';

const params = z
  .strictObject({
    ...podOrNode,
    /** `null` takes an annotation away. */
    annotations: z
      .record(markKey, z.string().max(65_536).nullable())
      .refine((keys) => Object.keys(keys).length > 0 && Object.keys(keys).length <= 64, 'expected 1 to 64 annotations'),
  })
  .refine(isPodOrNode, podOrNodeIssue);

export const k8sAnnotate = defineKubernetesAction({
  name: 'k8s.annotate',
  doc: 'Sets annotations of a pod (namespace and pod) or a node; null takes one away. k8s.unannotate undoes it. Safe to repeat.',
  params,
  kind: 'destructive',
  undo: 'k8s.unannotate',
  target: (on) => targetOf(on),
  act: ({ annotations, ...on }, acting) => mark('annotations', on, annotations, acting),
});

export const k8sUnannotate = defineKubernetesAction({
  name: 'k8s.unannotate',
  doc: 'Gives the annotations the values that they had before k8s.annotate, unless somebody has changed them since.',
  params,
  kind: 'harmless',
  target: (on) => targetOf(on),
  act: ({ annotations, ...on }, acting) => unmark('annotations', on, annotations, acting),
});
