/** What was taken out of a ring and not handed on yet. */
export type Taken = {
  /** Of the next record; infinite when there is none. */
  readonly timeNs: number;
  /** Takes more out of the ring. Only when there is no next record. */
  fill(): void;
};

const isEmpty = ({ timeNs }: Taken): boolean => timeNs === Number.POSITIVE_INFINITY;

/**
 * Two rings in the order of time. A ring in which nothing is left is looked at again before a record goes that was taken
 * from the other one later: else an exec would overtake the open before it, and the open would be the new program's.
 */
export class Merge<T extends Taken> {
  /** The ring that was looked at before the other one. */
  #earlier: T;
  #later: T;

  constructor(one: T, two: T) {
    this.#earlier = one;
    this.#later = two;
  }

  /** Hands on records until both rings are empty, or `take` says false; then the rest follows the next time. */
  run(take: (next: T) => boolean): void {
    if (isEmpty(this.#earlier) && isEmpty(this.#later)) {
      this.#earlier.fill();
      this.#later.fill();
    }
    for (;;) {
      if (isEmpty(this.#earlier)) {
        if (isEmpty(this.#later)) return;
        this.#earlier.fill();
        [this.#earlier, this.#later] = [this.#later, this.#earlier];
      }
      if (!take(this.#earlier.timeNs <= this.#later.timeNs ? this.#earlier : this.#later)) return;
    }
  }
}
