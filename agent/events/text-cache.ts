/** A power of two. */
const SLOTS = 4_096;
/** Longer texts are made anew each time. */
const LONGEST = 128;
const MULTIPLIER = 0x9e37_79b1;

/**
 * Texts that come again and again become one string: found by its bytes, so it is neither made nor hashed anew. Each text
 * has one place in a table of fixed size, and whoever comes later takes it: names made up by an attacker fill no memory.
 */
export class TextCache {
  readonly #bytes = new DataView(new ArrayBuffer(SLOTS * LONGEST));
  readonly #texts = new Array<string>(SLOTS).fill('');

  /** The byte string from `from` to `to`; `make` makes it if it is not known. */
  read(view: DataView, from: number, to: number, make: (from: number, to: number) => string): string {
    const length = to - from;
    if (length > LONGEST || length < 4) return make(from, to);
    const last = to - 4;
    let hash = length;
    for (let at = from; at < last; at += 4) hash = mix(hash, view.getUint32(at, true));
    hash = mix(hash, view.getUint32(last, true));
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const text = this.#texts[slot] ?? '';
    const base = slot * LONGEST - from;
    if (text.length === length && this.#has(view, from, last, base)) return text;
    for (let at = from; at < last; at += 4) this.#bytes.setUint32(base + at, view.getUint32(at, true), true);
    this.#bytes.setUint32(base + last, view.getUint32(last, true), true);
    const made = make(from, to);
    this.#texts[slot] = made;
    return made;
  }

  #has(view: DataView, from: number, last: number, base: number): boolean {
    const bytes = this.#bytes;
    for (let at = from; at < last; at += 4) {
      if (bytes.getUint32(base + at, true) !== view.getUint32(at, true)) return false;
    }
    return bytes.getUint32(base + last, true) === view.getUint32(last, true);
  }
}

/** Bits of all of the word reach the lower half of the next one. */
function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, MULTIPLIER);
  return mixed ^ (mixed >>> 16);
}
