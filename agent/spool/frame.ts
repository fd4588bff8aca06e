// `crc32` is native and pure: it is the one thing that the form of the files takes from outside.
import { crc32 } from 'node:zlib';

/** An alert on its way through the spool. Numbers rise by the order of their making, across restarts. */
export type SpoolRecord = { readonly number: number; readonly text: string };

/** The router takes 4 MiB at once: a larger alert has nowhere to go. */
export const MOST_TEXT_BYTES = 4 * 1024 * 1024;

/**
 * A frame, little-endian: mark (4 bytes) · length of the text (u32) · number (u64) · CRC-32 of length, number and text
 * (u32) · text. No text holds the mark: 0xff occurs nowhere in UTF-8. So after damage the next frame is found again.
 */
const MARK = Buffer.from([0xff, 0x4c, 0x53, 0x01]);
const HEADER_BYTES = 20;
const CHECKED_FROM = 4;
const CHECKED_TO = 16;

/** How many bytes the frame of a text of so many bytes takes. */
export function frameBytes(textBytes: number): number {
  return HEADER_BYTES + textBytes;
}

/** Frames one after the other, and where each begins. */
export function encodeFrames(records: readonly SpoolRecord[]): {
  readonly bytes: Buffer;
  readonly offsets: readonly number[];
} {
  const lengths = records.map(({ text }) => Buffer.byteLength(text));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + frameBytes(length), 0));
  const offsets: number[] = [];
  let at = 0;
  for (const [index, { number, text }] of records.entries()) {
    const length = lengths[index] ?? 0;
    offsets.push(at);
    MARK.copy(bytes, at);
    bytes.writeUInt32LE(length, at + 4);
    bytes.writeBigUInt64LE(BigInt(number), at + 8);
    bytes.write(text, at + HEADER_BYTES, 'utf8');
    bytes.writeUInt32LE(checksum(bytes, at, length), at + CHECKED_TO);
    at += frameBytes(length);
  }
  return { bytes, offsets };
}

/** What stands at a place: a record, bytes that are none up to `end`, or nothing more. */
export type Step =
  | { readonly kind: 'record'; readonly number: number; readonly text: Buffer; readonly end: number }
  | { readonly kind: 'damage'; readonly end: number }
  | { readonly kind: 'end' };

export function readFrame(bytes: Buffer, at: number): Step {
  if (at >= bytes.length) return { kind: 'end' };
  const whole = wholeFrame(bytes, at);
  if (whole !== undefined) return whole;
  let next = bytes.indexOf(MARK, at + 1);
  while (next !== -1 && wholeFrame(bytes, next) === undefined) next = bytes.indexOf(MARK, next + 1);
  return { kind: 'damage', end: next === -1 ? bytes.length : next };
}

function wholeFrame(bytes: Buffer, at: number): Step | undefined {
  if (at + HEADER_BYTES > bytes.length || MARK.compare(bytes, at, at + MARK.length) !== 0) return undefined;
  const length = bytes.readUInt32LE(at + 4);
  const end = at + frameBytes(length);
  if (length > MOST_TEXT_BYTES || end > bytes.length) return undefined;
  if (bytes.readUInt32LE(at + CHECKED_TO) !== checksum(bytes, at, length)) return undefined;
  const number = Number(bytes.readBigUInt64LE(at + 8));
  if (!Number.isSafeInteger(number)) return undefined;
  return { kind: 'record', number, text: bytes.subarray(at + HEADER_BYTES, end), end };
}

function checksum(bytes: Buffer, at: number, length: number): number {
  const head = crc32(bytes.subarray(at + CHECKED_FROM, at + CHECKED_TO));
  return crc32(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length), head);
}
