import { createHash } from 'node:crypto';
import * as z from 'zod';
import { cut } from '../clients/visible.ts';
import { defineKubernetesAction, gone, told } from './k8s/kubernetes-action.ts';
import { find, isPodOrNode, nameOf, podOrNode, podOrNodeIssue, targetOf } from './k8s/mark.ts';

/** What the API takes of a message. */
const MOST_MESSAGE = 1_024;
/** Nodes have no namespace; their events lie in this one. */
const NODE_EVENTS = 'default';

export const k8sEvent = defineKubernetesAction({
  name: 'k8s.event',
  doc: 'Records an event of a pod (namespace and pod) or a node, as kubectl describe shows it; the message is the alert if left out. Safe to repeat.',
  params: z
    .strictObject({
      ...podOrNode,
      reason: z
        .string()
        .regex(/^[A-Z][A-Za-z0-9]{0,127}$/, 'expected a word such as ShellInContainer')
        .default('LannerAlert'),
      message: z.string().min(1).max(65_536).optional(),
      type: z.enum(['Normal', 'Warning']).default('Warning'),
    })
    .refine(isPodOrNode, podOrNodeIssue),
  kind: 'harmless',
  target: (on) => targetOf(on),
  async act({ reason, message, type, ...on }, acting) {
    const found = await find(on, acting);
    if (found === undefined) return gone(nameOf(on));
    const { alert, cluster, idempotencyKey } = acting;
    const { name, uid } = found.object;
    const namespace = found.kind === 'pod' ? found.object.namespace : NODE_EVENTS;
    const now = new Date();
    // The same for every attempt: a repeat is there already.
    const id = createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 16);
    await cluster.createEvent(namespace, {
      metadata: { name: `lanner.${id}`, namespace },
      involvedObject:
        found.kind === 'pod'
          ? { apiVersion: 'v1', kind: 'Pod', namespace, name, uid }
          : { apiVersion: 'v1', kind: 'Node', name, uid },
      reason,
      message: cut(message ?? `${alert.rule}: ${alert.output}`, MOST_MESSAGE),
      type,
      source: { component: 'lanner' },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    });
    return told(acting, `record ${reason} of ${nameOf(on)}`, `recorded ${reason} of ${nameOf(on)}`);
  },
});
