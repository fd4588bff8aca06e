/** Records gather this long: it keeps the kernel from waking us for each of them. */
const SHORT_MS = 1;
/** The longest that they may gather while more than a few come. */
const LONG_MS = 4;
/** So few in one wait are a few. */
const FEW = 4;
/** A sleep costs the processor some 20 µs, whatever it brings: among so many records that is little for each. */
const ENOUGH = 100;
/** No more are waited for than would fill a small part of the ring; most are shorter than half a KiB. */
const ROOM_BYTES = 8 * 1024;

/**
 * When to look into the rings. The first record after a rest is taken at once; then they gather. As long as some come,
 * we look again by the clock alone, and nobody is woken; what cannot wait rings the doorbell.
 */
export class Pace {
  readonly #enough: number;
  #waitMs = SHORT_MS;

  /** `ringBytes`: of the smaller ring. */
  constructor(ringBytes: number) {
    this.#enough = Math.min(ENOUGH, ringBytes / ROOM_BYTES);
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

  /** So many records came in the last wait: how long the next one is; `undefined`: we wait to be woken. */
  next(records: number): number | undefined {
    if (records === 0) return undefined;
    const perMs = records / this.#waitMs;
    this.#waitMs = records < FEW ? SHORT_MS : Math.min(LONG_MS, Math.max(SHORT_MS, Math.round(this.#enough / perMs)));
    return this.#waitMs;
  }
}
