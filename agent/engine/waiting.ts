import type { LossCause } from '../events/losses.ts';
import type { Scene } from '../fields/scene.ts';
import type { Container } from '../state/containers/container.ts';

/** Events that wait for one kind of answer, all together; further ones are matched with what is known. */
const MOST_HELD = 4_096;

export type Held = Omit<Scene, 'around'>;
/** Why an event goes on without the answer that it waited for. */
export type Lack = LossCause & `${string}_wait_${string}`;
type Lacks = { readonly full: Lack; readonly over: Lack };
type Line = { readonly untilMs: number; events: Held[] };

/** Events that wait for what is being asked: of containers that no engine has described yet. In order for each of them. */
export class Waiting {
  readonly #lines = new Map<string, Line>();
  readonly #goOn: (held: Held, lack: Lack | undefined) => void;
  readonly #waitMs: number;
  readonly #lacks: Lacks;
  readonly #most: number;
  #count = 0;

  constructor(goOn: (held: Held, lack: Lack | undefined) => void, waitMs: number, lacks: Lacks, most = MOST_HELD) {
    this.#lacks = lacks;
    this.#goOn = goOn;
    this.#most = most;
    this.#waitMs = waitMs;
  }

  /** `undefined`: it waits. Else why it does not: its container has been waited for long enough, or too many wait. */
  hold(id: string, seen: Held, nowMs: number): Lack | undefined {
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = { untilMs: nowMs + this.#waitMs, events: [] };
      this.#lines.set(id, line);
    }
    if (nowMs >= line.untilMs) return this.#lacks.over;
    if (this.#count >= this.#most) {
      // Its own earlier events go first, so that the order holds.
      this.#empty(line, this.#lacks.full);
      return this.#lacks.full;
    }
    line.events.push({ ...seen, event: seen.event.retain() });
    this.#count++;
    return undefined;
  }

  /** It was answered; with a container, that is the answer. */
  release(id: string, container?: Container): void {
    const line = this.#lines.get(id);
    if (line === undefined) return;
    this.#lines.delete(id);
    this.#empty(line, container);
  }

  /** Lines stay until the engine has answered: that they were waited for is remembered. */
  expire(nowMs: number): void {
    for (const line of this.#lines.values()) if (nowMs >= line.untilMs) this.#empty(line, this.#lacks.over);
  }

  get count(): number {
    return this.#count;
  }

  #empty(line: Line, known: Container | Lack | undefined): void {
    const { events } = line;
    line.events = [];
    this.#count -= events.length;
    for (const held of events) {
      if (typeof known === 'string') this.#goOn(held, known);
      else this.#goOn(known === undefined ? held : { ...held, container: known }, undefined);
    }
  }
}
