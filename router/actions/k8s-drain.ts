import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import { KubernetesFault } from '../clients/kubernetes.ts';
import type { PodFacts } from '../clients/kubernetes-facts.ts';
import { isSpared, neverSpared, planDrain } from './k8s/drain-plan.ts';
import { type Acting, defineKubernetesAction, objectName, refused, told } from './k8s/kubernetes-action.ts';
import { cordon, findNodeToCordon } from './k8s/the-node.ts';

/** Between two looks at what holds evictions up. */
const LOOK_MS = 1_000;
/** Left of the step's time to say how far it came. */
const SAY_MS = 500;
const SHOWN = 8;

export const k8sDrain = defineKubernetesAction({
  name: 'k8s.drain',
  doc: 'Cordons a node and evicts its pods one by one, as disruption budgets allow, and only while least_healthy other replicas of their owner are ready; refused where that can never be. Protected pods, daemon sets and static pods stay. Undoing uncordons. Safe to repeat: it goes on.',
  params: z.strictObject({
    node: objectName,
    /** Ready replicas of the same owner beside the one that goes; 0: whatever disruption budgets say is enough. */
    least_healthy: z.int().min(0).max(10_000).default(1),
    grace_s: z.int().min(0).max(3_600).optional(),
    /** Evicts pods as well that nobody makes anew. */
    force: z.boolean().default(false),
  }),
  kind: 'destructive',
  undo: 'k8s.uncordon',
  outputs: { evicted: 'How many pods were evicted by this attempt.' },
  target: ({ node }) => node,
  async act({ node: name, least_healthy: floor, grace_s: graceS, force }, acting) {
    const found = await findNodeToCordon(name, acting);
    if ('end' in found) return found.end;
    const { cluster, settings } = acting;
    const { evict, left, lone } = planDrain(await cluster.podsOfNode(name), settings);
    if (lone.length > 0 && !force)
      return refused(`${namesOf(lone)}: nobody would make ${lone.length === 1 ? 'it' : 'them'} anew (force: true)`);
    for (const pod of evict) {
      const reason = neverSpared(pod, await cluster.podsOfNamespace(pod.namespace), floor);
      if (reason !== undefined) return refused(reason);
    }
    await cordon(found.node, acting);
    const { evicted, held } = await evictAll([...evict, ...lone], floor, graceS, acting);
    const stay = left.length === 0 ? '' : `; left: ${left.slice(0, SHOWN).join('; ')}`;
    if (held.length === 0 || acting.isTry) {
      const hold = held.length === 0 ? '' : `; held now: ${held.join('; ')}`;
      const what = `node ${name}: ${evicted} ${evicted === 1 ? 'pod' : 'pods'}`;
      return told(acting, `drain ${what}${hold}${stay}`, `drained ${what} evicted${stay}`, { evicted });
    }
    const reason = `node ${name}: ${evicted} evicted, ${held.length} held: ${held.slice(0, SHOWN).join('; ')}`;
    return { status: 'failed', retry: true, reason };
  },
});

type Evicted = { readonly evicted: number; readonly held: readonly string[] };

/** Goes round until none are left, or the step's time is nearly over. */
async function evictAll(
  pods: readonly PodFacts[],
  floor: number,
  graceS: number | undefined,
  acting: Acting,
): Promise<Evicted> {
  let waiting = pods;
  let evicted = 0;
  for (;;) {
    const held = new Map<PodFacts, string>();
    for (const pod of waiting) {
      const reason = await evictOne(pod, floor, graceS, acting);
      if (reason === undefined) evicted += 1;
      else held.set(pod, reason);
    }
    waiting = [...held.keys()];
    const isOver = Date.now() + LOOK_MS + SAY_MS > acting.deadlineMs;
    if (held.size === 0 || isOver || acting.isTry) return { evicted, held: [...held.values()] };
    await wait(LOOK_MS, undefined, { signal: acting.signal });
  }
}

/** Why it cannot go now; `undefined`: it goes, or has gone. */
async function evictOne(
  pod: PodFacts,
  floor: number,
  graceS: number | undefined,
  { cluster }: Acting,
): Promise<string | undefined> {
  const name = `${pod.namespace}/${pod.name}`;
  // Counted anew each time: replicas on other nodes go, too.
  if (!isSpared(pod, await cluster.podsOfNamespace(pod.namespace), floor))
    return `${name}: fewer than ${floor} other replicas are ready`;
  try {
    await cluster.evictPod(pod, graceS);
    return undefined;
  } catch (error) {
    if (!(error instanceof KubernetesFault)) throw error;
    // Gone, or another has its name by now.
    if (error.status === 404 || error.status === 409) return undefined;
    if (error.status === 429) return `${name}: ${error.message}`;
    throw error;
  }
}

function namesOf(pods: readonly PodFacts[]): string {
  const names = pods.slice(0, SHOWN).map(({ namespace, name }) => `${namespace}/${name}`);
  return `${pods.length === 1 ? 'pod' : 'pods'} ${names.join(', ')}${pods.length > SHOWN ? ', …' : ''}`;
}
