import type { ActionResult } from '../../runs/action.ts';
import { CORDONED } from './guard.ts';
import { type Acting, gone, told } from './kubernetes-action.ts';
import { cordon, findNodeToCordon } from './the-node.ts';

/** No new pods come to the node of this name. */
export async function cordonNode(name: string, acting: Acting): Promise<ActionResult> {
  const found = await findNodeToCordon(name, acting);
  if ('end' in found) return found.end;
  if (found.node.isCordoned)
    return told(acting, `do nothing: node ${name} is cordoned`, `node ${name} was cordoned already`);
  await cordon(found.node, acting);
  return told(acting, `cordon node ${name}`, `cordoned node ${name}`);
}

/** They come again, if it was Lanner that kept them off. */
export async function uncordonNode(name: string, acting: Acting): Promise<ActionResult> {
  const node = await acting.cluster.node(name);
  if (node === undefined) return gone(`node ${name}`);
  if (node.annotations[CORDONED] === undefined)
    return told(
      acting,
      `do nothing: Lanner has not cordoned node ${name}`,
      `Lanner has not cordoned node ${name}: left as it is`,
    );
  await acting.cluster.patchNode(node, {
    version: node.version,
    isCordoned: false,
    annotations: { [CORDONED]: null },
  });
  return told(acting, `uncordon node ${name}`, `uncordoned node ${name}`);
}
