import { type Kind, kindOf, typeOf } from './kinds.ts';
import { callLayout, headerLayout as h, recordFlags } from './layout.ts';

const HIGH = 2 ** 32;

/**
 * One record of a batch: a cursor that the capture moves from record to record, so nothing is allocated per event. All
 * is read where it lies, when asked for; text is byte strings. It is valid only until the callback returns: `retain()`
 * gives a copy that stays. Fields that only one kind has are read by decode.ts.
 */
export class Event {
  #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer = Buffer.alloc(h.size)) {
    this.#bytes = bytes;
  }

  /** Points the cursor at the record that starts at `at`. */
  moveTo(bytes: Buffer, at: number): this {
    this.#bytes = bytes;
    this.#at = at;
    return this;
  }

  /** An independent copy of the record. */
  retain(): Event {
    return new Event(Buffer.from(this.#bytes.subarray(this.#at, this.#at + this.length)));
  }

  u16(offset: number): number {
    return this.#bytes.readUInt16LE(this.#at + offset);
  }

  u32(offset: number): number {
    return this.#bytes.readUInt32LE(this.#at + offset);
  }

  s32(offset: number): number {
    return this.#bytes.readInt32LE(this.#at + offset);
  }

  /** Exact up to 2^53: times, inodes. */
  u64(offset: number): number {
    const at = this.#at + offset;
    return this.#bytes.readUInt32LE(at + 4) * HIGH + this.#bytes.readUInt32LE(at);
  }

  s64(offset: number): number {
    const at = this.#at + offset;
    return this.#bytes.readInt32LE(at + 4) * HIGH + this.#bytes.readUInt32LE(at);
  }

  u64Exact(offset: number): bigint {
    return this.#bytes.readBigUInt64LE(this.#at + offset);
  }

  /** A copy of bytes of the record. */
  copy(offset: number, length: number): Uint8Array {
    const at = this.#at + offset;
    return Uint8Array.prototype.slice.call(this.#bytes, at, at + length);
  }

  /** The string that the `struct text` at `offset` names; `undefined` if it is empty. */
  text(offset: number): string | undefined {
    const length = this.u16(offset + 2);
    if (length === 0) return undefined;
    const from = this.#at + this.u16(offset);
    return this.#bytes.latin1Slice(from, from + length);
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

  /** What the call returned: negative errno when it failed. A fork: the child's tid. An exit: the wait status. */
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

  get comm(): string {
    const from = this.#at + h.comm;
    const end = this.#bytes.indexOf(0, from);
    return this.#bytes.latin1Slice(from, end === -1 || end > from + 16 ? from + 16 : end);
  }

  /** A raw argument of a call record, 0 to 5. */
  argument(index: number): bigint {
    return this.u64Exact(callLayout.args + 8 * index);
  }
}
