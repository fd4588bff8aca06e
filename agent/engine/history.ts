import { bytesToByteString } from '#rules/language/byte-string';
import { type Batch, Event } from '../events/event.ts';

/** How far back evidence looks, and the room for it. */
const HISTORY_NS = 60e9;
const HISTORY_BYTES = 2 * 1024 * 1024;
/** Records that are remembered at most; they are some 400 bytes each. */
const MOST_EVENTS = 8_192;

/** The last records that came, as they came, in memory that does not grow: evidence tells what led to an alert. */
export class History {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  /** Where each record begins, the oldest at `#first`. */
  readonly #places = new Int32Array(MOST_EVENTS);
  #first = 0;
  #count = 0;
  #next = 0;

  constructor(mostBytes = HISTORY_BYTES) {
    this.#bytes = new Uint8Array(mostBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  add(event: Event): void {
    const { length } = event;
    if (length > this.#bytes.length) return;
    if (this.#next + length > this.#bytes.length) {
      // No record is cut in two: what lies behind is given up with the room.
      while (this.#count > 0 && this.#oldest >= this.#next) this.#drop();
      this.#next = 0;
    }
    while (this.#count > 0 && this.#oldest >= this.#next && this.#oldest < this.#next + length) this.#drop();
    if (this.#count === MOST_EVENTS) this.#drop();
    event.copyTo(this.#bytes, this.#next);
    this.#places[(this.#first + this.#count) % MOST_EVENTS] = this.#next;
    this.#count++;
    this.#next += length;
  }

  /** Copies of those of the last minute that are wanted, the oldest first. */
  last(nowNs: number, isWanted: (event: Event) => boolean): readonly Event[] {
    const found: Event[] = [];
    const cursor = new Event(this.#batch(this.#view));
    for (let index = 0; index < this.#count; index++) {
      cursor.moveTo(this.#batch(this.#view), this.#places[(this.#first + index) % MOST_EVENTS] ?? 0);
      if (cursor.timeNs >= nowNs - HISTORY_NS && isWanted(cursor)) found.push(cursor.retain());
    }
    return found;
  }

  get #oldest(): number {
    return this.#places[this.#first] ?? 0;
  }

  #drop(): void {
    this.#first = (this.#first + 1) % MOST_EVENTS;
    this.#count--;
  }

  #batch(view: DataView): Batch {
    const at = (from: number, to: number) => new Uint8Array(view.buffer, view.byteOffset + from, to - from);
    return {
      view,
      words: undefined,
      latin1: (from, to) => bytesToByteString(at(from, to)),
      address: (from, length) => at(from, from + length).slice(),
      copy: (from, to) => this.#batch(new DataView(at(from, to).slice().buffer)),
    };
  }
}
