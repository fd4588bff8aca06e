import { describe, expect, it } from 'vitest';
import { merge, type Taken } from './merge.ts';

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

function orderOf(one: Ring, two: Ring, mostFills = 32): readonly number[] {
  const order: number[] = [];
  merge(one, two, (ring) => order.push(ring.next()) > 0, mostFills);
  return order;
}

describe('merge', () => {
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

  it('hands on what it has when it may look no more', () => {
    expect(orderOf(new Ring([[], [10]]), new Ring([[20]]), 2)).toEqual([20]);
  });

  it('stops when told to', () => {
    const times: number[] = [];
    const rings = [new Ring([[1, 3]]), new Ring([[2]])] as const;
    merge(...rings, (ring) => times.push(ring.next()) < 2, 32);
    expect(times).toEqual([1, 2]);
  });
});
