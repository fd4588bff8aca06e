import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCursor } from './cursor.ts';
import { readFrame } from './frame.ts';
import { readSegmentName } from './plan.ts';

export const CURSOR = 'cursor.json';

/** A file of records. */
export type Segment = {
  readonly path: string;
  /** Up to the end of the last whole write. */
  bytes: number;
  /** Number of its last record. */
  last: number;
  /** Records that wait here and not in memory. */
  unread: number;
};

/** A place in a segment where a record begins. */
export type Place = { readonly segment: Segment; readonly offset: number };

export type Found = {
  /** In order; without those that are finished. */
  readonly segments: readonly Segment[];
  /** Files without a record that is still wanted. */
  readonly finished: readonly string[];
  readonly acknowledged: number;
  /** The highest number that was ever given out, as far as can be told. */
  readonly last: number;
  /** Where the first record that waits begins. */
  readonly first: Place | undefined;
  /** Places in the middle of a segment that hold no whole record. */
  readonly damaged: number;
  /** Segments whose end is cut off: power failed, or the agent was killed, while writing. */
  readonly torn: number;
};

/** What an earlier run left in the folder. Reads only. What cannot be read is as if it were not there, or damaged. */
export function scanSpool(folder: string): Found {
  const names = listNames(folder);
  const acknowledged = readSavedCursor(join(folder, CURSOR), names);
  const found = { segments: [] as Segment[], finished: [] as string[], last: acknowledged, damaged: 0, torn: 0 };
  let first: Place | undefined;
  for (const name of names) {
    const number = readSegmentName(name);
    if (number === undefined) continue;
    const path = join(folder, name);
    found.last = Math.max(found.last, number);
    const bytes = tryTo(() => readFileSync(path));
    if (bytes === undefined) {
      found.damaged++;
      continue;
    }
    const segment: Segment = { path, bytes: bytes.length, last: 0, unread: 0 };
    for (let at = 0; at < bytes.length; ) {
      const step = readFrame(bytes, at);
      if (step.kind === 'end') break;
      if (step.kind === 'damage') {
        if (step.end === bytes.length) found.torn++;
        else found.damaged++;
      } else {
        segment.last = Math.max(segment.last, step.number);
        if (step.number > acknowledged) {
          first ??= { segment, offset: at };
          segment.unread++;
        }
      }
      at = step.end;
    }
    found.last = Math.max(found.last, segment.last);
    if (segment.unread > 0) found.segments.push(segment);
    else found.finished.push(path);
  }
  return { ...found, acknowledged, first };
}

function listNames(folder: string): readonly string[] {
  return (tryTo(() => readdirSync(folder)) ?? []).sort();
}

function readSavedCursor(path: string, names: readonly string[]): number {
  if (!names.includes(CURSOR)) return 0;
  return readCursor(tryTo(() => readFileSync(path, 'utf8')) ?? '') ?? 0;
}

/** `undefined`: the system refused. */
function tryTo<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
