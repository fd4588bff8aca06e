import type { PodFacts } from '../../clients/kubernetes-facts.ts';
import type { KubernetesSettings } from '../../config/kubernetes-settings.ts';
import { refusePod } from './guard.ts';

/** What becomes of a node's pods. */
export type DrainPlan = {
  readonly evict: readonly PodFacts[];
  /** Protected ones; daemon sets' and static ones, which would come back, are not told of. */
  readonly left: readonly string[];
  /** Nobody would make a new one. */
  readonly lone: readonly PodFacts[];
};

export function planDrain(pods: readonly PodFacts[], settings: Pick<KubernetesSettings, 'protect'>): DrainPlan {
  const running = pods.filter(
    ({ isFinished, isEnding, isStatic, owner }) => !isFinished && !isEnding && !isStatic && owner?.kind !== 'DaemonSet',
  );
  const left = running.flatMap((pod) => refusePod(pod, settings) ?? []);
  const free = running.filter((pod) => refusePod(pod, settings) === undefined);
  return {
    left,
    evict: free.filter(({ owner }) => owner !== undefined),
    lone: free.filter(({ owner }) => owner === undefined),
  };
}

/** A job is done sooner or later; it has no number of replicas to keep. */
const hasReplicas = ({ owner }: PodFacts): boolean => owner !== undefined && owner.kind !== 'Job';

/** Those of the same owner, `pod` among them. */
const replicasOf = ({ owner }: PodFacts, pods: readonly PodFacts[]): readonly PodFacts[] =>
  pods.filter((one) => one.owner?.uid === owner?.uid && !one.isFinished && !one.isEnding);

/** Why its owner can never have so many healthy replicas while this one goes. */
export function neverSpared(pod: PodFacts, pods: readonly PodFacts[], floor: number): string | undefined {
  const count = replicasOf(pod, pods).length;
  if (!hasReplicas(pod) || count - 1 >= floor) return undefined;
  return `${pod.owner?.kind} ${pod.namespace}/${pod.owner?.name} has ${count} ${count === 1 ? 'replica' : 'replicas'}, and ${floor} must stay healthy while one goes`;
}

/** Whether so many healthy replicas are left when this pod goes now. */
export function isSpared(pod: PodFacts, pods: readonly PodFacts[], floor: number): boolean {
  const others = replicasOf(pod, pods).filter(({ uid, isReady }) => uid !== pod.uid && isReady);
  return !hasReplicas(pod) || others.length >= floor;
}
