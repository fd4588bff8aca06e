import type { NodeFacts } from '../../clients/kubernetes-facts.ts';
import type { ActionResult } from '../../runs/action.ts';
import { CORDONED, refuseCordon, refuseNode } from './guard.ts';
import { type Acting, gone, refused } from './kubernetes-action.ts';

/** The node, if it may be taken out of service; else how the action ends. */
export async function findNodeToCordon(
  name: string,
  { cluster, settings }: Acting,
): Promise<{ readonly node: NodeFacts } | { readonly end: ActionResult }> {
  const nodes = await cluster.nodes();
  const node = nodes.find((one) => one.name === name);
  if (node === undefined) return { end: gone(`node ${name}`) };
  const reason = refuseNode(node, settings) ?? (node.isCordoned ? undefined : refuseCordon(node, nodes, settings));
  return reason === undefined ? { node } : { end: refused(reason) };
}

/** No new pods come to it. A node that somebody else has cordoned stays theirs to uncordon. */
export async function cordon(node: NodeFacts, { cluster, playbook }: Acting): Promise<void> {
  if (node.isCordoned) return;
  await cluster.patchNode(node, { version: node.version, isCordoned: true, annotations: { [CORDONED]: playbook } });
}
