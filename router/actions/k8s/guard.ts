import { matchesName } from '#rules/language/name-pattern';
import type { NodeFacts, PodFacts } from '../../clients/kubernetes-facts.ts';
import type { KubernetesSettings } from '../../config/kubernetes-settings.ts';

type Protected = Pick<KubernetesSettings, 'protect'>;
type Label = { readonly key: string; readonly value: string };

const SYSTEM_NAMESPACE = 'kube-system';
/** What Lanner's own images carry (kubernetes.io, "Recommended Labels"). */
const ownLabel: Label = { key: 'app.kubernetes.io/part-of', value: 'lanner' };
/** Both names of a control plane (kubernetes.io, "Well-Known Labels"). */
const controlPlanes = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** Marks a node that Lanner cordoned; whoever cordoned another one uncordons it. */
export const CORDONED = 'lanner/cordoned';

/** Why this pod must be left alone; `undefined` when it need not. */
export function refusePod({ namespace, name, labels }: PodFacts, { protect }: Protected): string | undefined {
  const pod = `pod ${namespace}/${name}`;
  if (namespace === SYSTEM_NAMESPACE) return `${pod} belongs to ${SYSTEM_NAMESPACE}`;
  if (hasLabel(labels, ownLabel)) return `${pod} is part of Lanner`;
  const isListed = protect.some(
    ({ pod: one }) => one !== undefined && fits(namespace, one.namespace) && hasLabel(labels, one.label),
  );
  return isListed ? `${pod} is on the protected list` : undefined;
}

/** Why this node must be left alone. */
export function refuseNode({ name, labels }: NodeFacts, { protect }: Protected): string | undefined {
  if (controlPlanes.some((key) => labels[key] !== undefined)) return `node ${name} runs the control plane`;
  const isListed = protect.some(
    ({ node }) => node !== undefined && fits(name, node.name) && hasLabel(labels, node.label),
  );
  return isListed ? `node ${name} is on the protected list` : undefined;
}

/** Why no further node may be cordoned: so many are, or nothing would be left to run pods on. */
export function refuseCordon(
  { name }: NodeFacts,
  nodes: readonly NodeFacts[],
  { most_cordoned: most }: Pick<KubernetesSettings, 'most_cordoned'>,
): string | undefined {
  const others = nodes.filter((node) => node.name !== name);
  if (!others.some(({ isCordoned }) => !isCordoned)) return `node ${name} is the last one that takes pods`;
  const own = others.filter(({ isCordoned, annotations }) => isCordoned && annotations[CORDONED] !== undefined);
  if (own.length < most) return undefined;
  return `${own.length} ${own.length === 1 ? 'node is' : 'nodes are'} cordoned by Lanner already: ${own.map((node) => node.name).join(', ')}`;
}

/** A pattern that is not given fits everything. */
function fits(value: string, pattern: string | undefined): boolean {
  return pattern === undefined || matchesName(value, pattern);
}

function hasLabel(labels: Readonly<Record<string, string>>, label: Label | undefined): boolean {
  if (label === undefined) return true;
  const found = labels[label.key];
  return found !== undefined && matchesName(found, label.value);
}
