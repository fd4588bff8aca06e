import type { Event } from '../events/event.ts';
import type { InternalAlert } from './loss.ts';

const MINUTE_MS = 60_000;

/** Made through io_uring, and no more is known than by whom: no rule can be asked. */
export const isUnread = (event: Event): boolean => event.kind === 'call' && event.isUring && !event.hasResult;

/** Calls through io_uring of which not all is known, so that a rule may have missed them. Told at once, then once a minute. */
export class HiddenCalls {
  #count = 0;
  #first: { readonly type: string; readonly name: string; readonly pid: number } | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;

  note(event: Event): void {
    this.#count++;
    this.#first ??= { type: event.type, name: event.comm, pid: event.pid };
  }

  /** What is to be told now. */
  look(nowMs: number): InternalAlert | undefined {
    const first = this.#first;
    if (first === undefined || nowMs - this.#toldMs < MINUTE_MS) return undefined;
    const count = this.#count;
    this.#toldMs = nowMs;
    this.#count = 0;
    this.#first = undefined;
    return {
      what: 'io_uring',
      priority: 'Warning',
      message: `${count} calls through io_uring could not be seen wholly; the first was ${first.type} by ${first.name} (${first.pid}).`,
      fields: { count, 'evt.type': first.type, 'proc.name': first.name, 'proc.pid': first.pid },
    };
  }
}
