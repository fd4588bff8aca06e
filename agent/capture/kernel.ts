import { release } from 'node:os';
import { type NativeCapture, openNative, type Ring, rings, takesOtherEntries } from '#native';
import { byteStringToBytes } from '#rules/language/byte-string';
import { nameOfCall } from '../events/calls.ts';
import { type Batch, Event } from '../events/event.ts';
import { headerLayout } from '../events/layout.ts';
import type { Losses } from '../events/losses.ts';
import { TextCache } from '../events/text-cache.ts';
import { encodeCompatCalls, encodeLookedAt } from './compat.ts';
import { readLosses } from './losses.ts';
import { Merge } from './merge.ts';
import { Pace } from './pace.ts';
import { CopyingReader, InPlaceReader, type RingReader, toBatch } from './ring-reader.ts';
import { type Details, encodeShapes } from './shapes.ts';
import { type Choice, chooseWay, describeWay, Hooks, isPreemptible, type Way } from './ways.ts';

export type CaptureOptions = {
  /** Event types wanted. Exec, fork and exit of processes always come. */
  readonly types: Iterable<string>;
  readonly details?: Details | undefined;
  /** Called for each event in the order of its time. The cursor is good until the call returns. */
  readonly onEvent: (event: Event) => void;
  /** After each drain that brought events. */
  readonly onBatchEnd?: (() => void) | undefined;
  /** Sizes of the kernel's rings, powers of two. */
  readonly lifecycleBytes: number;
  readonly bulkBytes: number;
  /** Texts that are kept, so that they are made once; a power of two. */
  readonly texts?: number | undefined;
  /** Programs that are killed as they are started (agent/respond/reflexes.ts): their tests, and who is spared. */
  readonly reflexes?:
    | {
        readonly tests: Uint8Array;
        readonly control: Uint8Array;
        readonly spared: readonly string[];
        readonly isDenying: boolean;
      }
    | undefined;
  /** A tracepoint that is treated as if the kernel had it not: tests see what follows. */
  readonly leaveOut?: string | undefined;
  /** How calls are come by, in the place of what this kernel is best watched by: tests compare them. */
  readonly way?: Way | undefined;
  /** Whether execs, forks and exits come to two hooks each, in the place of what this kernel needs: tests see both. */
  readonly isSeconded?: boolean | undefined;
  /** Records are read where the kernel put them, unless foreign memory is refused here. */
  readonly reading?: 'in-place' | 'copy' | undefined;
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

export type FilterCounters = { readonly sent: number; readonly dropped: number };

/** In `struct filter`: what tells one filter from another. */
const GENERATION_AT = 12;
const cgroupKinds = { unknown: 0, host: 1, container: 2 } as const;

/** What is lost from the first moment, and why: sentences. */
export type BlindSpots = readonly string[];

export type CaptureOutcome =
  | { readonly ok: true; readonly capture: Capture; readonly blindSpots: BlindSpots }
  | { readonly ok: false; readonly reason: string };

/** As large as the doorbell's ring. */
const DOORBELL_BYTES = 4_096;
/** Twice what the kernel writes at once; some 70 processes. */
const SNAPSHOT_BYTES = 64 * 1024;
/** Records handed on in one turn of the event loop: other work must not starve. */
const RECORDS_MAX = 16_384;
/** Before reflexes change. */
const MOST_DRAINS = 64;

/** Loads the kernel programs and starts the flow of events. The calling process's own are left out. */
export function openCapture(options: CaptureOptions): CaptureOutcome {
  const isSeconded = options.isSeconded ?? isPreemptible(release());
  if (options.way !== undefined)
    return openBy({ way: options.way, reason: 'it was asked for' }, { ...options, isSeconded });
  const choice = chooseWay({ release: release(), takesOtherEntries: takesOtherEntries() });
  const outcome = openBy(choice, { ...options, isSeconded });
  if (outcome.ok || choice.way === 'typed') return outcome;
  return openBy({ way: 'typed', reason: `the other ways fail here: ${outcome.reason}` }, options);
}

function openBy(choice: Choice, options: CaptureOptions): CaptureOutcome {
  const outcome = openNative({ ...options, deny: options.reflexes?.isDenying, byPerf: choice.way !== 'typed' });
  if (!outcome.ok) return outcome;
  const native = outcome.capture;
  try {
    native.fill('compat_calls', encodeCompatCalls());
    const hooks = new Hooks(choice, (events) => native.hook(events));
    const types = [...options.types];
    describe(native, types, options.details);
    native.ignore(process.pid, true);
    if (options.reflexes !== undefined) {
      const { tests, control, spared } = options.reflexes;
      for (const path of spared) native.sparePath(byteStringToBytes(path));
      native.fill('reflex_tests', tests);
      native.fill('reflex_controls', control);
    }
    native.attach();
    hooks.use(types);
    return { ok: true, capture: new Capture(native, hooks, { ...options, types }), blindSpots: native.blindSpots() };
  } catch (error) {
    native.close();
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Tells the kernel side what is wanted: before it is hooked where that comes. */
function describe(native: NativeCapture, types: readonly string[], details: Details | undefined): void {
  native.fill('shapes', encodeShapes(types, details));
  native.fill('.data.looked_at', encodeLookedAt(types));
}

/** The flow of events out of the kernel; owns the programs, the rings and the timer. */
export class Capture {
  readonly #native: NativeCapture;
  readonly #hooks: Hooks;
  readonly #options: CaptureOptions;
  readonly #texts: TextCache;
  readonly #cursor: Event;
  readonly #readers: readonly RingReader[];
  readonly #lifecycle: RingReader;
  readonly #doorbell: Uint8Array;
  readonly #merge: Merge<RingReader>;
  readonly #pace: Pace;
  /** By the clock alone: nobody wakes us before that. */
  #isGathering = false;
  #next: NodeJS.Immediate | undefined;
  #isDraining = false;
  /** What came since the last look woke nobody: to the kernel we had not caught up. */
  #isBehind = false;
  #drainedMs = 0;
  /** In the last drain. */
  #lifecycleTaken = 0;
  #closed = false;
  #lastCounters: CaptureCounters | undefined;
  #lastLosses: Losses = {};
  #lastFiltered: Readonly<Record<string, FilterCounters>> = {};
  #generation = 0;
  #tables: Uint8Array | undefined;
  #wanted: { readonly types: readonly string[]; readonly details: Details };
  #shed: ReadonlySet<string> = new Set();

  constructor(native: NativeCapture, hooks: Hooks, options: CaptureOptions) {
    this.#native = native;
    this.#hooks = hooks;
    this.#options = options;
    this.#wanted = { types: [...options.types], details: options.details ?? {} };
    this.#texts = new TextCache(options.texts);
    const lifecycle = openReader(native, rings.lifecycle, this.#texts, options.reading);
    const bulk = openReader(native, rings.bulk, this.#texts, options.reading);
    this.#readers = [lifecycle, bulk];
    this.#lifecycle = lifecycle;
    this.#merge = new Merge(bulk, lifecycle);
    this.#cursor = new Event(lifecycle.batch);
    this.#pace = new Pace(options);
    this.#doorbell = new Uint8Array(DOORBELL_BYTES);
    native.watch(rings.doorbell, () => {
      native.drain(rings.doorbell, this.#doorbell);
      this.drain();
    });
    this.#watch();
  }

  #watch(): void {
    for (const ring of [rings.lifecycle, rings.bulk]) {
      this.#native.watch(ring, () => {
        if (this.#pace.isRested(performance.now() - this.#drainedMs)) this.drain();
        else this.#gather();
      });
    }
  }

  /** Nobody is to wake us until we have looked. */
  #gather(): void {
    if (this.#isGathering || this.#closed) return;
    this.#native.pause(rings.lifecycle);
    this.#native.pause(rings.bulk);
    this.#lookIn(this.#pace.begin());
  }

  #lookIn(waitMs: number): void {
    this.#isGathering = true;
    this.#native.wakeIn(waitMs, this.#look);
  }

  readonly #look = (): void => {
    const records = this.#drain();
    this.#isGathering = false;
    if (this.#closed) return;
    const nextMs = this.#pace.next(this.#lifecycleTaken, records - this.#lifecycleTaken);
    if (nextMs !== undefined) this.#lookIn(nextMs);
    else if (this.#isBehind) this.#lookIn(this.#pace.begin());
    else this.#watch();
  };

  /**
   * Takes what is there now, without waiting for a wake-up; what is more than a turn's worth follows by itself. Whether
   * there is more.
   */
  drain(): boolean {
    // Whoever handles an event and asks for more has it in this very loop.
    if (this.#closed || this.#isDraining) return false;
    this.#drain();
    if (this.#isBehind) this.#gather();
    return this.#next !== undefined;
  }

  /** How many records were taken. */
  #drain(): number {
    this.#isDraining = true;
    this.#lifecycleTaken = 0;
    let left = RECORDS_MAX;
    try {
      for (let before = -1; left !== before && left > 0 && !this.#closed; ) {
        before = left;
        left = this.#deliver(left);
        if (left !== before) this.#options.onBatchEnd?.();
      }
    } finally {
      this.#isDraining = false;
    }
    this.#drainedMs = performance.now();
    this.#isBehind = false;
    if (this.#closed) return RECORDS_MAX - left;
    if (left === 0) this.#next ??= setImmediate(() => this.#goOn());
    else this.#isBehind = this.#readers.map((reader) => reader.settle()).includes(true);
    return RECORDS_MAX - left;
  }

  #goOn(): void {
    this.#next = undefined;
    this.drain();
  }

  /** At most so many of the records in both rings, in the order of time. How many more it might have been. */
  #deliver(most: number): number {
    const { onEvent } = this.#options;
    let left = most;
    this.#merge.run((next) => {
      next.take(this.#cursor);
      if (next === this.#lifecycle) this.#lifecycleTaken++;
      onEvent(this.#cursor);
      left--;
      return left > 0 && !this.#closed;
    });
    return left;
  }

  /** Replaces the event types that are wanted. */
  setTypes(types: Iterable<string>, details: Details = {}): void {
    this.#wanted = { types: [...types], details };
    this.setShed(this.#shed);
  }

  /** Of the wanted ones, types that are only counted from now on (`cpu_limit` among the losses). */
  setShed(shed: ReadonlySet<string>): void {
    const { types, details } = this.#wanted;
    this.#shed = shed;
    describe(this.#native, types, { ...details, shed });
    this.#hooks.use(types);
  }

  /** How calls are come by, and by how many hooks. */
  way(): { readonly name: Way; readonly text: string; readonly hooks: number } {
    const { choice, count } = this.#hooks;
    return { name: choice.way, text: describeWay(choice), hooks: count };
  }

  /**
   * Drops in the kernel what these tables (agent/pushdown) say, from now on; `undefined`: nothing. To change the rules as
   * well: first nothing is dropped, then the rules change, then comes their filter.
   */
  setFilter(tables: Uint8Array | undefined): void {
    this.#tables = tables;
    if (tables !== undefined) {
      const view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength);
      view.setUint32(GENERATION_AT, ++this.#generation, true);
    }
    this.#native.setFilter(tables);
  }

  /** The same filter, to which nothing has been answered yet. */
  renewFilter(): void {
    if (!this.#closed && this.#tables !== undefined) this.setFilter(this.#tables);
  }

  /** Answers an event that asks: which guards of the filter hold for the program that its process runs. */
  judge(event: Event, guards: number): void {
    if (this.#closed) return;
    const [start, pid, time, value] = [
      event.u64Exact(headerLayout.start_ns),
      BigInt(event.pid),
      event.u64Exact(headerLayout.time_ns),
      (BigInt(this.#generation) << 32n) | BigInt(guards),
    ];
    this.#native.judge(BigUint64Array.of(start, pid, time, value));
  }

  /** What the filter may take a cgroup for. */
  setCgroup(id: number, kind: keyof typeof cgroupKinds): void {
    this.#native.setCgroupKind(id, cgroupKinds[kind]);
  }

  /** Changes what reflexes may do, from now on. */
  setReflexControl(control: Uint8Array): void {
    if (!this.#closed) this.#native.fill('reflex_controls', control);
  }

  /** Other tests, in the bank that is not asked now, and who is spared besides. All that was told of what they replace is handed on first. */
  setReflexTests(tests: Uint8Array, spared: readonly string[]): void {
    if (this.#closed) return;
    for (let turns = 0; turns < MOST_DRAINS && this.drain(); turns++);
    for (const path of spared) this.#native.sparePath(byteStringToBytes(path));
    this.#native.fill('reflex_tests', tests);
  }

  /** What the guard rails say of kills in a cgroup. */
  clearCgroup(id: number, verdict: 'cleared' | 'protected'): void {
    if (!this.#closed) this.#native.clearCgroup(id, verdict === 'cleared' ? 1 : 2);
  }

  /** By type of event, how many the filter sent and dropped; only of types that it looks at. */
  filtered(): Readonly<Record<string, FilterCounters>> {
    if (this.#closed) return this.#lastFiltered;
    const numbers = this.#native.filterCounters();
    const found: Record<string, FilterCounters> = {};
    for (let number = 0; number * 2 < numbers.length; number++) {
      const [sent = 0, dropped = 0] = numbers.subarray(number * 2);
      const type = sent + dropped > 0 ? nameOfCall(number) : undefined;
      if (type !== undefined) found[type] = { sent, dropped };
    }
    return found;
  }

  /**
   * The next of the host's processes, as records of exec in a row that are good while they are held. `undefined`: that was
   * all, and the next call begins anew; or this kernel makes no such list.
   */
  snapshot(): { readonly batch: Batch; readonly bytes: number } | undefined {
    const buffer = Buffer.allocUnsafe(SNAPSHOT_BYTES);
    const bytes = this.#native.snapshot(buffer) ?? 0;
    return bytes === 0 ? undefined : { batch: toBatch(buffer, this.#texts), bytes };
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

  /** The same losses by cause and type of event, and what else the kernel side left out. Dearer than `counters()`. */
  losses(): Losses {
    return this.#closed ? this.#lastLosses : readLosses(this.#native.losses());
  }

  /** What is still in the rings is not delivered: call `drain()` before for that. */
  close(): void {
    if (this.#closed) return;
    this.#lastCounters = this.counters();
    this.#lastFiltered = this.filtered();
    this.#lastLosses = this.losses();
    this.#closed = true;
    clearImmediate(this.#next);
    this.#native.close();
  }
}

function openReader(
  native: NativeCapture,
  ring: Ring,
  texts: TextCache,
  reading: CaptureOptions['reading'],
): RingReader {
  const pages = reading === 'copy' ? undefined : native.map(ring);
  return pages === undefined ? new CopyingReader(native, ring, texts) : new InPlaceReader(pages, texts);
}
