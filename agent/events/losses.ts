/** How an event, or a part of what would be known of it, can be lost. */
export type LossCause =
  /** In the kernel: the event is gone. */
  | 'lifecycle_ring_full'
  | 'bulk_ring_full'
  | 'scratch_in_use'
  | 'recursion'
  /** Messages of one call beyond those that are told. */
  | 'messages_cut'
  /** Not asked for any more, to keep the agent within its `cpu_limit`. */
  | 'cpu_limit'
  /** A record that this version cannot read. */
  | 'unknown_record'
  /** The event is there, and lacks: the end of a text, a text, how it ended, who made it. */
  | 'text_cut'
  | 'text_unread'
  | 'result_unknown'
  | 'process_unknown'
  /** It went on without what a container engine would have told. */
  | 'container_wait_full'
  | 'container_wait_over'
  | 'container_engine_silent'
  /** It went on without the names of its user or group. */
  | 'user_wait_full'
  | 'user_wait_over';

/** Counts since the start, by cause and by type of event; what lost nothing is not in it. */
export type Losses = { readonly [cause in LossCause]?: Readonly<Record<string, number>> };

/** The causes by which an event is gone before the agent sees it. */
const dropCauses: readonly LossCause[] = ['lifecycle_ring_full', 'bulk_ring_full', 'scratch_in_use', 'recursion'];

/** Counts losses. Types of events are names of system calls, so that it is bounded by their number. */
export class LossTally {
  readonly #counts: { [cause in LossCause]?: Record<string, number> } = {};

  add(cause: LossCause, type: string, count = 1): void {
    if (count === 0) return;
    this.#counts[cause] ??= {};
    const byType = this.#counts[cause];
    byType[type] = (byType[type] ?? 0) + count;
  }

  /** A copy. */
  counts(): Losses {
    return structuredClone(this.#counts);
  }
}

/** Losses by drops alone, by type of event. */
export function dropsByType(losses: Losses): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const cause of dropCauses) {
    for (const [type, count] of Object.entries(losses[cause] ?? {})) sums.set(type, (sums.get(type) ?? 0) + count);
  }
  return sums;
}
