const LOOK_MS = 2_000;
/** Less than this of a core since the last look is rest. */
const REST_SHARE = 0.1;
/** What is used all the time comes back within this. */
const SETTLE_MS = 10_000;
/** So much more than after that is worth doing it again. */
const GROWN_BYTES = 8 * 1024 * 1024;
/** The process stands still for some 60 ms. */
const AGAIN_MS = 300_000;

export type RestLook = { readonly nowMs: number; readonly cpuMs: number; readonly residentBytes: number };

/** Decides when memory is given back: when the process rests after its start, and later when it rests and has grown since. */
export class Rest {
  #before: RestLook;
  #lastMs = Number.NEGATIVE_INFINITY;
  #settledBytes = 0;

  constructor(start: RestLook) {
    this.#before = start;
  }

  /** Whether now is the time, which it is not again for a while. Asked at regular intervals. */
  isTime(now: RestLook): boolean {
    const before = this.#before;
    this.#before = now;
    const sinceMs = now.nowMs - this.#lastMs;
    if (sinceMs < SETTLE_MS) this.#settledBytes = now.residentBytes;
    const isResting = now.cpuMs - before.cpuMs < REST_SHARE * (now.nowMs - before.nowMs);
    const isWorthIt = sinceMs >= AGAIN_MS && now.residentBytes >= this.#settledBytes + GROWN_BYTES;
    if (!isResting || !isWorthIt) return false;
    this.#lastMs = now.nowMs;
    return true;
  }
}

function look(): RestLook {
  const { user, system } = process.cpuUsage();
  return { nowMs: performance.now(), cpuMs: (user + system) / 1_000, residentBytes: process.memoryUsage.rss() };
}

/**
 * Collects garbage at rest, which the start and later work have left behind; `more` gives back what else there is. Returns what ends that.
 */
export function startRests(more: () => void = () => undefined): () => void {
  const rest = new Rest(look());
  const timer = setInterval(() => {
    if (!rest.isTime(look())) return;
    // Missing only without `--expose-gc`: the collector then comes in its own time.
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    more();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
