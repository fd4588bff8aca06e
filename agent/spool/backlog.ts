import type { Log } from '#rules/cli/log';
import { frameBytes, MOST_TEXT_BYTES } from './frame.ts';
import type { Place } from './scan.ts';
import type { Spool, SpoolCounters } from './spool.ts';

/** The next alerts lie in memory, ready to be sent; what comes later waits on the disk only. */
const MOST_READY = 1_000;
const MOST_READY_BYTES = 4 * 1024 * 1024;
/** From here down more are read from the disk. */
const FEW_READY = 500;
const FEW_READY_BYTES = 2 * 1024 * 1024;
/** What is held in memory while the disk does not take it; beyond this the oldest are lost and counted. */
const MOST_LATER = 9_000;
const MOST_LATER_BYTES = 60 * 1024 * 1024;
const MOST_WRITE_BYTES = 1024 * 1024;
const TRY_AGAIN_MS = 1_000;
/** While the router takes alerts, it is given so long to take one before it is written: most never are. */
const GRACE_MS = 5;

/** An alert as JSON, on its way to the router. */
export type Waiting = { readonly text: string; readonly bytes: number };

/** What is sent together. `isFirst`: none of it was ever sent before, so nobody can know it. */
export type Batch = { readonly texts: readonly string[]; readonly isFirst: boolean };

export type BacklogOptions = {
  readonly spool: Spool;
  readonly log: Log;
  /** There are alerts ready again. */
  readonly ready: () => void;
};

export type BacklogCounters = {
  readonly held: number;
  readonly lost: number;
  /** Held in memory only: a kill of this process loses them. */
  readonly exposed: number;
  readonly spool: SpoolCounters;
};

type Entry = Waiting & {
  readonly number: number;
  /** `safe`: on the disk. `done`: taken by the router, or given up. */
  state: 'unwritten' | 'writing' | 'safe' | 'done';
  wasSent: boolean;
};

/**
 * Alerts that the router has not taken, in their order: `ready` in memory, then those that wait on the disk, then
 * `later` in memory, which are not on the disk yet. Without a disk that works the middle part is empty.
 */
export class Backlog {
  readonly #spool: Spool;
  readonly #log: Log;
  readonly #onReady: () => void;
  #ready: Entry[] = [];
  #readyBytes = 0;
  #later: Entry[] = [];
  #laterBytes = 0;
  /** In order; some may be done meanwhile. */
  #unwritten: Entry[] = [];
  #lastNumber: number;
  #lost = 0;
  #isReading = false;
  #writing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;
  /** The router took the last alerts that it was sent. */
  #isFlowing = false;
  #isClosed = false;

  constructor({ spool, log, ready }: BacklogOptions) {
    this.#spool = spool;
    this.#log = log;
    this.#onReady = ready;
    this.#lastNumber = spool.lastNumber;
    this.#fill();
  }

  /** Alerts that can be sent now. */
  get size(): number {
    return this.#ready.length;
  }

  counters(): BacklogCounters {
    const spool = this.#spool.counters();
    const exposed = [...this.#ready, ...this.#later].filter(({ state }) => state !== 'safe').length;
    const held = this.#ready.length + spool.waiting + this.#later.length;
    return { held, lost: this.#lost + spool.lost, exposed, spool };
  }

  add(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (bytes > MOST_TEXT_BYTES) {
      this.#lost++;
      this.#log('error', 'an alert is larger than any router takes, and is given up', { bytes });
      return;
    }
    const entry: Entry = { text, bytes, number: ++this.#lastNumber, state: 'unwritten', wasSent: false };
    this.#unwritten.push(entry);
    this.#later.push(entry);
    this.#laterBytes += bytes;
    this.#fill();
    while (this.#later.length > MOST_LATER || this.#laterBytes > MOST_LATER_BYTES) this.#dropLater();
    if (this.#retry === undefined && this.#writing === undefined) this.#writeSoon();
  }

  /** The first alerts, at least one if any is ready. They stay until `done`. */
  next(most: number, mostBytes: number): Batch {
    const batch: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#ready) {
      bytes += entry.bytes;
      if (batch.length >= most || (batch.length > 0 && bytes > mostBytes)) break;
      batch.push(entry);
    }
    const isFirst = batch.every(({ wasSent }) => !wasSent);
    for (const entry of batch) entry.wasSent = true;
    return { texts: batch.map(({ text }) => text), isFirst };
  }

  /** The first `count` alerts are taken, or will never be. */
  done(count: number): void {
    const entries = this.#ready.splice(0, count);
    for (const entry of entries) {
      entry.state = 'done';
      this.#readyBytes -= entry.bytes;
    }
    this.#isFlowing = true;
    const last = entries.at(-1);
    if (last !== undefined) this.#spool.acknowledge(last.number);
    this.#fill();
  }

  /** The router does not take alerts: what is held goes to the disk at once. */
  stalled(): void {
    this.#isFlowing = false;
    if (this.#retry === undefined) this.#startWriting();
  }

  /** Brings what is held to the disk, for at most `withinMs`. May be called twice. */
  async close(withinMs: number): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#startWriting();
    const closing = async () => {
      await this.#writing;
      await this.#spool.close();
    };
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([closing(), tooLate]);
    clearTimeout(timer);
  }

  #fill(): void {
    if (this.#isReading) return;
    if (this.#spool.waiting === 0) this.#takeLater();
    else if (this.#ready.length <= FEW_READY && this.#readyBytes <= FEW_READY_BYTES && !this.#isClosed) {
      this.#isReading = true;
      void this.#readBack();
    }
  }

  #takeLater(): void {
    let count = 0;
    for (const entry of this.#later) {
      if (this.#ready.length >= MOST_READY || this.#readyBytes >= MOST_READY_BYTES) break;
      this.#ready.push(entry);
      this.#readyBytes += entry.bytes;
      this.#laterBytes -= entry.bytes;
      count++;
    }
    this.#later.splice(0, count);
  }

  async #readBack(): Promise<void> {
    const records = await this.#spool.read(MOST_READY - FEW_READY, MOST_READY_BYTES - FEW_READY_BYTES);
    this.#isReading = false;
    for (const { number, text } of records) {
      const bytes = Buffer.byteLength(text);
      // An earlier process may have sent it.
      this.#ready.push({ number, text, bytes, state: 'safe', wasSent: true });
      this.#readyBytes += bytes;
    }
    this.#fill();
    if (this.#ready.length > 0 && !this.#isClosed) this.#onReady();
  }

  /** Gives up the oldest that is neither ready nor being written. */
  #dropLater(): void {
    const [entry] = this.#later.splice(
      this.#later.findIndex(({ state }) => state === 'unwritten'),
      1,
    );
    if (entry === undefined) return;
    entry.state = 'done';
    this.#laterBytes -= entry.bytes;
    this.#lost++;
  }

  #writeSoon(): void {
    if (this.#isFlowing) this.#grace ??= setTimeout(() => this.#startWriting(), GRACE_MS);
    else this.#startWriting();
  }

  /**
   * At the end of this turn: alerts of one batch of events are written together, and after the request to the router has
   * left.
   */
  #startWriting(): void {
    clearTimeout(this.#grace);
    this.#grace = undefined;
    this.#writing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#write());
  }

  async #write(): Promise<void> {
    for (let batch = this.#nextWrite(); batch.length > 0; batch = this.#nextWrite()) {
      const outcome = await this.#spool.append(batch);
      for (const entry of batch) {
        if (entry.state === 'writing') entry.state = outcome.ok ? 'safe' : 'unwritten';
      }
      if (!outcome.ok) {
        this.#unwritten = [...batch, ...this.#unwritten];
        this.#tryAgainLater();
        break;
      }
      this.#leaveOnDisk(batch, outcome.places);
    }
    this.#writing = undefined;
  }

  /** What the router has taken by now need not be written any more. */
  #nextWrite(): readonly Entry[] {
    const unwritten = this.#unwritten.filter(({ state }) => state !== 'done');
    let bytes = 0;
    let count = 0;
    for (const entry of unwritten) {
      bytes += frameBytes(entry.bytes);
      if (count > 0 && bytes > MOST_WRITE_BYTES) break;
      entry.state = 'writing';
      count++;
    }
    this.#unwritten = unwritten.slice(count);
    return unwritten.slice(0, count);
  }

  /** Of what was written, only what is ready stays in memory. */
  #leaveOnDisk(batch: readonly Entry[], places: readonly Place[]): void {
    this.#fill();
    const left = this.#later[0] === undefined ? -1 : batch.indexOf(this.#later[0]);
    if (left === -1) return;
    const count = batch.length - left;
    for (const { bytes } of this.#later.splice(0, count)) this.#laterBytes -= bytes;
    this.#spool.leave(places.slice(left));
  }

  #tryAgainLater(): void {
    if (this.#isClosed) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#startWriting();
    }, TRY_AGAIN_MS).unref();
  }
}
