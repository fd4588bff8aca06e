import { spawn } from 'node:child_process';
import * as z from 'zod';
import { type ActionResult, defineAction } from './action.ts';

const MOST_OUTPUT_BYTES = 64 * 1024;
const SHOWN = 500;
const noNul = z
  .string()
  .max(65_536)
  .regex(/^[^\0]*$/, 'holds a NUL');

export const program = defineAction({
  name: 'program',
  side: 'router',
  doc: 'Runs a program with these arguments (an array, no shell) and the alert as JSON on its standard input. Exit code 0 is success, 75 (EX_TEMPFAIL) asks for another try.',
  params: z.strictObject({
    argv: z.array(noNul).min(1).max(256),
    cwd: noNul.default('/'),
    /** The program gets this environment and PATH, nothing of the router's own. */
    env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of a variable'), noNul).default({}),
  }),
  idempotent: false,
  run: ({ argv, cwd, env }, { alert, signal, idempotencyKey }) =>
    runProgram({
      argv,
      cwd,
      env: { ...env, LANNER_IDEMPOTENCY_KEY: idempotencyKey },
      input: JSON.stringify(alert),
      signal,
    }),
  dryRun: ({ argv }) => ({ status: 'skipped', detail: `would run ${JSON.stringify(argv).slice(0, SHOWN)}` }),
});

type Call = {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  readonly signal: AbortSignal;
};

function runProgram({ argv, cwd, env, input, signal }: Call): Promise<ActionResult> {
  const [file = '', ...args] = argv;
  return new Promise((resolve) => {
    // A process group of its own, so that whatever the program starts ends with it.
    const child = spawn(file, args, {
      cwd,
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let output = '';
    let bytes = 0;
    let killed: string | undefined;
    const kill = (reason: string): void => {
      killed ??= reason;
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // ESRCH: it ended by itself.
      }
    };
    const collect = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > MOST_OUTPUT_BYTES) kill(`it printed more than ${MOST_OUTPUT_BYTES} bytes`);
      else output += chunk.toString();
    };
    const abort = (): void => kill('it took too long');
    signal.addEventListener('abort', abort, { once: true });
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    // A program that does not read its input closes it early: EPIPE is no failure.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.on('error', (error) => {
      signal.removeEventListener('abort', abort);
      resolve({ status: 'failed', retry: false, reason: `${file}: ${error.message}` });
    });
    child.on('close', (code, name) => {
      signal.removeEventListener('abort', abort);
      // What it left running in its group ends now, too.
      kill('over');
      const shown = output.trim().slice(-SHOWN);
      const said = shown === '' ? '' : `: ${shown}`;
      if (signal.aborted)
        return resolve({ status: 'timed_out', detail: `${file} was killed: it took too long${said}` });
      if (code === 0 && killed === 'over') return resolve({ status: 'done', detail: `${file} ended with 0${said}` });
      const how =
        killed !== 'over' ? `was killed: ${killed}` : name === null ? `ended with ${code}` : `was ended by ${name}`;
      resolve({ status: 'failed', retry: code === 75, reason: `${file} ${how}${said}` });
    });
    if (signal.aborted) abort();
  });
}
