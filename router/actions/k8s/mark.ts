import * as z from 'zod';
import type { NodeFacts, PodFacts } from '../../clients/kubernetes-facts.ts';
import type { ActionResult } from '../../runs/action.ts';
import { refuseNode, refusePod } from './guard.ts';
import { type Acting, gone, objectName, refused, told } from './kubernetes-action.ts';
import { type Change, noteChange, undoChange } from './noted.ts';

/** Labels' and annotations' keys: a name, and maybe the domain of whoever gives it its meaning. */
export const markKey = z
  .string()
  .regex(
    /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/,
    'expected the key of a label: letters, digits, -, _ and ., maybe behind a domain and /',
  )
  .refine((name) => !name.startsWith('lanner/'), 'keys of lanner/ are its own')
  .refine(
    (name) => !/^([^/]*\.)?(kubernetes|k8s)\.io\//.test(name),
    "keys of kubernetes.io and k8s.io are the cluster's own",
  );

/** A pod by its name and namespace, or a node. */
export const podOrNode = {
  namespace: objectName.optional(),
  pod: objectName.optional(),
  node: objectName.optional(),
};
type PodOrNode = { readonly [K in keyof typeof podOrNode]?: string | undefined };

export function isPodOrNode({ namespace, pod, node }: PodOrNode): boolean {
  return node === undefined ? namespace !== undefined && pod !== undefined : (namespace ?? pod) === undefined;
}
export const podOrNodeIssue = { path: ['pod'], message: 'expected either namespace and pod, or node' };

export function nameOf({ namespace, pod, node }: PodOrNode): string {
  return node === undefined ? `pod ${namespace}/${pod}` : `node ${node}`;
}

export const targetOf = ({ namespace, pod, node }: PodOrNode): string => node ?? `${namespace}:${pod}`;

export type Found =
  | { readonly kind: 'pod'; readonly object: PodFacts }
  | { readonly kind: 'node'; readonly object: NodeFacts };

export async function find(
  { namespace = '', pod = '', node }: PodOrNode,
  { cluster }: Acting,
): Promise<Found | undefined> {
  if (node !== undefined) {
    const object = await cluster.node(node);
    return object && { kind: 'node', object };
  }
  const object = await cluster.pod(namespace, pod);
  return object && { kind: 'pod', object };
}

type Marks = 'labels' | 'annotations';
const notesOf = { labels: 'lanner/labels-before', annotations: 'lanner/annotations-before' } as const;

/** Sets labels or annotations; what they were is noted beside them. */
export async function mark(which: Marks, on: PodOrNode, wanted: Change, acting: Acting): Promise<ActionResult> {
  const found = await find(on, acting);
  if (found === undefined) return gone(nameOf(on));
  const reason =
    found.kind === 'pod' ? refusePod(found.object, acting.settings) : refuseNode(found.object, acting.settings);
  if (reason !== undefined) return refused(reason);
  const noted = noteChange(found.object[which], wanted, found.object.annotations[notesOf[which]]);
  return write(which, found, noted, nameOf(on), acting, 'set', 'set');
}

/** Puts back what `mark` has set, as long as it is still so. */
export async function unmark(which: Marks, on: PodOrNode, wanted: Change, acting: Acting): Promise<ActionResult> {
  const found = await find(on, acting);
  if (found === undefined) return gone(nameOf(on));
  const noted = undoChange(found.object[which], Object.keys(wanted), found.object.annotations[notesOf[which]]);
  return write(which, found, noted, nameOf(on), acting, 'put back', 'put back');
}

async function write(
  which: Marks,
  found: Found,
  { change, note }: ReturnType<typeof noteChange>,
  name: string,
  acting: Acting,
  would: string,
  did: string,
): Promise<ActionResult> {
  const keys = Object.keys(change);
  const annotation = { [notesOf[which]]: note };
  const { version, annotations } = found.object;
  const patch =
    which === 'labels'
      ? { version, labels: change, annotations: annotation }
      : { version, annotations: { ...change, ...annotation } };
  const isSame = keys.length === 0 && (annotations[notesOf[which]] ?? null) === note;
  if (!isSame)
    await (found.kind === 'pod'
      ? acting.cluster.patchPod(found.object, patch)
      : acting.cluster.patchNode(found.object, patch));
  const what = keys.length === 0 ? `no ${which}: they are so already` : `${keys.join(', ')}`;
  return told(acting, `${would} ${what} of ${name}`, `${did} ${what} of ${name}`);
}
