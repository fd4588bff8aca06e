import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

const root = new URL('../..', import.meta.url).pathname;

/** An alert as `--json` prints it; tests look at no more than this. */
const printedAlert = z.looseObject({
  rule: z.string(),
  priority: z.string(),
  time: z.string(),
  output: z.string(),
  output_fields: z.record(z.string(), z.unknown()),
});
/** `receivedMs`: wall clock, when its line was read. */
export type PrintedAlert = z.output<typeof printedAlert> & { readonly receivedMs: number };

/** A running `lanner` command with a data folder of its own. */
export type Lanner = {
  readonly pid: number;
  /** `http://127.0.0.1:PORT` of the router. */
  readonly url: string;
  readonly dataFolder: string;
  /** The alerts on standard output so far. */
  alerts(): readonly PrintedAlert[];
  /** Everything on standard output and standard error so far, for messages of failed tests. */
  said(): string;
  /** An answer of the API, read with `schema`. */
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  /** Sends the signal and resolves with the exit code; removes the data folder. May be called twice. */
  close(signal?: NodeJS.Signals): Promise<number | null>;
};

/** Runs `lanner ARGS` in a data folder of its own until it ends; for commands that end by themselves. */
export async function runLanner(...args: readonly string[]) {
  const dataFolder = mkdtempSync(join(tmpdir(), 'lanner-'));
  const data = args[0] === 'up' && !args.includes('--data') ? ['--data', dataFolder] : [];
  const run = Promise.withResolvers<{
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }>();
  const child = execFile(
    process.execPath,
    ['lanner.ts', ...args, ...data],
    { cwd: root, encoding: 'utf8', timeout: 30_000 },
    (_error, stdout, stderr) => run.resolve({ code: child.exitCode, stdout, stderr }),
  );
  try {
    return await run.promise;
  } finally {
    rmSync(dataFolder, { recursive: true, force: true });
  }
}

/** How a checkout runs `lanner up`: without the shell scripts around it, or as people type it. */
const directly = [process.execPath, 'lanner.ts', 'up'] as const;
export const byNpm = ['npm', 'start', '--'] as const;

/** Starts `lanner up ARGS --json` and waits until router and agent are ready. */
export async function startLanner(
  args: readonly string[] = [],
  [program, ...words]: readonly [string, ...string[]] = directly,
): Promise<Lanner> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'lanner-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(program, [...words, '--data', dataFolder, '--listen', `127.0.0.1:${port}`, '--json', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const alerts: PrintedAlert[] = [];
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    const alert = printedAlert.safeParse(parseJson(line));
    if (alert.success) alerts.push({ ...alert.data, receivedMs: performance.timeOrigin + performance.now() });
  });
  createInterface(child.stderr).on('line', (line) => lines.push(line));
  const said = () => lines.slice(-40).join('\n');
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));

  const close = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    const code = await exited;
    rmSync(dataFolder, { recursive: true, force: true });
    return code;
  };
  const request = async (path: string) => {
    const token = readFileSync(join(dataFolder, 'token'), 'utf8').trim();
    return fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  };
  const get = async <T>(path: string, schema: z.ZodType<T>) => {
    const response = await request(path);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return schema.parse(await response.json());
  };

  try {
    await eventually(
      'lanner up to be ready',
      async () => {
        if (child.exitCode !== null) throw new Error(`lanner up ended with ${child.exitCode}`);
        const response = await fetch(`${url}/readyz`).catch(() => undefined); // not listening yet
        return response?.ok || undefined;
      },
      30_000,
    );
  } catch (cause) {
    const message = `lanner up did not get ready:\n${said()}`;
    await close('SIGKILL');
    throw new Error(message, { cause });
  }
  if (child.pid === undefined) throw new Error('a running process has a pid');
  return { pid: child.pid, url, dataFolder, alerts: () => alerts, said, get, close };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // a line for people
  }
}
