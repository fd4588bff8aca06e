/** Records gather this long: it keeps the kernel from waking us for each of them. */
const SHORT_MS = 1;
/** The longest that they may gather while more than a few come, and while nearly all of these are of processes. */
const LONG_MS = { all: 4, lifecycle: 8 } as const;
/** So few in one wait are a few. */
const FEW = 4;
/**
 * A sleep costs the processor 20 µs, and what runs after it 50 to 150 as nothing that it needs is near: among so many
 * records that is little for each. Those of processes are worth more, and each takes longer.
 */
const ENOUGH = { lifecycle: 100, bulk: 600 } as const;
/** No more are waited for than would fill a small part of their ring; most are shorter than half a KiB. */
const ROOM_BYTES = 8 * 1024;

/**
 * When to look into the rings. The first record after a rest is taken at once; then they gather. As long as some come,
 * we look again by the clock alone, and nobody is woken; what cannot wait rings the doorbell. The wait at most doubles
 * from one look to the next: what a program does right after its start is no load yet, and may be an attack.
 */
export class Pace {
  /** Of each ring, how many are waited for. */
  readonly #enough: { readonly lifecycle: number; readonly bulk: number };
  #waitMs = SHORT_MS;

  constructor(rings: { readonly lifecycleBytes: number; readonly bulkBytes: number }) {
    this.#enough = {
      lifecycle: Math.min(ENOUGH.lifecycle, rings.lifecycleBytes / ROOM_BYTES),
      bulk: Math.min(ENOUGH.bulk, rings.bulkBytes / ROOM_BYTES),
    };
  }

  /** Whether a record that comes so long after the last look is taken at once. */
  isRested(sinceMs: number): boolean {
    return sinceMs > SHORT_MS;
  }

  /** Begins to gather. How long. */
  begin(): number {
    this.#waitMs = SHORT_MS;
    return SHORT_MS;
  }

  /** So many records came out of each ring in the last wait: how long the next one is; `undefined`: we wait to be woken. */
  next(lifecycle: number, bulk: number): number | undefined {
    if (lifecycle + bulk === 0) return undefined;
    if (lifecycle + bulk < FEW) return this.begin();
    const waits = Math.max(lifecycle / this.#enough.lifecycle, bulk / this.#enough.bulk);
    const mostMs = Math.min(2 * this.#waitMs, bulk < FEW ? LONG_MS.lifecycle : LONG_MS.all);
    this.#waitMs = Math.min(mostMs, Math.max(SHORT_MS, Math.round(this.#waitMs / waits)));
    return this.#waitMs;
  }
}
