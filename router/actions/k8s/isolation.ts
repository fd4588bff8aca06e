import { isIPv6 } from 'node:net';
import type { Cluster, NewPolicy } from '../../clients/kubernetes.ts';
import type { PodFacts } from '../../clients/kubernetes-facts.ts';

/** The label by which the policy finds its pod: its uid, so that it fits no other, not even one that copies its labels… */
export const ISOLATED = 'lanner/isolated';
/** … and what the labels were. */
export const LABELS_BEFORE = 'lanner/isolated-labels';

export const policyName = ({ uid }: PodFacts): string => `lanner-isolate-${uid}`;

/** Denies all but these networks, in both directions. It goes with the pod. */
export function policyFor(pod: PodFacts, allow: readonly string[]): NewPolicy {
  const peers = allow.map((network) => ({ ipBlock: { cidr: cidrOf(network) } }));
  return {
    metadata: {
      name: policyName(pod),
      namespace: pod.namespace,
      labels: { 'app.kubernetes.io/managed-by': 'lanner' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid }],
    },
    spec: {
      podSelector: { matchLabels: { [ISOLATED]: pod.uid } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: peers.length === 0 ? [] : [{ _from: peers }],
      egress: peers.length === 0 ? [] : [{ to: peers }],
    },
  };
}

function cidrOf(network: string): string {
  if (network.includes('/')) return network;
  return `${network}/${isIPv6(network) ? 128 : 32}`;
}

/** Policies add up: what one of these lets through is let through, whatever ours denies. */
export async function openPolicies(pod: PodFacts, cluster: Cluster): Promise<readonly string[]> {
  const all = await cluster.policies(pod.namespace);
  const own = policyName(pod);
  return all.filter((one) => one.name !== own && one.allows && one.selects(pod.labels)).map(({ name }) => name);
}
