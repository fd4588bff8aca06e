import { type ChildProcess, spawn } from 'node:child_process';
import type { Log } from '#rules/cli/log';

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 30_000;
/** A child that ran this long was well: its next restart is quick again. */
const WELL_AFTER_MS = 60_000;

/** What a child says once it works: a JSON line on the IPC channel. `lines` are its part of the start summary. */
export type Ready = { readonly lines: readonly string[] };

/** Read by hand: loading a schema library would hold up the start of both children. */
function readReady(message: unknown): Ready | undefined {
  if (typeof message !== 'object' || message === null || !('kind' in message) || message.kind !== 'ready') {
    return undefined;
  }
  const lines: readonly unknown[] = 'lines' in message && Array.isArray(message.lines) ? message.lines : [];
  return { lines: lines.filter((line) => typeof line === 'string') };
}

/** A child that needs other flags of Node's says which before it ends, because of its configuration, which nobody else reads. */
function readFlags(message: unknown): readonly string[] | undefined {
  if (typeof message !== 'object' || message === null || !('kind' in message) || message.kind !== 'flags') {
    return undefined;
  }
  const flags: readonly unknown[] = 'flags' in message && Array.isArray(message.flags) ? message.flags : [];
  return flags.filter((flag) => typeof flag === 'string');
}

export type ChildOptions = {
  readonly name: string;
  /** Node's. */
  readonly flags: readonly string[];
  /** The script and its arguments. */
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

export function keepRunning({ name, flags: given, argv, log }: ChildOptions): Child {
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let waitMs = FIRST_WAIT_MS;
  let hasBeenReady = false;
  let closing = false;
  let flags = given;
  const started = Promise.withResolvers<Start>();

  const launch = () => {
    const begunMs = performance.now();
    // A process group of its own: Ctrl-C on the terminal reaches us only, and we end the children in their order. When
    // we are killed ourselves, they see the channel close.
    const launched = spawn(process.execPath, [...flags, ...argv], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    child = launched;
    launched.on('message', (message) => {
      // Once, so that one that is never content does not begin for ever.
      if (flags === given) flags = readFlags(message) ?? given;
      const ready = readReady(message);
      if (ready === undefined) return;
      if (hasBeenReady) log('info', `${name} runs again`);
      hasBeenReady = true;
      started.resolve({ status: 'ready', ready });
    });
    // `error`: it could not be started at all; no `exit` follows.
    launched.once('error', (error) => ended(`cannot be started: ${error.message}`, 70, begunMs));
    const flagsBefore = flags;
    launched.once('exit', (code, signal) => {
      if (flags !== flagsBefore && !closing) launch();
      else ended(signal === null ? `exit code ${code}` : signal, code ?? 70, begunMs);
    });
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
