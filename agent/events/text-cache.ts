/** Of texts of usual length, and of environments and long command lines: how many are kept, powers of two, and of what length. */
const SHORT = { slots: 4_096, longest: 128 };
const LONG = { slots: 16, longest: 4_096 };
const ADDRESSES = 1_024;
const MULTIPLIER = 0x9e37_79b1;

/**
 * Texts that come again and again become one string: found by its bytes, so it is neither made nor hashed anew. Each text
 * has one place in a table of fixed size, and whoever comes twice later takes it: names made up by an attacker fill no memory.
 */
export class TextCache {
  readonly #short: Table;
  readonly #long = new Table(LONG);
  readonly #addresses: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(ADDRESSES).fill(undefined);

  /** `slots`: of texts of usual length, a power of two. */
  constructor(slots: number = SHORT.slots) {
    this.#short = new Table({ ...SHORT, slots });
  }

  /** The byte string from `from` to `to`; `make` makes it if it is not known. */
  read(view: DataView, from: number, to: number, make: (from: number, to: number) => string): string {
    const length = to - from;
    if (length < 4 || length > LONG.longest) return make(from, to);
    return (length > SHORT.longest ? this.#long : this.#short).read(view, from, to, make);
  }

  /** An address of 4 or 16 bytes, which nobody may change: the next one who asks gets the same. */
  address(view: DataView, at: number, length: number): Uint8Array {
    const slot = slotOf(hashOf(view, at, at + length - 4), ADDRESSES);
    const known = this.#addresses[slot];
    if (known?.length === length && isAt(known, view, at)) return known;
    const made = new Uint8Array(view.buffer, view.byteOffset + at, length).slice();
    this.#addresses[slot] = made;
    return made;
  }
}

class Table {
  readonly #bytes: DataView;
  readonly #texts: string[];
  /** Of the last text that came to the place, whether or not it is the one that is kept. */
  readonly #hashes: Int32Array;
  readonly #longest: number;
  /** The slot that was asked for last: environments come again and again. */
  #last = 0;

  constructor({ slots, longest }: { readonly slots: number; readonly longest: number }) {
    this.#bytes = new DataView(new ArrayBuffer(slots * longest));
    this.#texts = new Array<string>(slots).fill('');
    this.#hashes = new Int32Array(slots);
    this.#longest = longest;
  }

  read(view: DataView, from: number, to: number, make: (from: number, to: number) => string): string {
    const texts = this.#texts;
    const last = to - 4;
    const bytes = this.#bytes;
    const latest = texts[this.#last] ?? '';
    if (latest.length === to - from && isSame(bytes, view, from, last, this.#last * this.#longest - from))
      return latest;
    const hash = hashOf(view, from, last);
    const slot = slotOf(hash, texts.length);
    const text = texts[slot] ?? '';
    const base = slot * this.#longest - from;
    if (text.length === to - from && isSame(bytes, view, from, last, base)) {
      this.#last = slot;
      return text;
    }
    // What comes once is not kept.
    if (this.#hashes[slot] !== hash) {
      this.#hashes[slot] = hash;
      return make(from, to);
    }
    this.#last = slot;
    for (let at = from; at < last; at += 4) bytes.setUint32(base + at, view.getUint32(at, true), true);
    bytes.setUint32(base + last, view.getUint32(last, true), true);
    const made = make(from, to);
    texts[slot] = made;
    return made;
  }
}

/** Of whole words from `from` on, and the last one, which may lie over the one before. */
function hashOf(view: DataView, from: number, last: number): number {
  let hash = last - from;
  for (let at = from; at < last; at += 4) hash = mix(hash, view.getUint32(at, true));
  return mix(hash, view.getUint32(last, true));
}

/** Bits of all of the word reach the lower half of the next one. */
function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, MULTIPLIER);
  return mixed ^ (mixed >>> 16);
}

const slotOf = (hash: number, slots: number): number => (hash ^ (hash >>> 15)) & (slots - 1);

function isSame(bytes: DataView, view: DataView, from: number, last: number, base: number): boolean {
  for (let at = from; at < last; at += 4) {
    if (bytes.getUint32(base + at, true) !== view.getUint32(at, true)) return false;
  }
  return bytes.getUint32(base + last, true) === view.getUint32(last, true);
}

function isAt(bytes: Uint8Array, view: DataView, at: number): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== view.getUint8(at + index)) return false;
  return true;
}
