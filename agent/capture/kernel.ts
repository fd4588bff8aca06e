import { type NativeCapture, openNative, type Ring, rings } from '#native';
import { type Batch, Event } from '../events/event.ts';
import { Merge, type Taken } from './merge.ts';
import { encodeCompatCalls, encodeShapes } from './shapes.ts';

export type CaptureOptions = {
  /** Event types wanted. Exec, fork and exit of processes always come. */
  readonly types: Iterable<string>;
  /** Called for each event in the order of its time. The cursor is good until the call returns. */
  readonly onEvent: (event: Event) => void;
  /** After each drain that brought events. */
  readonly onBatchEnd?: (() => void) | undefined;
  /** Sizes of the kernel's rings, powers of two. */
  readonly lifecycleBytes?: number | undefined;
  readonly bulkBytes?: number | undefined;
};

/** What was lost, and why; all since the start. */
export type CaptureCounters = {
  readonly lifecycle: number;
  readonly bulk: number;
  readonly dropped: {
    readonly lifecycleFull: number;
    readonly bulkFull: number;
    readonly noScratch: number;
    /** Runs that the kernel skipped because one was under way on the same CPU. */
    readonly recursion: number;
  };
};

export type CaptureOutcome =
  | { readonly ok: true; readonly capture: Capture }
  | { readonly ok: false; readonly reason: string };

const LIFECYCLE_BYTES = 1 << 20;
const BULK_BYTES = 8 << 20;
/** Room for one drain of a ring; the rest follows in the next round. At least one record of the largest size. */
const BATCH_BYTES = 1 << 18;
/** Waiting this long before a drain keeps the kernel from waking us for each event. */
const LAZY_MS = 1;
/** Records handed on in one turn of the event loop: other work must not starve. */
const RECORDS_MAX = 16_384;

/** Loads the kernel programs and starts the flow of events. The calling process's own are left out. */
export function openCapture(options: CaptureOptions): CaptureOutcome {
  const outcome = openNative({
    lifecycleBytes: options.lifecycleBytes ?? LIFECYCLE_BYTES,
    bulkBytes: options.bulkBytes ?? BULK_BYTES,
  });
  if (!outcome.ok) return outcome;
  const native = outcome.capture;
  try {
    native.fill('compat_calls', encodeCompatCalls());
    native.fill('shapes', encodeShapes(options.types));
    native.ignore(process.pid, true);
    native.attach();
    return { ok: true, capture: new Capture(native, options) };
  } catch (error) {
    native.close();
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The flow of events out of the kernel; owns the programs, the rings and the timer. */
export class Capture {
  readonly #native: NativeCapture;
  readonly #options: CaptureOptions;
  readonly #cursor: Event;
  readonly #merge: Merge<RingReader>;
  #timer: NodeJS.Timeout | undefined;
  #drainedMs = 0;
  #closed = false;
  #lastCounters: CaptureCounters | undefined;

  constructor(native: NativeCapture, options: CaptureOptions) {
    this.#native = native;
    this.#options = options;
    const lifecycle = new RingReader(native, rings.lifecycle);
    this.#merge = new Merge(new RingReader(native, rings.bulk), lifecycle);
    this.#cursor = new Event(lifecycle.batch);
    // An exec is answered at once; calls wait a little, unless it has been quiet.
    native.watch(rings.lifecycle, () => this.drain());
    this.#watchBulk();
  }

  #watchBulk(): void {
    this.#native.watch(rings.bulk, () => {
      if (performance.now() - this.#drainedMs > LAZY_MS) return this.drain();
      this.#native.pause(rings.bulk);
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.drain();
        if (!this.#closed) this.#watchBulk();
      }, LAZY_MS);
    });
  }

  /** Takes what is there now, without waiting for a wake-up; what is more than a turn's worth follows by itself. */
  drain(): void {
    let left = RECORDS_MAX;
    for (let before = -1; left !== before && left > 0 && !this.#closed; ) {
      before = left;
      left = this.#deliver(left);
      if (left !== before) this.#options.onBatchEnd?.();
    }
    this.#drainedMs = performance.now();
    if (left === 0) setImmediate(() => this.drain());
  }

  /** At most so many of the records in both rings, in the order of time. How many more it might have been. */
  #deliver(most: number): number {
    const { onEvent } = this.#options;
    let left = most;
    this.#merge.run((next) => {
      next.take(this.#cursor);
      onEvent(this.#cursor);
      left--;
      return left > 0 && !this.#closed;
    });
    return left;
  }

  /** Replaces the event types that are wanted. */
  setTypes(types: Iterable<string>): void {
    this.#native.fill('shapes', encodeShapes(types));
  }

  /** Leaves out the events of a process, all its threads included. */
  ignore(pid: number, ignored = true): void {
    this.#native.ignore(pid, ignored);
  }

  counters(): CaptureCounters {
    if (this.#closed && this.#lastCounters !== undefined) return this.#lastCounters;
    const [lifecycle = 0, bulk = 0, lifecycleFull = 0, bulkFull = 0, noScratch = 0, recursion = 0] =
      this.#native.counters();
    return { lifecycle, bulk, dropped: { lifecycleFull, bulkFull, noScratch, recursion } };
  }

  /** What is still in the rings is not delivered: call `drain()` before for that. */
  close(): void {
    if (this.#closed) return;
    this.#lastCounters = this.counters();
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#native.close();
  }
}

/** One ring's batch and how far it is read. */
class RingReader implements Taken {
  readonly #native: NativeCapture;
  readonly #ring: Ring;
  readonly #bytes = Buffer.allocUnsafeSlow(BATCH_BYTES);
  readonly batch: Batch = toBatch(this.#bytes);
  readonly #head = new Event(this.batch);
  #at = 0;
  #end = 0;
  /** Time of the next record; infinite at the end. */
  timeNs = Number.POSITIVE_INFINITY;

  constructor(native: NativeCapture, ring: Ring) {
    this.#native = native;
    this.#ring = ring;
  }

  fill(): void {
    this.#at = 0;
    this.#end = this.#native.drain(this.#ring, this.#bytes);
    this.#look();
  }

  take(cursor: Event): void {
    cursor.moveTo(this.batch, this.#at);
    this.#at += cursor.length;
    this.#look();
  }

  #look(): void {
    this.timeNs = this.#at < this.#end ? this.#head.moveTo(this.batch, this.#at).timeNs : Number.POSITIVE_INFINITY;
  }
}

function toBatch(bytes: Buffer): Batch {
  return {
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    latin1: (from, to) => bytes.toString('latin1', from, to),
    copy: (from, to) => toBatch(Buffer.from(bytes.subarray(from, to))),
  };
}
