import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

const root = new URL('../..', import.meta.url).pathname;

/** A folder for data, and where the routers that work on it, one after the other, listen. */
export type Place = {
  readonly dataFolder: string;
  readonly listen: string;
  readonly url: string;
  /** What the API wants to see; there is no token before the first router has started. */
  headers(): { readonly authorization: string };
  post(body: unknown): Promise<Response>;
  get(path: string): Promise<Response>;
  remove(): void;
};

export async function makePlace(): Promise<Place> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'lanner-router-'));
  const listen = `127.0.0.1:${await freePort()}`;
  const url = `http://${listen}`;
  const headers = () => ({ authorization: `Bearer ${readFileSync(join(dataFolder, 'token'), 'utf8').trim()}` });
  return {
    dataFolder,
    listen,
    url,
    headers,
    post: (body) =>
      fetch(`${url}/api/alerts`, {
        method: 'POST',
        headers: headers(),
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path) => fetch(`${url}${path}`, { headers: headers() }),
    remove: () => {
      endRedis(dataFolder);
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}

/** A router that was killed leaves its Redis to the next one, which a test may not have. */
function endRedis(dataFolder: string): void {
  try {
    const folder = join(dataFolder, 'redis');
    const pid = Number(readFileSync(join(folder, 'redis.pid'), 'utf8'));
    if (readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder)) process.kill(pid, 'SIGKILL');
  } catch {
    // It ended with its router.
  }
}

export type RouterProcess = {
  readonly pid: number;
  /** Lines on standard output and standard error so far. */
  readonly lines: readonly string[];
  /** Closes our ends of its standard output and standard error. */
  stopReading(): void;
  /** Sends the signal and resolves with the exit code once it is gone. May be called twice. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
};

/** Runs `lanner router ARGS --json` at this place and waits until it is ready. */
export async function startRouterAt(place: Place, args: readonly string[] = []): Promise<RouterProcess> {
  const words = ['lanner.ts', 'router', '--data', place.dataFolder, '--listen', place.listen, '--json', ...args];
  const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', (line) => lines.push(line));
  await eventually(
    'the router to be ready',
    async () => {
      if (child.exitCode !== null) throw new Error(`lanner router ended with ${child.exitCode}: ${lines.join('\n')}`);
      const answer = await fetch(`${place.url}/readyz`).catch(() => undefined); // not listening yet
      return answer?.ok || undefined;
    },
    20_000,
  );
  if (child.pid === undefined) throw new Error('a running process has a pid');
  return {
    pid: child.pid,
    lines,
    stopReading: () => {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return gone;
    },
  };
}
