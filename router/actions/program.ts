import { ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import * as z from 'zod';
import { alertJson } from '#rules/alert-json';
import { type ActionResult, defineAction } from '../runs/action.ts';

const PRLIMIT = '/usr/bin/prlimit';
/** setuid(2) and setgid(2) take no more; all bits mean "leave it". */
const MOST_ID = 0xff_ff_ff_fe;
const SHOWN = 500;
/** sysexits.h: the user is invited to try again. */
const EX_TEMPFAIL = 75;
/** What is still in the pipes when the program has ended is read for so long. */
const LAST_WORDS_MS = 500;
const noNul = z
  .string()
  .max(65_536)
  .regex(/^[^\0]*$/, 'holds a NUL');

export const program = defineAction({
  name: 'program',
  side: 'router',
  doc: 'Runs a program with these arguments (an array, no shell) and the alert as JSON on its standard input. Exit code 0 is success, 75 (EX_TEMPFAIL) asks for another try.',
  params: z.strictObject({
    argv: z.tuple([noNul.min(1)], noNul).refine(({ length }) => length <= 256, 'expected at most 256 arguments'),
    cwd: noNul.startsWith('/', 'expected an absolute path').default('/'),
    /** The program gets this environment and PATH, nothing of the router's own. */
    env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of a variable'), noNul).default({}),
    /** Who it runs as, in no other groups; without them, as the router does. */
    uid: z.int().min(0).max(MOST_ID).optional(),
    gid: z.int().min(0).max(MOST_ID).optional(),
    /** Address space of each of its processes. */
    memory_mb: z.int().min(16).max(1_000_000).optional(),
    output_kb: z.int().min(1).max(1_024).default(64),
  }),
  idempotent: false,
  outputs: { output: 'The end of what it printed.' },
  run: ({ argv, cwd, env, uid, gid, memory_mb, output_kb }, { alert, signal, mask, idempotencyKey }) =>
    runProgram({
      argv,
      cwd,
      uid,
      // Who is somebody else is not of the router's group either.
      gid: gid ?? uid,
      memoryMb: memory_mb,
      mostOutputBytes: output_kb * 1024,
      env: { ...env, LANNER_IDEMPOTENCY_KEY: idempotencyKey },
      input: alertJson(alert),
      signal,
      mask,
    }),
  dryRun: ({ argv }, { mask }) => ({
    status: 'skipped',
    detail: `would run ${mask(JSON.stringify(argv)).slice(0, SHOWN)}`,
  }),
});

type Call = {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly memoryMb: number | undefined;
  readonly mostOutputBytes: number;
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  readonly signal: AbortSignal;
  readonly mask: (text: string) => string;
};

async function runProgram(call: Call): Promise<ActionResult> {
  const { argv, input, signal, mask, mostOutputBytes } = call;
  const [file = ''] = argv;
  const started = start(call);
  if (!(started instanceof ChildProcess)) return { status: 'failed', retry: false, reason: `${file}: ${started}` };
  const { output, killed, ended } = await watch(started, input, signal, mostOutputBytes);
  // Cut after masking: half a secret would not be recognised.
  const shown = mask(output).trim().slice(-SHOWN);
  const said = shown === '' ? '' : `: ${shown}`;
  if (killed === 'late') return { status: 'timed_out', detail: `${file} was killed: it took too long${said}` };
  if (killed === 'loud')
    return {
      status: 'failed',
      retry: false,
      reason: `${file} was killed: it printed more than ${mostOutputBytes} bytes${said}`,
    };
  switch (ended.kind) {
    case 'not started':
      return { status: 'failed', retry: false, reason: `${file}: ${ended.reason}` };
    case 'signal':
      return { status: 'failed', retry: false, reason: `${file} was ended by ${ended.name}${said}` };
    case 'code':
      if (ended.code === 0)
        return { status: 'done', detail: `${file} ended with 0${said}`, outputs: { output: shown } };
      return { status: 'failed', retry: ended.code === EX_TEMPFAIL, reason: `${file} ended with ${ended.code}${said}` };
  }
}

type Started = ChildProcessByStdio<Writable, Readable, Readable>;

/** A text says why it does not start: some reasons (E2BIG) Node throws, others it reports later. */
function start({ argv, cwd, env, uid, gid, memoryMb }: Call): Started | string {
  const limit = memoryMb === undefined ? [] : [PRLIMIT, `--as=${memoryMb * 1024 * 1024}`, '--'];
  const [file = '', ...args] = [...limit, ...argv];
  try {
    return spawn(file, args, {
      cwd,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env },
      // A process group of its own, so that whatever the program starts ends with it.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

type Ended =
  | { readonly kind: 'not started'; readonly reason: string }
  | { readonly kind: 'code'; readonly code: number }
  | { readonly kind: 'signal'; readonly name: string };

type Watched = { readonly output: string; readonly killed: 'late' | 'loud' | undefined; readonly ended: Ended };

function watch(child: Started, input: string, signal: AbortSignal, mostOutput: number): Promise<Watched> {
  return new Promise((resolve) => {
    let output = '';
    let killed: Watched['killed'];
    let ended: Ended | undefined;
    const kill = (reason: Watched['killed']): void => {
      killed ??= reason;
      killGroup(child);
    };
    const collect = (text: string): void => {
      if (output.length + text.length > mostOutput) kill('loud');
      output = (output + text).slice(0, mostOutput);
    };
    const abort = (): void => kill('late');
    const settle = (): void => {
      signal.removeEventListener('abort', abort);
      // Also those that left the group and keep the other ends: nobody listens to them any more.
      child.stdout.destroy();
      child.stderr.destroy();
      if (ended !== undefined) resolve({ output, killed, ended });
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', collect);
    // A program that does not read its input closes it early: EPIPE is no failure.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', (error) => {
      ended ??= { kind: 'not started', reason: error.message };
      settle();
    });
    child.once('exit', (code, name) => {
      ended ??= name === null ? { kind: 'code', code: code ?? 0 } : { kind: 'signal', name };
      // What it left running in its group ends now, too.
      killGroup(child);
      const late = setTimeout(settle, LAST_WORDS_MS);
      child.once('close', () => {
        clearTimeout(late);
        settle();
      });
    });
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
}

function killGroup({ pid }: Started): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: all of it has ended by itself.
  }
}
