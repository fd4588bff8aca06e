import { type Kind, kindOf, typeOf } from './kinds.ts';
import { callLayout, headerLayout as h, recordFlags } from './layout.ts';

const HIGH = 2 ** 32;

/** Bytes that hold records. Made by the capture, because text is sliced fastest by Node's own Buffer. */
export type Batch = {
  readonly view: DataView;
  /** The same bytes as whole words, where they lie so. */
  readonly words: Int32Array | undefined;
  latin1(from: number, to: number): string;
  /** 4 or 16 bytes, which nobody may change. */
  address(at: number, length: number): Uint8Array;
  copy(from: number, to: number): Batch;
};

export function wordsOf({ buffer, byteOffset, byteLength }: DataView): Int32Array | undefined {
  return byteOffset % 4 === 0 ? new Int32Array(buffer, byteOffset, byteLength >> 2) : undefined;
}

/**
 * One record of a batch: a cursor that the capture moves from record to record, so nothing is allocated per event. All
 * is read where it lies, when asked for; text is byte strings. It is valid only until the callback returns: `retain()`
 * gives a copy that stays. Fields that only one kind has are read by decode.ts.
 */
export class Event {
  #batch: Batch;
  #view: DataView;
  #at: number;
  /** The last `comm` that was read, and its bytes as four numbers: most events are of who made the one before. */
  #name = { one: 0, two: 0, three: 0, four: 0, text: '' };

  constructor(batch: Batch, at = 0) {
    this.#batch = batch;
    this.#view = batch.view;
    this.#at = at;
  }

  /** Points the cursor at the record that starts at `at`. */
  moveTo(batch: Batch, at: number): this {
    this.#batch = batch;
    this.#view = batch.view;
    this.#at = at;
    return this;
  }

  /** The batch's words, if the record begins with one, and which: it is compared with others fastest so. */
  get words(): Int32Array | undefined {
    return (this.#at & 3) === 0 ? this.#batch.words : undefined;
  }

  get word(): number {
    return this.#at >> 2;
  }

  /** An independent copy of the record. */
  retain(): Event {
    return new Event(this.#batch.copy(this.#at, this.#at + this.length));
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.#at + offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(this.#at + offset, true);
  }

  s32(offset: number): number {
    return this.#view.getInt32(this.#at + offset, true);
  }

  /** Exact up to 2^53: times, inodes. */
  u64(offset: number): number {
    const at = this.#at + offset;
    return this.#view.getUint32(at + 4, true) * HIGH + this.#view.getUint32(at, true);
  }

  s64(offset: number): number {
    const at = this.#at + offset;
    return this.#view.getInt32(at + 4, true) * HIGH + this.#view.getUint32(at, true);
  }

  u64Exact(offset: number): bigint {
    return this.#view.getBigUint64(this.#at + offset, true);
  }

  /** 4 or 16 bytes; nobody may change them. */
  address(offset: number, length: number): Uint8Array {
    return this.#batch.address(this.#at + offset, length);
  }

  /** A copy of bytes of the record. */
  copy(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#at + offset, length).slice();
  }

  /** Whether the text that the `struct text` at `offset` names begins with these four bytes, as a little-endian number. */
  hasStart(offset: number, word: number): boolean {
    return this.u16(offset + 2) >= 4 && this.u32(this.u16(offset)) === word;
  }

  /** The record that lies within this one at `offset`. */
  part(offset: number): Event {
    return new Event(this.#batch, this.#at + offset);
  }

  /** Writes the record's bytes into `target`, from `offset` on. */
  copyTo(target: Uint8Array, offset: number): void {
    target.set(new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#at, this.length), offset);
  }

  /** The string that the `struct text` at `offset` names; `undefined` if it is empty. */
  text(offset: number): string | undefined {
    const length = this.u16(offset + 2);
    if (length === 0) return undefined;
    const from = this.#at + this.u16(offset);
    return this.#batch.latin1(from, from + length);
  }

  /** `undefined`: a record that this version does not know. */
  get kind(): Kind | undefined {
    return kindOf(this.u32(h.kind));
  }

  /** `evt.type`. */
  get type(): string {
    const kind = this.kind;
    return kind === undefined ? 'unknown' : typeOf(kind, this.nr);
  }

  get length(): number {
    return this.u32(h.length);
  }

  /** Nanoseconds since boot, suspend counted. */
  get timeNs(): number {
    return this.u64(h.time_ns);
  }

  /** start_boottime of the thread-group leader; with `pid` the identity of the process. */
  get startNs(): number {
    return this.u64(h.start_ns);
  }

  get cgroupId(): number {
    return this.u64(h.cgroup);
  }

  /** What the call returned: negative errno when it failed. A fork: the child's tid. An exit: the wait status. -1 if not known. */
  get ret(): number {
    return this.s64(h.ret);
  }

  get pid(): number {
    return this.u32(h.pid);
  }

  get tid(): number {
    return this.u32(h.tid);
  }

  get ppid(): number {
    return this.u32(h.ppid);
  }

  get vpid(): number {
    return this.u32(h.vpid);
  }

  get vtid(): number {
    return this.u32(h.vtid);
  }

  get uid(): number {
    return this.u32(h.uid);
  }

  get gid(): number {
    return this.u32(h.gid);
  }

  get euid(): number {
    return this.u32(h.euid);
  }

  /** 4294967295: never logged in. */
  get loginUid(): number {
    return this.u32(h.loginuid);
  }

  get cpu(): number {
    return this.u32(h.cpu);
  }

  /** x86_64 number of the system call. */
  get nr(): number {
    return this.u32(h.nr);
  }

  get flags(): number {
    return this.u32(h.flags);
  }

  get isCompat(): boolean {
    return (this.flags & recordFlags.compat) !== 0;
  }

  /** Done through io_uring; `nr` is the system call that does the same. */
  get isUring(): boolean {
    return (this.flags & recordFlags.uring) !== 0;
  }

  /** False: through io_uring, and how it ended is not known. */
  get hasResult(): boolean {
    return (this.flags & recordFlags.noResult) === 0;
  }

  get comm(): string {
    const view = this.#view;
    const from = this.#at + h.comm;
    const name = this.#name;
    const one = view.getInt32(from, true);
    const two = view.getInt32(from + 4, true);
    const three = view.getInt32(from + 8, true);
    const four = view.getInt32(from + 12, true);
    if (one === name.one && two === name.two && three === name.three && four === name.four) return name.text;
    let end = from;
    while (end < from + 16 && view.getUint8(end) !== 0) end++;
    const text = this.#batch.latin1(from, end);
    this.#name = { one, two, three, four, text };
    return text;
  }

  /** A raw argument of a call, 0 to 5: of all records but those of exec, fork and exit. */
  argument(index: number): bigint {
    return this.u64Exact(callLayout.args + 8 * index);
  }
}
