import type { Scene } from '../fields/scene.ts';
import type { Container } from '../state/containers/container.ts';

/** Events that wait, of all containers together; further ones are matched with what is known. */
const MOST_HELD = 4_096;

type Held = Omit<Scene, 'around'>;
type Line = { readonly untilMs: number; events: Held[] };

/** Events of containers that no engine has described yet, in order for each container. */
export class Waiting {
  readonly #lines = new Map<string, Line>();
  readonly #goOn: (held: Held) => void;
  readonly #waitMs: number;
  #count = 0;

  constructor(goOn: (held: Held) => void, waitMs: number) {
    this.#goOn = goOn;
    this.#waitMs = waitMs;
  }

  /** `false`: this one does not wait, because its container has been waited for long enough or too many wait. */
  hold(id: string, seen: Held, nowMs: number): boolean {
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = { untilMs: nowMs + this.#waitMs, events: [] };
      this.#lines.set(id, line);
    }
    if (nowMs >= line.untilMs) return false;
    if (this.#count >= MOST_HELD) {
      // Its own earlier events go first, so that the order holds.
      this.#empty(line, undefined);
      return false;
    }
    line.events.push({ ...seen, event: seen.event.retain() });
    this.#count++;
    return true;
  }

  release(id: string, container: Container): void {
    const line = this.#lines.get(id);
    if (line === undefined) return;
    this.#lines.delete(id);
    this.#empty(line, container);
  }

  /** Lines stay until the engine has answered: that they were waited for is remembered. */
  expire(nowMs: number): void {
    for (const line of this.#lines.values()) if (nowMs >= line.untilMs) this.#empty(line, undefined);
  }

  get count(): number {
    return this.#count;
  }

  #empty(line: Line, container: Container | undefined): void {
    const { events } = line;
    line.events = [];
    this.#count -= events.length;
    for (const held of events) this.#goOn(container === undefined ? held : { ...held, container });
  }
}
