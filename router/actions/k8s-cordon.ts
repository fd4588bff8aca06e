import * as z from 'zod';
import { CORDONED } from './k8s/guard.ts';
import { defineKubernetesAction, gone, objectName, told } from './k8s/kubernetes-action.ts';
import { cordon, findNodeToCordon } from './k8s/the-node.ts';

const params = z.strictObject({ node: objectName });

export const k8sCordon = defineKubernetesAction({
  name: 'k8s.cordon',
  doc: 'Lets no new pods come to a node; those on it go on. k8s.uncordon undoes it. Safe to repeat.',
  params,
  kind: 'destructive',
  undo: 'k8s.uncordon',
  target: ({ node }) => node,
  async act({ node: name }, acting) {
    const found = await findNodeToCordon(name, acting);
    if ('end' in found) return found.end;
    if (found.node.isCordoned)
      return told(acting, `do nothing: node ${name} is cordoned`, `node ${name} was cordoned already`);
    await cordon(found.node, acting);
    return told(acting, `cordon node ${name}`, `cordoned node ${name}`);
  },
});

export const k8sUncordon = defineKubernetesAction({
  name: 'k8s.uncordon',
  doc: 'Lets pods come to a node again that Lanner cordoned. Whoever cordoned another one uncordons it.',
  params,
  kind: 'harmless',
  target: ({ node }) => node,
  async act({ node: name }, acting) {
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
  },
});
