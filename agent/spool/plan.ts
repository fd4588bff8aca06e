/** A segment holds this share of the spool: so much goes at once when the spool is full. */
const SHARE = 64;
const LEAST_SEGMENT_BYTES = 64 * 1024;
const MOST_SEGMENT_BYTES = 4 * 1024 * 1024;

/** From this size on a segment is closed and the next one begun. */
export function segmentBytes(maxBytes: number): number {
  return Math.min(MOST_SEGMENT_BYTES, Math.max(LEAST_SEGMENT_BYTES, Math.floor(maxBytes / SHARE)));
}

/** A segment is named for its first record's number and the version of its form; by name they are in order. */
export function segmentName(number: number): string {
  return `${String(number).padStart(16, '0')}.v1`;
}

/** `undefined`: not a segment, or one of a form that this agent does not know. */
export function readSegmentName(name: string): number | undefined {
  const digits = /^(\d{16})\.v1$/.exec(name)?.[1];
  const number = Number(digits ?? Number.NaN);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** How many of the oldest segments have to go, so that `incoming` bytes fit. */
export function countToDrop(sizes: readonly number[], incoming: number, maxBytes: number): number {
  let total = sizes.reduce((sum, size) => sum + size, incoming);
  let count = 0;
  for (const size of sizes) {
    if (total <= maxBytes) break;
    total -= size;
    count++;
  }
  return count;
}

/** How many of the oldest segments the router has acknowledged to their end. `lasts` are their last records' numbers. */
export function countFinished(lasts: readonly number[], acknowledged: number): number {
  const first = lasts.findIndex((last) => last > acknowledged);
  return first === -1 ? lasts.length : first;
}
