import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { Held } from './held.ts';
import { type Sink, settled, sparingly } from './sink.ts';
import { makeStreamSink, type Opened } from './stream.ts';

type Argv = readonly [string, ...string[]];

const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
/** Of programs that are started for each alert: at a time, and how long each may take. */
const MOST_RUNNING = 4;
const MOST_RUN_MS = 30_000;
/** After its input has ended, before it is killed. */
const END_MS = 500;

type Child = ChildProcessByStdio<Writable, null, null>;

/** A process group of its own, nothing of the agent's environment; what it prints goes nowhere. */
function start([file, ...args]: Argv): Child | string {
  try {
    return spawn(file, args, { cwd: '/', env: environment, detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  } catch (error) {
    return error instanceof Error ? error.message : String(error); // E2BIG, for one.
  }
}

function killGroup({ pid }: Child): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** Resolves with how it ended, in words; `undefined` is success. */
function endOf(child: Child, file: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`${file}: ${error.message}`));
    child.once('exit', (code, signal) =>
      resolve(code === 0 ? undefined : `${file} ended with ${signal === null ? code : signal}`),
    );
  });
}

/** A program as a stream of lines: started once, and again when it ends. */
export function openProgram(argv: Argv): Opened {
  const child = start(argv);
  const [file] = argv;
  if (typeof child === 'string') throw new Error(`${file}: ${child}`); // The configuration bounds its arguments.
  const ended = endOf(child, file).then((reason) => reason ?? `${file} ended with 0`);
  return {
    input: child.stdin,
    ready: new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    }),
    ended: ended.finally(() => killGroup(child)),
    end() {
      child.stdin.end();
      setTimeout(() => killGroup(child), END_MS).unref();
      child.unref();
    },
  };
}

/** One alert a line on the standard input of a program that keeps running. */
export function makeRunningProgram(argv: Argv, failed: (reason: string) => void): Sink {
  return makeStreamSink({ open: () => openProgram(argv), frame: (line) => `${line}\n`, failed });
}

/** Starts the program for each alert, with that alone on its standard input. */
export function makeEachProgram(argv: Argv, failed: (reason: string) => void): Sink {
  const held = new Held();
  const say = sparingly(failed);
  const running = new Set<Child>();
  let written = 0;
  let lost = 0;
  let isClosed = false;
  const [file] = argv;
  const pump = (): void => {
    while (running.size < MOST_RUNNING && held.length > 0) {
      const [line = ''] = held.take(1, 1);
      void run(line).then((reason) => {
        if (reason === undefined) written++;
        else {
          lost++;
          say(reason);
        }
        pump();
      });
    }
  };
  const run = async (line: string): Promise<string | undefined> => {
    const child = start(argv);
    if (typeof child === 'string') return `${file}: ${child}`;
    running.add(child);
    const late = setTimeout(() => killGroup(child), MOST_RUN_MS);
    // A program that does not read its input closes it early: EPIPE is no failure.
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${line}\n`);
    const reason = await endOf(child, file);
    clearTimeout(late);
    running.delete(child);
    killGroup(child);
    return reason;
  };
  return {
    send(line) {
      if (isClosed || !held.push(line)) lost++;
      else pump();
    },
    counters: () => ({ written, held: held.length + running.size, lost }),
    reopen: () => undefined,
    async close(withinMs) {
      if (isClosed) return;
      isClosed = true;
      await settled(() => held.length + running.size === 0, withinMs);
      for (const child of running) killGroup(child);
    },
  };
}
