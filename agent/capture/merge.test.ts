import { describe, expect, it } from 'vitest';
import { Merge, type Taken } from './merge.ts';

/** A ring whose looks give these times, one list a look. */
class Ring implements Taken {
  readonly #looks: (readonly number[])[];
  #times: readonly number[] = [];

  constructor(looks: readonly (readonly number[])[]) {
    this.#looks = [...looks];
  }

  get timeNs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  fill(): void {
    expect(this.#times).toEqual([]);
    this.#times = this.#looks.shift() ?? [];
  }

  next(): number {
    const [first = Number.NaN, ...rest] = this.#times;
    this.#times = rest;
    return first;
  }
}

function orderOf(one: Ring, two: Ring): readonly number[] {
  const order: number[] = [];
  new Merge(one, two).run((ring) => order.push(ring.next()) > 0);
  return order;
}

describe('a merge of two rings', () => {
  it.for([
    { name: 'both at once', one: [[1, 4, 5]], two: [[2, 3, 6]], order: [1, 2, 3, 4, 5, 6] },
    { name: 'what came after the first ring was found empty', one: [[], [10]], two: [[20]], order: [10, 20] },
    { name: 'what came after the first ring ran out', one: [[1], [3, 5]], two: [[2, 4]], order: [1, 2, 3, 4, 5] },
    { name: 'no further than both were looked at', one: [[10], [30]], two: [[], [20]], order: [10] },
    { name: 'one after the other', one: [[1], [5]], two: [[2], [4], [6]], order: [1, 2, 4, 5] },
    { name: 'nothing', one: [[]], two: [[]], order: [] },
  ])('hands on in the order of time: $name', ({ one, two, order }) => {
    expect(orderOf(new Ring(one), new Ring(two))).toEqual(order);
  });

  it('goes on where it stopped', () => {
    const times: number[] = [];
    const merge = new Merge(new Ring([[1], [3, 6]]), new Ring([[5], [7]]));
    for (let stop = 1; stop < 5; stop++) merge.run((ring) => times.push(ring.next()) < stop);
    expect(times).toEqual([1, 3, 5, 6]);
  });
});
