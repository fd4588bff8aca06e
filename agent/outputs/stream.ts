import type { Writable } from 'node:stream';
import { Held } from './held.ts';
import { type Sink, settled, sparingly } from './sink.ts';

/** What a connection or a running program looks like from here. */
export type Opened = {
  readonly input: Writable;
  /** Resolves when lines may be written; rejects when it never comes to that. */
  readonly ready: Promise<void>;
  /** Resolves with the reason when it is over. */
  readonly ended: Promise<string>;
  end(): void;
};

export type StreamSettings = {
  readonly open: () => Opened;
  /** A line as it goes over the wire. */
  readonly frame: (line: string, severity: number) => string;
  readonly failed: (reason: string) => void;
};

const FIRST_WAIT_MS = 100;
const MOST_WAIT_MS = 30_000;
/** One that lasted so long was well: the next try comes soon again. */
const WELL_MS = 10_000;
/** Lines handed to the stream that it has not passed on. */
const MOST_IN_FLIGHT = 256;

/**
 * Lines for something that stays open: a connection, a program. When it ends it is opened again, later and later; what
 * it had not passed on by then goes first. What the kernel had taken from us when the other side went is lost unseen.
 */
export function makeStreamSink({ open, frame, failed }: StreamSettings): Sink {
  const held = new Held();
  const say = sparingly(failed);
  let current: Opened | undefined;
  let isReady = false;
  let inFlight: string[] = [];
  let waitMs = FIRST_WAIT_MS;
  let timer: NodeJS.Timeout | undefined;
  let written = 0;
  let lost = 0;
  let isClosed = false;

  const pump = (): void => {
    if (current === undefined) begin();
    if (current === undefined || !isReady) return;
    const { input } = current;
    while (held.length > 0 && inFlight.length < MOST_IN_FLIGHT && !input.writableNeedDrain) {
      const [line = ''] = held.take(1, 1);
      inFlight.push(line);
      input.write(line, (error) => {
        if (error) return; // `ended` sees to it.
        const at = inFlight.indexOf(line);
        if (at === -1) return;
        inFlight.splice(at, 1);
        written++;
        pump();
      });
    }
  };
  const begin = (): void => {
    if (timer !== undefined) return;
    try {
      current = open();
    } catch (error) {
      over(error instanceof Error ? error.message : String(error));
      return;
    }
    const { input, ready, ended } = current;
    const begunMs = performance.now();
    // The stream's own errors: `ended` has them, too.
    input.on('error', () => undefined);
    input.on('drain', pump);
    void ready.then(
      () => {
        isReady = true;
        pump();
      },
      () => undefined, // As above.
    );
    void ended.then((reason) => {
      if (performance.now() - begunMs > WELL_MS) waitMs = FIRST_WAIT_MS;
      over(reason);
    });
  };
  const over = (reason: string): void => {
    current = undefined;
    isReady = false;
    held.putBack(inFlight);
    inFlight = [];
    if (isClosed) return;
    say(reason);
    timer = setTimeout(() => {
      timer = undefined;
      if (held.length > 0) pump();
    }, waitMs);
    timer.unref();
    waitMs = Math.min(waitMs * 2, MOST_WAIT_MS);
  };
  return {
    send(line, severity) {
      if (isClosed || !held.push(frame(line, severity))) lost++;
      else pump();
    },
    counters: () => ({ written, held: held.length + inFlight.length, lost }),
    reopen: () => undefined,
    async close(withinMs) {
      if (isClosed) return;
      const isDone = (): boolean => held.length + inFlight.length === 0;
      await settled(isDone, withinMs);
      isClosed = true;
      clearTimeout(timer);
      current?.end();
    },
  };
}
