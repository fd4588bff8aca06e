/** The far end of an output: lines go in, and come out somewhere. It never blocks and never throws. */
export type Sink = {
  /** One alert, rendered, without a line break at its end. `severity`: 0 (Emergency) to 7 (Debug). */
  send(line: string, severity: number): void;
  counters(): SinkCounters;
  /** Lets go of its file and opens it anew, for those who move it away; nothing where there is no file. */
  reopen(): void;
  /** Hands on what it holds, within `withinMs`; may be called twice. */
  close(withinMs: number): Promise<void>;
};

export type SinkCounters = { readonly written: number; readonly held: number; readonly lost: number };

/** What goes wrong is said once a minute at most; the counters say how often. */
export function sparingly(say: (reason: string) => void): (reason: string) => void {
  let saidMs = Number.NEGATIVE_INFINITY;
  return (reason) => {
    const nowMs = performance.now();
    if (nowMs - saidMs < 60_000) return;
    saidMs = nowMs;
    say(reason);
  };
}

/** Resolves when `isDone`, or after `withinMs`. */
export async function settled(isDone: () => boolean, withinMs: number): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!isDone() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
}
