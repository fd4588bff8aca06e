import type { Event } from '../events/event.ts';
import { typeOf } from '../events/kinds.ts';

/** What the events of a type took from their arrival to their alerts, since the start. */
export type EventCost = { readonly events: number; readonly totalNs: number };

/** One event in so many is measured: reading a clock costs what an event does. A prime number, as that of rules. */
const MEASURED_EVERY = 61;
/** Of calls, by their number; the last two are of all other calls and of what is no call. */
const ROWS = 514;
const OTHER_CALL = 512;
const EXIT = 513;

/** Counts events by type, and takes the time of a few. */
export class EventCosts {
  readonly #events = new Float64Array(ROWS);
  readonly #measured = new Float64Array(ROWS);
  readonly #ns = new Float64Array(ROWS);
  readonly #nowMs: () => number;
  #until = MEASURED_EVERY;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Has the event handled. */
  run(event: Event, handle: (event: Event) => void): void {
    const row = rowOf(event);
    this.#add(this.#events, row, 1);
    if (--this.#until > 0) {
      handle(event);
      return;
    }
    this.#until = MEASURED_EVERY;
    const fromMs = this.#nowMs();
    handle(event);
    this.#add(this.#measured, row, 1);
    this.#add(this.#ns, row, (this.#nowMs() - fromMs) * 1e6);
  }

  #add(to: Float64Array, row: number, value: number): void {
    to[row] = (to[row] ?? 0) + value;
  }

  /** Types that came; the time is what was measured, held against how many came. */
  costs(): ReadonlyMap<string, EventCost> {
    const found = new Map<string, EventCost>();
    for (const [row, events] of this.#events.entries()) {
      if (events === 0) continue;
      const perEvent = (this.#ns[row] ?? 0) / Math.max(1, this.#measured[row] ?? 0);
      found.set(nameOf(row), { events, totalNs: perEvent * events });
    }
    return found;
  }
}

function rowOf(event: Event): number {
  if (event.kind === 'exit') return EXIT;
  const { nr } = event;
  return Math.min(nr, OTHER_CALL);
}

const nameOf = (row: number): string => (row === EXIT ? typeOf('exit', row) : typeOf('call', row));
