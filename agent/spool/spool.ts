import { type FileHandle, open, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { alertSchema } from '#rules/alert';
import type { Log, LogFields, LogLevel } from '#rules/cli/log';
import { makeFolder } from '#rules/cli/make-folder';
import { writeCursor } from './cursor.ts';
import { encodeFrames, readFrame, type SpoolRecord } from './frame.ts';
import { countFinished, countToDrop, segmentBytes, segmentName } from './plan.ts';
import { CURSOR, type Place, type Segment, scanSpool } from './scan.ts';

/** What is written reaches the disk so soon, many writes at once; not at all when the router has taken it by then. */
const SYNC_AFTER_MS = 5;
/** A killed agent sends again what the router took in this time; the router recognises it. */
const SAVE_CURSOR_MS = 1_000;
const SAY_EVERY_MS = 60_000;

export type SpoolOptions = {
  readonly folder: string;
  readonly maxBytes: number;
  readonly log: Log;
};

export type SpoolCounters = {
  readonly segments: number;
  readonly bytes: number;
  /** Records that wait here and not in memory. */
  readonly waiting: number;
  /** Records that were given up: the spool was full, or they could not be read back (one for each damaged place). */
  readonly lost: number;
  /** Places without a whole record that were found at the start. */
  readonly damaged: number;
  /** Segments found at the start whose end was cut off while it was written. */
  readonly torn: number;
  /** Times that the disk refused. */
  readonly refused: number;
};

export type Appended =
  | { readonly ok: true; readonly places: readonly Place[] }
  | { readonly ok: false; readonly reason: string };

type Active = { readonly segment: Segment; readonly handle: FileHandle };
type Chunk = { readonly segment: Segment; readonly from: number; readonly bytes: Buffer };

/**
 * Alerts on disk until the router has them: segment files that only grow, and a cursor. One `append` at a time, one
 * `read` at a time. A segment of an earlier run is never written again.
 */
export class Spool {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #log: Log;
  readonly #segments: Segment[];
  readonly #counts: { lost: number; readonly damaged: number; readonly torn: number; refused: number };
  /** The highest number found at the start. */
  readonly lastNumber: number;
  #active: Active | undefined;
  /** Where the first record that waits begins; with none, its value means nothing. */
  #reader: Place | undefined;
  #chunk: Chunk | undefined;
  #acknowledged: number;
  #savedCursor: number;
  #written: number;
  #synced: number;
  #syncTimer: NodeJS.Timeout | undefined;
  #cursorTimer: NodeJS.Timeout | undefined;
  /** Files are put away and the cursor is saved one after the other. */
  #upkeep: Promise<void> = Promise.resolve();
  /** When each warning was last given. */
  readonly #said = new Map<string, number>();
  #isRefused = false;
  #isClosed = false;

  constructor({ folder, maxBytes, log }: SpoolOptions) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#log = log;
    const found = scanSpool(folder);
    const { acknowledged, damaged, torn, last } = found;
    this.#segments = [...found.segments];
    this.#reader = found.first;
    this.lastNumber = last;
    this.#acknowledged = this.#savedCursor = acknowledged;
    this.#written = this.#synced = last;
    this.#counts = { lost: damaged, damaged, torn, refused: 0 };
    this.#remove(found.finished);
    if (this.waiting > 0) log('info', 'alerts of an earlier run wait in the spool', { alerts: this.waiting });
    if (damaged + torn > 0) log('warn', 'the spool is damaged; what can be read of it is sent', { damaged, torn });
  }

  /** Records that wait here and not in memory. */
  get waiting(): number {
    return this.#segments.reduce((sum, { unread }) => sum + unread, 0);
  }

  counters(): SpoolCounters {
    const bytes = this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
    return { ...this.#counts, segments: this.#segments.length, bytes, waiting: this.waiting };
  }

  /** Resolves when the kernel has the records: from then on they outlive this process. */
  async append(records: readonly SpoolRecord[]): Promise<Appended> {
    const last = records.at(-1);
    if (last === undefined) return { ok: true, places: [] };
    try {
      const { bytes, offsets } = encodeFrames(records);
      await this.#makeRoom(bytes.length);
      const active = await this.#openFor(records[0]?.number ?? last.number);
      const { segment } = active;
      await this.#write(active, bytes);
      const places = offsets.map((offset) => ({ segment, offset: segment.bytes + offset }));
      segment.bytes += bytes.length;
      segment.last = this.#written = last.number;
      this.#syncSoon();
      this.#accepted();
      return { ok: true, places };
    } catch (error) {
      return { ok: false, reason: this.#refused(error) };
    }
  }

  /** These records are forgotten in memory now; `read` brings them back. They follow what waits already. */
  leave(places: readonly Place[]): void {
    for (const place of places) {
      if (this.waiting === 0) this.#reader = place;
      place.segment.unread++;
    }
  }

  /** The next records that wait: at most so many, and no more once they have so many bytes. None: nothing waits. */
  async read(most: number, mostBytes: number): Promise<readonly SpoolRecord[]> {
    for (;;) {
      const place = this.#nextPlace();
      if (place === undefined) return [];
      const chunk = await this.#load(place);
      // Dropped meanwhile: the spool is full.
      if (place.segment.unread === 0) continue;
      const records = this.#take(place.offset, chunk, most, mostBytes);
      if (records.length > 0) return records;
    }
  }

  /** The router has everything up to this number, or will never take it. */
  acknowledge(number: number): void {
    if (number <= this.#acknowledged) return;
    this.#acknowledged = number;
    const lasts = this.#segments.map(({ last }) => last);
    const count = Math.min(countFinished(lasts, number), this.#segments.length - (this.#active === undefined ? 0 : 1));
    if (count > 0) this.#remove(this.#segments.splice(0, count).map(({ path }) => path));
    if (this.#segments.length === 0 || this.#isClosed) return;
    this.#cursorTimer ??= setTimeout(() => {
      this.#cursorTimer = undefined;
      this.#saveCursor();
    }, SAVE_CURSOR_MS).unref();
  }

  /** Brings everything to the disk; may be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#syncTimer);
    clearTimeout(this.#cursorTimer);
    try {
      await this.#endActive();
    } catch (error) {
      this.#refused(error);
    }
    this.#saveCursor();
    const lasts = this.#segments.map(({ last }) => last);
    this.#remove(this.#segments.splice(0, countFinished(lasts, this.#acknowledged)).map(({ path }) => path));
    await this.#upkeep;
  }

  async #makeRoom(incoming: number): Promise<void> {
    const sizes = this.#segments.map(({ bytes }) => bytes);
    const dropped = this.#segments.slice(0, countToDrop(sizes, incoming, this.#maxBytes));
    if (dropped.length === 0) return;
    if (dropped.some((segment) => segment === this.#active?.segment)) await this.#endActive();
    this.#segments.splice(0, dropped.length);
    for (const segment of dropped) {
      this.#counts.lost += segment.unread;
      segment.unread = 0;
    }
    const { lost } = this.#counts;
    this.#say('error', 'the spool is full: its oldest alerts are given up', { max_bytes: this.#maxBytes, lost });
    this.#remove(dropped.map(({ path }) => path));
    await this.#upkeep;
  }

  async #openFor(number: number): Promise<Active> {
    if (this.#active !== undefined && this.#active.segment.bytes < segmentBytes(this.#maxBytes)) return this.#active;
    await this.#endActive();
    makeFolder(this.#folder);
    const path = join(this.#folder, segmentName(number));
    const handle = await open(path, 'w', 0o600);
    const segment = { path, bytes: 0, last: number, unread: 0 };
    this.#active = { segment, handle };
    this.#segments.push(segment);
    // The name has to outlive a loss of power as well.
    const folder = await open(this.#folder, 'r');
    await folder.sync().finally(() => folder.close());
    return this.#active;
  }

  async #write({ segment, handle }: Active, bytes: Buffer): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, segment.bytes + done);
        done += bytesWritten;
      }
    } catch (error) {
      // The half that was written goes; where even that fails, it is found to be no record later.
      await handle.truncate(segment.bytes).catch(() => undefined);
      await handle.close().catch(() => undefined);
      this.#active = undefined;
      if (segment.bytes === 0) {
        this.#segments.pop();
        this.#remove([segment.path]);
        await this.#upkeep;
      }
      throw error;
    }
  }

  /** Nothing more comes into the segment that is written now. */
  async #endActive(): Promise<void> {
    if (this.#active === undefined) return;
    const { handle } = this.#active;
    this.#active = undefined;
    const written = this.#written;
    try {
      if (this.#acknowledged < written && this.#synced < written) await handle.datasync();
      this.#synced = written;
    } finally {
      await handle.close();
    }
  }

  #syncSoon(): void {
    if (this.#isClosed) return;
    this.#syncTimer ??= setTimeout(() => {
      const { handle } = this.#active ?? {};
      const written = this.#written;
      if (handle === undefined || this.#acknowledged >= written) {
        this.#syncTimer = undefined;
        return;
      }
      handle.datasync().then(
        () => {
          this.#synced = Math.max(this.#synced, written);
          this.#syncTimer = undefined;
          if (this.#synced < this.#written) this.#syncSoon();
        },
        (error: unknown) => {
          this.#syncTimer = undefined;
          if (handle === this.#active?.handle) this.#refused(error);
        },
      );
    }, SYNC_AFTER_MS).unref();
  }

  /** Where the next record that waits begins. */
  #nextPlace(): Place | undefined {
    if (this.waiting === 0) return undefined;
    if (this.#reader !== undefined && this.#reader.segment.unread > 0) return this.#reader;
    const segment = this.#segments.find(({ unread }) => unread > 0);
    this.#reader = segment && { segment, offset: 0 };
    return this.#reader;
  }

  async #load({ segment, offset }: Place): Promise<Chunk> {
    const known = this.#chunk;
    if (known?.segment === segment && known.from <= offset && offset < known.from + known.bytes.length) return known;
    const bytes = Buffer.allocUnsafe(segment.bytes - offset);
    let done = 0;
    try {
      const handle = await open(segment.path, 'r');
      try {
        while (done < bytes.length) {
          const { bytesRead } = await handle.read(bytes, done, bytes.length - done, offset + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
      } finally {
        await handle.close();
      }
    } catch (error) {
      this.#refused(error);
    }
    this.#chunk = { segment, from: offset, bytes: bytes.subarray(0, done) };
    return this.#chunk;
  }

  /** Records from `offset` of the segment on. At its end, those that should be there and are not are lost. */
  #take(offset: number, { segment, from, bytes }: Chunk, most: number, mostBytes: number): readonly SpoolRecord[] {
    const records: SpoolRecord[] = [];
    let at = offset - from;
    while (records.length < most && at - (offset - from) < mostBytes && segment.unread > 0) {
      const step = readFrame(bytes, at);
      if (step.kind === 'end') {
        // More may have been written since these bytes were read.
        if (from + at < segment.bytes && bytes.length > 0) break;
        this.#lose(segment, segment.unread, 'it is not there any more');
        break;
      }
      at = step.end;
      if (step.kind === 'damage' || step.number <= this.#acknowledged) continue;
      segment.unread--;
      const text = step.text.toString();
      const reason = whyNoAlert(text);
      if (reason === undefined) records.push({ number: step.number, text });
      else this.#lose(segment, 0, reason);
    }
    this.#reader = { segment, offset: from + at };
    if (segment.unread === 0) this.#chunk = undefined;
    return records;
  }

  #lose(segment: Segment, unread: number, reason: string): void {
    segment.unread -= unread;
    this.#counts.lost += Math.max(1, unread);
    this.#say('error', 'alerts in the spool cannot be read back', { lost: this.#counts.lost, reason });
  }

  #remove(paths: readonly string[]): void {
    if (paths.length === 0) return;
    this.#upkeep = this.#upkeep.then(async () => {
      for (const path of paths) {
        try {
          await unlink(path);
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) this.#refused(error);
        }
      }
    });
  }

  #saveCursor(): void {
    const acknowledged = this.#acknowledged;
    if (acknowledged === this.#savedCursor) return;
    const path = join(this.#folder, CURSOR);
    this.#upkeep = this.#upkeep.then(async () => {
      try {
        // Not synced: an older cursor, or none, only makes the router see repeats.
        await writeFile(`${path}.next`, writeCursor(acknowledged), { mode: 0o600 });
        await rename(`${path}.next`, path);
        this.#savedCursor = acknowledged;
      } catch (error) {
        this.#refused(error);
      }
    });
  }

  #refused(error: unknown): string {
    if (!(error instanceof Error && 'code' in error)) throw error;
    this.#counts.refused++;
    this.#isRefused = true;
    const { refused } = this.#counts;
    this.#say('warn', 'the spool cannot be used; alerts wait in memory only', { reason: error.message, refused });
    return error.message;
  }

  #say(level: LogLevel, message: string, fields: LogFields): void {
    const nowMs = performance.now();
    if (nowMs - (this.#said.get(message) ?? Number.NEGATIVE_INFINITY) < SAY_EVERY_MS) return;
    this.#said.set(message, nowMs);
    this.#log(level, message, fields);
  }

  #accepted(): void {
    if (this.#isRefused) this.#log('info', 'the spool can be used again');
    this.#isRefused = false;
  }
}

/** What is read from a disk is checked like all input, although only we write there. */
function whyNoAlert(text: string): string | undefined {
  try {
    const read = alertSchema.safeParse(JSON.parse(text));
    return read.success ? undefined : (read.error.issues[0]?.message ?? 'not an alert');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
