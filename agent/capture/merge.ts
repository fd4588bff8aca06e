/** What was taken out of a ring and not handed on yet. */
export type Taken = {
  /** Of the next record; infinite when there is none. */
  readonly timeNs: number;
  /** Takes more out of the ring. Only when there is no next record. */
  fill(): void;
};

const isEmpty = ({ timeNs }: Taken): boolean => timeNs === Number.POSITIVE_INFINITY;

/**
 * Hands on what is in two rings in the order of time, until both are empty or `take` says false. A ring in which nothing
 * is left is looked at again before a record goes that was taken from the other one later: else an exec would overtake
 * the open before it, and the open would be the new program's. After `mostFills` looks it hands on what it has.
 */
export function merge<T extends Taken>(one: T, two: T, take: (next: T) => boolean, mostFills: number): void {
  for (const ring of [one, two]) if (isEmpty(ring)) ring.fill();
  let [earlier, later] = [one, two];
  for (let fills = 2; ; ) {
    if (isEmpty(earlier)) {
      if (isEmpty(later)) return;
      if (fills < mostFills) {
        earlier.fill();
        fills++;
        [earlier, later] = [later, earlier];
        continue;
      }
    }
    if (!take(earlier.timeNs <= later.timeNs ? earlier : later)) return;
  }
}
