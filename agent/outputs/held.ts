/** Lines and bytes that one output holds at most while its other side takes nothing. */
const MOST_LINES = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;

/** Lines that wait, oldest first. What has no room is refused: the newest are lost, and the caller counts them. */
export class Held {
  #lines: string[] = [];
  #bytes = 0;

  get length(): number {
    return this.#lines.length;
  }

  /** Whether there was room. */
  push(line: string): boolean {
    if (this.#lines.length >= MOST_LINES || this.#bytes + line.length > MOST_BYTES) return false;
    this.#lines.push(line);
    this.#bytes += line.length;
    return true;
  }

  /** The oldest lines, at most `count` of them and some `bytes`; they are the caller's now. */
  take(count: number, bytes: number): readonly string[] {
    let taken = 0;
    let size = 0;
    while (taken < count && taken < this.#lines.length && (taken === 0 || size < bytes)) {
      size += this.#lines[taken]?.length ?? 0;
      taken++;
    }
    const lines = this.#lines.splice(0, taken);
    for (const line of lines) this.#bytes -= line.length;
    return lines;
  }

  /** Back to the front: the other side did not take them. */
  putBack(lines: readonly string[]): void {
    this.#lines = [...lines, ...this.#lines];
    for (const line of lines) this.#bytes += line.length;
  }
}
