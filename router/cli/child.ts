import { type ChildProcess, spawn } from 'node:child_process';
import * as z from 'zod';
import type { Log } from '#rules/cli/log';

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 30_000;
/** A child that ran this long was well: its next restart is quick again. */
const WELL_AFTER_MS = 60_000;

/** What a child says once it works: a JSON line on the IPC channel. `lines` are its part of the start summary. */
const readySchema = z.looseObject({
  kind: z.literal('ready'),
  lines: z.array(z.string().max(1_000)).max(20).default([]),
});
export type Ready = z.output<typeof readySchema>;

export type ChildOptions = {
  readonly name: string;
  /** Node's flags, the script and its arguments. */
  readonly argv: readonly string[];
  readonly log: Log;
};

/** How the start went: `ended` before it was ready, with its exit code. */
export type Start =
  | { readonly status: 'ready'; readonly ready: Ready }
  | { readonly status: 'ended'; readonly code: number };

/** A child process that is started again whenever it ends by itself after it had once been ready. */
export type Child = {
  /** Resolves when the first start has succeeded or failed. */
  readonly started: Promise<Start>;
  /** Asks it to end, kills it after `withinMs`, and starts it no more. May be called twice. */
  close(withinMs: number): Promise<void>;
};

export function keepRunning({ name, argv, log }: ChildOptions): Child {
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let waitMs = FIRST_WAIT_MS;
  let hasBeenReady = false;
  let closing = false;
  const started = Promise.withResolvers<Start>();

  const launch = () => {
    const begunMs = performance.now();
    // A process group of its own: Ctrl-C on the terminal reaches us only, and we end the children in their order. When
    // we are killed ourselves, they see the channel close.
    const launched = spawn(process.execPath, [...argv], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    child = launched;
    launched.on('message', (message) => {
      const ready = readySchema.safeParse(message);
      if (!ready.success) return;
      if (hasBeenReady) log('info', `${name} runs again`);
      hasBeenReady = true;
      started.resolve({ status: 'ready', ready: ready.data });
    });
    // `error`: it could not be started at all; no `exit` follows.
    launched.once('error', (error) => ended(`cannot be started: ${error.message}`, 70, begunMs));
    launched.once('exit', (code, signal) => ended(signal === null ? `exit code ${code}` : signal, code ?? 70, begunMs));
  };

  const ended = (how: string, code: number, begunMs: number) => {
    child = undefined;
    started.resolve({ status: 'ended', code });
    if (closing || !hasBeenReady) return;
    if (performance.now() - begunMs > WELL_AFTER_MS) waitMs = FIRST_WAIT_MS;
    log('error', `${name} ended by itself; starting it again`, { how, in_ms: waitMs });
    timer = setTimeout(launch, waitMs);
    waitMs = Math.min(waitMs * 2, MOST_WAIT_MS);
  };

  launch();
  return {
    started: started.promise,
    close: async (withinMs) => {
      closing = true;
      clearTimeout(timer);
      const last = child;
      if (last === undefined) return;
      const gone = new Promise<void>((resolve) => last.once('exit', () => resolve()));
      last.kill('SIGTERM');
      const killer = setTimeout(() => last.kill('SIGKILL'), withinMs);
      await gone;
      clearTimeout(killer);
    },
  };
}
