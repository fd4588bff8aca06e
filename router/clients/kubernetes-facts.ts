import type { V1NetworkPolicy, V1Node, V1ObjectMeta, V1OwnerReference, V1Pod } from '@kubernetes/client-node';

type Texts = Readonly<Record<string, string>>;

/** What is the same of all objects. */
export type ObjectFacts = {
  readonly name: string;
  readonly uid: string;
  /** Each change makes another; a change of an older one is refused. */
  readonly version: string;
  readonly labels: Texts;
  readonly annotations: Texts;
};

export type PodFacts = ObjectFacts & {
  readonly namespace: string;
  readonly createdMs: number;
  readonly isReady: boolean;
  /** It has succeeded or failed, and runs nothing any more. */
  readonly isFinished: boolean;
  readonly isEnding: boolean;
  readonly isOnHostNetwork: boolean;
  /** kubelet runs it from a file of its own; the API server only has an image of it. */
  readonly isStatic: boolean;
  /** Who makes a new one when it goes. */
  readonly owner: { readonly kind: string; readonly name: string; readonly uid: string } | undefined;
};

export type NodeFacts = ObjectFacts & { readonly isCordoned: boolean };

export type PolicyFacts = {
  readonly name: string;
  /** Whether it is for a pod with these labels. */
  readonly selects: (labels: Texts) => boolean;
  /** It lets something through; a policy without rules only denies. */
  readonly allows: boolean;
};

const MIRROR = 'kubernetes.io/config.mirror';

export function describePod({ metadata, spec, status }: V1Pod): PodFacts {
  const annotations = metadata?.annotations ?? {};
  return {
    ...describe(metadata),
    namespace: metadata?.namespace ?? '',
    createdMs: metadata?.creationTimestamp?.getTime() ?? 0,
    isReady: status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
    isFinished: status?.phase === 'Succeeded' || status?.phase === 'Failed',
    isEnding: metadata?.deletionTimestamp !== undefined,
    isOnHostNetwork: spec?.hostNetwork === true,
    isStatic: annotations[MIRROR] !== undefined,
    owner: metadata?.ownerReferences?.filter(({ controller }) => controller === true).map(describeOwner)[0],
  };
}

export function describeNode({ metadata, spec }: V1Node): NodeFacts {
  return { ...describe(metadata), isCordoned: spec?.unschedulable === true };
}

/** Without `policyTypes`, ingress is meant, and egress if there are rules for it (kubernetes.io, NetworkPolicySpec). */
export function describePolicy({ metadata, spec }: V1NetworkPolicy): PolicyFacts {
  const { matchLabels = {}, matchExpressions = [] } = spec?.podSelector ?? {};
  return {
    name: metadata?.name ?? '',
    allows: (spec?.ingress?.length ?? 0) + (spec?.egress?.length ?? 0) > 0,
    selects: (labels) =>
      Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
      matchExpressions.every(({ key, operator, values = [] }) => {
        const value = labels[key];
        if (operator === 'Exists') return value !== undefined;
        if (operator === 'DoesNotExist') return value === undefined;
        if (operator === 'In') return value !== undefined && values.includes(value);
        return value === undefined || !values.includes(value);
      }),
  };
}

function describe(metadata: V1ObjectMeta | undefined): ObjectFacts {
  return {
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    version: metadata?.resourceVersion ?? '',
    labels: metadata?.labels ?? {},
    annotations: metadata?.annotations ?? {},
  };
}

function describeOwner({ kind, name, uid }: V1OwnerReference) {
  return { kind, name, uid };
}
