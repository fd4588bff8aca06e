import type { NativeCapture, Ring } from '#native';
import { type Batch, Event, wordsOf } from '../events/event.ts';
import { headerLayout } from '../events/layout.ts';
import { TextCache } from '../events/text-cache.ts';
import type { Taken } from './merge.ts';

/** One of the kernel's rings, read record by record. */
export type RingReader = Taken & {
  /** What the cursor reads before it is moved. */
  readonly batch: Batch;
  /** Points the cursor at the next record; it is good until the next one is taken. */
  take(cursor: Event): void;
  /** Gives the room of what was taken back to the kernel. Whether more has come meanwhile, without waking us. */
  settle(): boolean;
};

/** Record header (include/uapi/linux/bpf.h, kernel/bpf/ringbuf.c): length with two flags, then where its page is. */
const HEAD_BYTES = 8;
const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
/** Room is given back when this part of the ring was read, and not for each record: that would have us woken by the next. */
const GIVE_BACK = 1 / 4;
const HIGH = 2 ** 32;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * A ring's pages: the reader's position, the writer's, and the data, whose size is a power of two. Behind their end lies
 * their beginning once more, or some of it, so that no record is in two parts.
 */
export type RingPages = readonly [reader: ArrayBuffer, writer: ArrayBuffer, data: ArrayBuffer];

/**
 * Reads records where the kernel put them. The pages never leave this class but as a batch, which only reads: all but the
 * reader's position are mapped read-only, and a write would end the process.
 */
export class InPlaceReader implements RingReader {
  readonly batch: Batch;
  readonly #reader: BigUint64Array;
  readonly #writer: BigUint64Array;
  readonly #words: Int32Array;
  readonly #size: number;
  /** The reader's position as the kernel knows it; it grows without end. */
  #position: number;
  /** Bytes read beyond it, and where in the ring that is. */
  #taken = 0;
  #place: number;
  /** Bytes from there to where the writer was at the last look. */
  #left = 0;
  /** Of the next record. */
  #length = 0;
  timeNs = NEVER;

  constructor([reader, writer, data]: RingPages, texts = new TextCache()) {
    this.#reader = new BigUint64Array(reader, 0, 1);
    this.#writer = new BigUint64Array(writer, 0, 1);
    this.#words = new Int32Array(data);
    this.#size = 2 ** (31 - Math.clz32(data.byteLength - 1));
    this.batch = toBatch(Buffer.from(data), texts);
    this.#position = Number(Atomics.load(this.#reader, 0));
    this.#place = this.#position % this.#size;
  }

  fill(): void {
    this.#left = this.#ahead();
    this.#look();
  }

  take(cursor: Event): void {
    // What the cursor was at before is done with; what it is moved to now is not.
    if (this.#taken > this.#size * GIVE_BACK) this.#giveBack();
    cursor.moveTo(this.batch, this.#place + HEAD_BYTES);
    this.#skip(this.#length);
    this.#look();
  }

  settle(): boolean {
    if (this.#taken > 0) this.#giveBack();
    // A record that is still being written wakes us when it is done: we stand right before it.
    return this.#ahead() > 0 && (this.#headAt() & BUSY) === 0;
  }

  #ahead(): number {
    return Number(Atomics.load(this.#writer, 0)) - this.#position - this.#taken;
  }

  #giveBack(): void {
    this.#position += this.#taken;
    this.#taken = 0;
    // Sequentially consistent: the kernel looks at this to decide whether it must wake us.
    Atomics.store(this.#reader, 0, BigInt(this.#position));
  }

  /** The writer clears the busy bit last. Loaded anew each time: whatever is read before it may be half written. */
  #headAt(): number {
    return Atomics.load(this.#words, this.#place >> 2);
  }

  #skip(length: number): void {
    const bytes = roundUp(HEAD_BYTES + length);
    this.#taken += bytes;
    this.#left -= bytes;
    this.#place = (this.#place + bytes) & (this.#size - 1);
  }

  #look(): void {
    while (this.#left > 0) {
      const head = this.#headAt();
      if ((head & BUSY) !== 0) break;
      if ((head & DISCARDED) === 0) {
        const time = (this.#place + HEAD_BYTES + headerLayout.time_ns) >> 2;
        this.#length = head;
        this.timeNs = ((this.#words[time + 1] ?? 0) >>> 0) * HIGH + ((this.#words[time] ?? 0) >>> 0);
        return;
      }
      this.#skip(head & ~DISCARDED);
    }
    this.timeNs = NEVER;
  }
}

const roundUp = (bytes: number): number => (bytes + 7) & ~7;

/** Room for one drain; the rest follows in the next. At least one record of the largest size. */
const BATCH_BYTES = 1 << 18;

/** Copies many records at once out of the ring: for where foreign memory cannot be looked at. */
export class CopyingReader implements RingReader {
  readonly #native: Pick<NativeCapture, 'drain'>;
  readonly #ring: Ring;
  readonly #bytes = Buffer.allocUnsafeSlow(BATCH_BYTES);
  readonly batch: Batch;
  readonly #head: Event;
  #at = 0;
  #end = 0;
  timeNs = NEVER;

  constructor(native: Pick<NativeCapture, 'drain'>, ring: Ring, texts = new TextCache()) {
    this.#native = native;
    this.#ring = ring;
    this.batch = toBatch(this.#bytes, texts);
    this.#head = new Event(this.batch);
  }

  fill(): void {
    this.#at = 0;
    this.#end = this.#native.drain(this.#ring, this.#bytes);
    this.#look();
  }

  take(cursor: Event): void {
    cursor.moveTo(this.batch, this.#at);
    this.#at += cursor.length;
    this.#look();
  }

  /** Room is given back by each drain, so the kernel wakes us. */
  settle(): boolean {
    return false;
  }

  #look(): void {
    this.timeNs = this.#at < this.#end ? this.#head.moveTo(this.batch, this.#at).timeNs : NEVER;
  }
}

/** What `toString('latin1')` ends in, without what leads there: half of the time for a path. */
const { latin1Slice } = Buffer.prototype as Buffer & { latin1Slice(this: Buffer, from: number, to: number): string };

export function toBatch(bytes: Buffer, texts: TextCache): Batch {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const make = (from: number, to: number) => latin1Slice.call(bytes, from, to);
  return {
    view,
    words: wordsOf(view),
    latin1: (from, to) => texts.read(view, from, to, make),
    address: (at, length) => texts.address(view, at, length),
    copy: (from, to) => toBatch(Buffer.from(bytes.subarray(from, to)), texts),
  };
}
