import type { Event } from '../events/event.ts';
import { headerLayout as h } from '../events/layout.ts';

/** Records that are remembered; a power of two. Each has one place, and whoever comes later takes it. */
const SLOTS = 512;
/** The longest that is. */
const WORDS = 96;
const LENGTH = h.length >> 2;
const TIME = h.time_ns >> 2;
const PID = h.pid >> 2;
const CPU = h.cpu >> 2;
const MULTIPLIER = 0x9e37_79b1;

/**
 * Records that meant nothing: no rule fired and nothing changed. One that is the same in every byte but its time and
 * processor means nothing as well, as long as everything else is what it was: then it is not looked at again. What a
 * program does once is not kept; what it does twice is.
 */
export class Repeats {
  readonly #words = new Int32Array(SLOTS * WORDS);
  /** Of the last record that came to the place, whether or not it is the one that is kept. */
  readonly #marks = new Int32Array(SLOTS);
  /** Of what is kept: the version of everything else, and until when it is good. */
  readonly #versions = new Float64Array(SLOTS).fill(-1);
  readonly #untilNs = new Float64Array(SLOTS);
  /** Of the record that `has` was asked about last: its mark, and its length; 0: it is none that can be kept. */
  #mark = 0;
  #bytes = 0;

  /** Whether the record is one that meant nothing in this version of everything else. */
  has(event: Event, version: number): boolean {
    this.#bytes = 0;
    const { words, word } = event;
    if (words === undefined) return false;
    const bytes = words[word + LENGTH] ?? 0;
    if (bytes > WORDS * 4 || word + ((bytes + 3) >> 2) > words.length) return false;
    this.#bytes = bytes;
    const mark = markOf(words, word, bytes >> 2);
    this.#mark = mark;
    const slot = slotOf(mark);
    return (
      this.#versions[slot] === version &&
      this.#marks[slot] === mark &&
      event.timeNs < (this.#untilNs[slot] ?? 0) &&
      isSame(this.#words, slot * WORDS, words, word, bytes)
    );
  }

  /** Whether the record that `has` was asked about last has come before; the next time it has. */
  comesAgain(): boolean {
    if (this.#bytes === 0) return false;
    const slot = slotOf(this.#mark);
    if (this.#marks[slot] === this.#mark) return true;
    this.#marks[slot] = this.#mark;
    this.#versions[slot] = -1;
    return false;
  }

  /** Remembers the record that `has` was asked about last, after it came again; until then it may be kept. */
  keep({ words, word }: Event, version: number, untilNs: number): void {
    if (words === undefined) return;
    const slot = slotOf(this.#mark);
    const count = (this.#bytes + 3) >> 2;
    for (let at = 0; at < count; at++) this.#words[slot * WORDS + at] = words[word + at] ?? 0;
    this.#versions[slot] = version;
    this.#untilNs[slot] = untilNs;
  }
}

/** Of who made it, how long it is and how it ends: paths differ there. */
function markOf(words: Int32Array, from: number, count: number): number {
  let mark = Math.imul((words[from + PID] ?? 0) ^ (count << 22), MULTIPLIER);
  mark = Math.imul(mark ^ (words[from + count - 1] ?? 0) ^ (mark >>> 15), MULTIPLIER);
  mark = Math.imul(mark ^ (words[from + count - 2] ?? 0) ^ (mark >>> 15), MULTIPLIER);
  return mark ^ (mark >>> 13);
}

const slotOf = (mark: number): number => mark & (SLOTS - 1);

function isSame(kept: Int32Array, base: number, words: Int32Array, from: number, bytes: number): boolean {
  const whole = bytes >> 2;
  for (let at = 0; at < TIME; at++) if (kept[base + at] !== words[from + at]) return false;
  for (let at = TIME + 2; at < CPU; at++) if (kept[base + at] !== words[from + at]) return false;
  for (let at = CPU + 1; at < whole; at++) if (kept[base + at] !== words[from + at]) return false;
  const rest = bytes & 3;
  return rest === 0 || ((kept[base + whole] ?? 0) ^ (words[from + whole] ?? 0)) << (32 - 8 * rest) === 0;
}
