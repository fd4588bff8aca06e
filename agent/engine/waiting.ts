import type { LossCause } from '../events/losses.ts';
import type { Scene } from '../fields/scene.ts';
import type { Container } from '../state/containers/container.ts';

/** Events that wait, of all containers together; further ones are matched with what is known. */
const MOST_HELD = 4_096;

type Held = Omit<Scene, 'around'>;
/** Why an event goes on without its container's details. */
type Lack = LossCause & `container_wait_${string}`;
type Line = { readonly untilMs: number; events: Held[] };

/** Events of containers that no engine has described yet, in order for each container. */
export class Waiting {
  readonly #lines = new Map<string, Line>();
  readonly #goOn: (held: Held, lack: Lack | undefined) => void;
  readonly #waitMs: number;
  #count = 0;

  constructor(goOn: (held: Held, lack: Lack | undefined) => void, waitMs: number) {
    this.#goOn = goOn;
    this.#waitMs = waitMs;
  }

  /** `undefined`: it waits. Else why it does not: its container has been waited for long enough, or too many wait. */
  hold(id: string, seen: Held, nowMs: number): Lack | undefined {
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = { untilMs: nowMs + this.#waitMs, events: [] };
      this.#lines.set(id, line);
    }
    if (nowMs >= line.untilMs) return 'container_wait_over';
    if (this.#count >= MOST_HELD) {
      // Its own earlier events go first, so that the order holds.
      this.#empty(line, 'container_wait_full');
      return 'container_wait_full';
    }
    line.events.push({ ...seen, event: seen.event.retain() });
    this.#count++;
    return undefined;
  }

  release(id: string, container: Container): void {
    const line = this.#lines.get(id);
    if (line === undefined) return;
    this.#lines.delete(id);
    this.#empty(line, container);
  }

  /** Lines stay until the engine has answered: that they were waited for is remembered. */
  expire(nowMs: number): void {
    for (const line of this.#lines.values()) if (nowMs >= line.untilMs) this.#empty(line, 'container_wait_over');
  }

  get count(): number {
    return this.#count;
  }

  #empty(line: Line, known: Container | Lack): void {
    const { events } = line;
    line.events = [];
    this.#count -= events.length;
    for (const held of events) {
      if (typeof known === 'string') this.#goOn(held, known);
      else this.#goOn({ ...held, container: known }, undefined);
    }
  }
}
