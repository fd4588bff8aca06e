import type { Memory, RunTrigger, Scope } from './playbook.ts';

/** Events that have come, or how far chains of them have got. */
export type MemoryState = {
  /** Of `count`: time and alert of each, the oldest first. */
  readonly seen?: readonly (readonly [ms: number, alertId: string])[];
  /** Of `sequence`: for each condition but the last, the chain up to there that began last. */
  readonly chains?: readonly (Chain | null)[];
};

type Chain = { readonly firstMs: number; readonly lastMs: number; readonly alerts: readonly string[] };

type Remembered = {
  readonly state: MemoryState | undefined;
  /** Says how far it is, and when it is enough, starts. */
  readonly detail: string;
  readonly trigger: RunTrigger | undefined;
};

/** Ids that a run is told. */
const MOST_IDS = 20;

export function remember(memory: Memory, scope: Scope, state: MemoryState | undefined, nowMs: number): Remembered {
  // A clock that is ahead must not keep its events in the window for ever.
  const ms = Math.min(Date.parse(scope.alert.time), nowMs);
  return memory.kind === 'count'
    ? rememberCount(memory, ms, scope.alertId, state?.seen ?? [])
    : rememberSequence(memory, ms, scope, state?.chains ?? []);
}

function rememberCount(
  { count, withinMs }: Memory & { readonly kind: 'count' },
  ms: number,
  alertId: string,
  before: NonNullable<MemoryState['seen']>,
): Remembered {
  const all = before.some(([, id]) => id === alertId) ? before : [...before, [ms, alertId] as const];
  const sorted = all.toSorted(([a], [b]) => a - b);
  const newest = sorted.at(-1)?.[0] ?? ms;
  const seen = sorted.filter(([at]) => at > newest - withinMs).slice(-count);
  const detail = `${seen.length} of ${count} within ${withinMs / 1_000} s`;
  if (seen.length < count) return { state: { seen }, detail, trigger: undefined };
  const alerts = seen.map(([, id]) => id).slice(-MOST_IDS);
  return { state: undefined, detail, trigger: { kind: 'count', count, alerts } };
}

/**
 * Of all chains that have got as far, the one that began last is as good as any other: if any is complete in time, it
 * is. So one chain a condition is all that must be remembered.
 */
function rememberSequence(
  { conditions, withinMs }: Memory & { readonly kind: 'sequence' },
  ms: number,
  scope: Scope,
  before: NonNullable<MemoryState['chains']>,
): Remembered {
  const chains = conditions.map((_, index) => before[index] ?? null);
  // From the end, so that one alert is not two links of a chain.
  for (const [index, condition] of [...conditions.entries()].reverse()) {
    if (!condition(scope)) continue;
    const link = index === 0 ? { firstMs: ms, lastMs: ms, alerts: [] } : chains[index - 1];
    if (link === null || link === undefined || ms < link.lastMs || ms - link.firstMs >= withinMs) continue;
    const chain: Chain = { firstMs: link.firstMs, lastMs: ms, alerts: [...link.alerts, scope.alertId] };
    const known = chains[index];
    if (known === null || known === undefined || known.firstMs <= chain.firstMs) chains[index] = chain;
  }
  const complete = chains.at(-1);
  const length = complete === null ? chains.findLastIndex((chain) => chain !== null) + 1 : conditions.length;
  const detail = `${length} of ${conditions.length} in order within ${withinMs / 1_000} s`;
  if (complete === null || complete === undefined) return { state: { chains }, detail, trigger: undefined };
  const { alerts } = complete;
  return { state: undefined, detail, trigger: { kind: 'sequence', count: alerts.length, alerts } };
}
