import * as z from 'zod';
import type { Alert } from '#rules/alert';
import { cordonNode, uncordonNode } from './k8s/cordon.ts';
import { type Acting, defineKubernetesAction, objectName, refused } from './k8s/kubernetes-action.ts';

const params = z.strictObject({
  /** What the cluster calls the node; what Lanner calls that of the alert, if left out. */
  node: objectName.optional(),
});
type Params = z.output<typeof params>;

const target = ({ node }: Params): string => node ?? 'its-node';

/** The node that the alert came from, whichever orchestrator runs it. */
export const nodeCordon = defineKubernetesAction({
  name: 'node.cordon',
  doc: 'Lets nothing new come to the node of the alert, by its orchestrator; what runs there goes on. node.uncordon undoes it. Safe to repeat.',
  params,
  kind: 'destructive',
  undo: 'node.uncordon',
  target,
  act: (filled, acting) => onNode(filled, acting, cordonNode),
});

export const nodeUncordon = defineKubernetesAction({
  name: 'node.uncordon',
  doc: 'Lets work come again to the node of the alert, if Lanner cordoned it.',
  params,
  kind: 'harmless',
  target,
  act: (filled, acting) => onNode(filled, acting, uncordonNode),
});

async function onNode({ node }: Params, acting: Acting, act: typeof cordonNode) {
  const name = node ?? nodeOf(acting.alert);
  if (name === undefined) return refused('the alert was not raised by a Lanner agent, so there is no node to act on');
  if (node === undefined && isOfMesos(acting.alert))
    return refused(
      `node ${name} is run by Mesos, which takes no new tasks only by a schedule of maintenance, and ends those that run when it begins`,
    );
  return act(name, acting);
}

function nodeOf({ lanner }: Alert): string | undefined {
  const read = objectName.safeParse(lanner?.node);
  return read.success ? read.data : undefined;
}

function isOfMesos({ output_fields: fields }: Alert): boolean {
  return typeof fields['mesos.task.id'] === 'string' || typeof fields['marathon.app.id'] === 'string';
}
