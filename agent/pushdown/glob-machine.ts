/** A glob of `*` and `?` read byte by byte; its states are sets of places in it, numbered as they are met. */
export class GlobMachine {
  readonly #pattern: string;
  readonly #states: ReadonlySet<number>[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #next = new Map<number, number>();
  readonly start: number;

  constructor(pattern: string) {
    this.#pattern = pattern.replace(/\*+/g, '*');
    this.start = this.#number(new Set([0]));
  }

  step(state: number, byte: number): number {
    const slot = state * 256 + byte;
    const known = this.#next.get(slot);
    if (known !== undefined) return known;
    const places = new Set<number>();
    for (const place of this.#states[state] ?? []) {
      const char = this.#pattern[place];
      if (char === '*') places.add(place);
      else if (char === '?' || this.#pattern.charCodeAt(place) === byte) places.add(place + 1);
    }
    const next = this.#number(places);
    this.#next.set(slot, next);
    return next;
  }

  accepts(state: number): boolean {
    return this.#states[state]?.has(this.#pattern.length) === true;
  }

  /** Whatever follows: `true` and `false` are final; `undefined`: it depends. */
  decided(state: number): boolean | undefined {
    const places = this.#states[state];
    if (places === undefined || places.size === 0) return false;
    const last = this.#pattern.length - 1;
    return this.#pattern[last] === '*' && places.has(last) ? true : undefined;
  }

  #number(places: Set<number>): number {
    for (const place of places) if (this.#pattern[place] === '*') places.add(place + 1);
    const key = [...places].sort((a, b) => a - b).join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#states.length);
    this.#states.push(places);
    return this.#states.length - 1;
  }
}
