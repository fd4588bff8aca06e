/** The window of the cap. */
const WINDOW_MS = 60_000;

/**
 * At most so many destructive actions in any minute: a rule that suddenly fires for everything must not take a whole
 * host down. Those that touched nothing are given back.
 */
export class ActionCap {
  readonly most: number;
  /** When each action of the last minute began, oldest first. */
  #begunMs: number[] = [];
  refused = 0;

  constructor(most: number) {
    this.most = most;
  }

  /** Whether one more may begin now; it counts from here on. */
  take(nowMs: number): boolean {
    this.#begunMs = this.#begunMs.filter((begunMs) => nowMs - begunMs < WINDOW_MS);
    if (this.#begunMs.length >= this.most) {
      this.refused++;
      return false;
    }
    this.#begunMs.push(nowMs);
    return true;
  }

  giveBack(begunMs: number): void {
    const at = this.#begunMs.indexOf(begunMs);
    if (at !== -1) this.#begunMs.splice(at, 1);
  }
}
