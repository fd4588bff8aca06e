import { byteStringToBytes, bytesToByteString } from '#rules/language/byte-string';
import { numberOfCall } from './calls.ts';
import { type Batch, Event, wordsOf } from './event.ts';
import { type Kind, kinds } from './kinds.ts';
import { callLayout, execLayout, fileLayout, forkLayout, headerLayout, polledLayout, socketLayout } from './layout.ts';

type Offsets = Readonly<Record<string, number>>;

const offsets: Readonly<Record<Kind, Offsets>> = {
  exec: { ...headerLayout, ...execLayout },
  denied: { ...headerLayout, ...execLayout },
  fork: { ...headerLayout, ...forkLayout },
  exit: headerLayout,
  file: { ...headerLayout, ...fileLayout },
  socket: { ...headerLayout, ...socketLayout },
  call: { ...headerLayout, ...callLayout },
  polled: { ...headerLayout, ...polledLayout },
};

/** Fields that are not 32 bits wide. */
const wide: ReadonlySet<string> = new Set(
  'time_ns start_ns cgroup ret inode parent_start_ns child_start_ns clone_flags cap_effective cap_permitted cap_inheritable args'.split(
    ' ',
  ),
);
const narrow: ReadonlySet<string> = new Set(['family', 'protocol', 'type', 'local_port', 'remote_port', 'state']);

const RECORD_BYTES = 2_048;
const TEXTS_AT = 256;

/** What a record holds, by the names of layout.ts; all that is left out is zero. Text is byte strings. */
export type RecordParts = {
  readonly numbers?: Readonly<Record<string, number | bigint>>;
  readonly texts?: Readonly<Record<string, string>>;
};

/** A record as the kernel programs write it: for tests, and for whatever else has no kernel at hand. */
export function writeRecord(kind: Kind, call: string, { numbers = {}, texts = {} }: RecordParts = {}): Event {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  const at = (name: string): number => {
    const offset = offsets[kind][name];
    if (offset === undefined) throw new Error(`a record of kind ${kind} has no ${name}`);
    return offset;
  };
  for (const [name, value] of Object.entries({ kind: kinds[kind], nr: numberOfCall(call) ?? 0, ...numbers })) {
    if (wide.has(name)) view.setBigInt64(at(name), BigInt(value), true);
    else if (narrow.has(name)) view.setUint16(at(name), Number(value), true);
    else view.setUint32(at(name), Number(value) >>> 0, true);
  }
  let end = TEXTS_AT;
  for (const [name, text] of Object.entries(texts)) {
    bytes.set(byteStringToBytes(text), name === 'comm' ? at(name) : end);
    if (name === 'comm') continue;
    view.setUint16(at(name), end, true);
    view.setUint16(at(name) + 2, text.length, true);
    end += text.length;
  }
  view.setUint32(headerLayout.length, end, true);
  return new Event(batchOf(bytes));
}

function batchOf(bytes: Uint8Array<ArrayBuffer>): Batch {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    view,
    words: wordsOf(view),
    latin1: (from, to) => bytesToByteString(bytes.subarray(from, to)),
    address: (at, length) => bytes.slice(at, at + length),
    copy: (from, to) => batchOf(bytes.slice(from, to)),
  };
}
