import { describe, expect, it } from 'vitest';
import { Event } from '../events/event.ts';
import { headerLayout } from '../events/layout.ts';
import { InPlaceReader } from './ring-reader.ts';

const SIZE = 4_096;
const PAGE = 4_096;
const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;

/** A ring as the kernel keeps it, so much of its beginning behind its end as is mapped again. */
class Ring {
  readonly pages;
  readonly #data: DataView;
  #written = 0;

  constructor(position = 0, again = SIZE) {
    this.pages = [new ArrayBuffer(PAGE), new ArrayBuffer(PAGE), new ArrayBuffer(SIZE + again)] as const;
    this.#data = new DataView(this.pages[2]);
    this.#written = position;
    this.#position(0).setBigUint64(0, BigInt(position), true);
    this.#position(1).setBigUint64(0, BigInt(position), true);
  }

  #position(page: 0 | 1): DataView {
    return new DataView(this.pages[page]);
  }

  get readTo(): number {
    return Number(this.#position(0).getBigUint64(0, true));
  }

  /** Writes a record of this length; returns where it is. False when it does not fit, as the kernel would say. */
  write(timeNs: number, length = 104, flags = 0): number | undefined {
    const bytes = (length + 8 + 7) & ~7;
    if (this.#written + bytes - this.readTo > SIZE) return undefined;
    const place = this.#written % SIZE;
    this.#u32(place, (length | flags) >>> 0);
    this.#u32(place + 8 + headerLayout.length, length);
    this.#u32(place + 8 + headerLayout.time_ns, timeNs);
    this.#u32(place + 8 + headerLayout.time_ns + 4, 0);
    this.#u32(place + 8 + length - 4, 0xbeef);
    this.#written += bytes;
    this.#position(1).setBigUint64(0, BigInt(this.#written), true);
    return place;
  }

  finish(place: number, length = 104): void {
    this.#u32(place, length);
  }

  #u32(at: number, value: number): void {
    this.#data.setUint32(at, value, true);
    const other = at < SIZE ? at + SIZE : at - SIZE;
    if (other < this.#data.byteLength) this.#data.setUint32(other, value, true);
  }
}

function takeAll(reader: InPlaceReader): readonly number[] {
  const times: number[] = [];
  const cursor = new Event(reader.batch);
  for (reader.fill(); reader.timeNs !== Number.POSITIVE_INFINITY; ) {
    reader.take(cursor);
    expect(cursor.u32(cursor.length - 4)).toBe(0xbeef);
    times.push(cursor.timeNs);
  }
  return times;
}

describe('a ring read in place', () => {
  it('gives records in their order and their room back', () => {
    const ring = new Ring();
    const reader = new InPlaceReader(ring.pages);
    for (const time of [1, 2, 3]) ring.write(time);
    expect(takeAll(reader)).toEqual([1, 2, 3]);
    expect(ring.readTo).toBe(0);
    expect(reader.settle()).toBe(false);
    expect(ring.readTo).toBe(3 * 112);
  });

  it.for([SIZE, 1_024])('goes round, with records across its end, %i bytes of it mapped again', (again) => {
    const ring = new Ring(SIZE * 2 ** 21 - 64, again);
    const reader = new InPlaceReader(ring.pages);
    for (let round = 0; round < 200; round++) {
      const times = [round * 3 + 1, round * 3 + 2, round * 3 + 3];
      for (const [index, time] of times.entries()) expect(ring.write(time, 200 + index * 360)).toBeDefined();
      expect(takeAll(reader)).toEqual(times);
      reader.settle();
    }
  });

  it('takes a record as long as the ring has room for', () => {
    const ring = new Ring(1_000);
    const reader = new InPlaceReader(ring.pages);
    ring.write(1, SIZE - 8);
    expect(ring.write(2)).toBeUndefined();
    expect(takeAll(reader)).toEqual([1]);
    reader.settle();
    ring.write(3);
    expect(takeAll(reader)).toEqual([3]);
  });

  it('leaves out what was discarded', () => {
    const ring = new Ring();
    const reader = new InPlaceReader(ring.pages);
    ring.write(1, 104, DISCARDED);
    ring.write(2);
    ring.write(3, 104, DISCARDED);
    expect(takeAll(reader)).toEqual([2]);
    reader.settle();
    expect(ring.readTo).toBe(3 * 112);
  });

  it('stops before a record that is being written, and goes on when it is done', () => {
    const ring = new Ring();
    const reader = new InPlaceReader(ring.pages);
    ring.write(1);
    const place = ring.write(2, 104, BUSY) ?? 0;
    ring.write(3);
    expect(takeAll(reader)).toEqual([1]);
    expect(reader.settle()).toBe(false);
    expect(ring.readTo).toBe(place);
    ring.finish(place);
    expect(takeAll(reader)).toEqual([2, 3]);
  });

  it('tells of what came after the last look', () => {
    const ring = new Ring();
    const reader = new InPlaceReader(ring.pages);
    expect(takeAll(reader)).toEqual([]);
    ring.write(1);
    expect(reader.settle()).toBe(true);
    expect(reader.timeNs).toBe(Number.POSITIVE_INFINITY);
  });

  it('keeps the room of the record that the cursor is at', () => {
    const ring = new Ring();
    const reader = new InPlaceReader(ring.pages);
    const cursor = new Event(reader.batch);
    for (let time = 1; time <= 36; time++) ring.write(time);
    reader.fill();
    for (let taken = 1; taken <= 36; taken++) {
      reader.take(cursor);
      expect(ring.readTo).toBeLessThanOrEqual((taken - 1) * 112);
    }
    expect(ring.readTo).toBeGreaterThan(0);
  });

  it('a copy of a record stays when the ring goes on', () => {
    const ring = new Ring();
    const reader = new InPlaceReader(ring.pages);
    const cursor = new Event(reader.batch);
    ring.write(7);
    reader.fill();
    reader.take(cursor);
    const kept = cursor.retain();
    reader.settle();
    for (let time = 100; time < 136; time++) ring.write(time);
    expect(kept.timeNs).toBe(7);
  });
});
