import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';

/** A program that runs until it is stopped, and writes to `<folder>/<name>.log`. */
export type Daemon = {
  /** Waits until it is ready; fails with its last lines if it ends before. */
  ready(probe: () => Promise<boolean>): Promise<void>;
  /** `kindly`: SIGTERM, and after a while SIGKILL. May be called twice. */
  stop(how: 'kindly' | 'hard'): Promise<void>;
};

const READY_MS = 60_000;
const STOP_MS = 10_000;

export function startDaemon(folder: string, program: string, args: readonly string[]): Daemon {
  const name = program.slice(program.lastIndexOf('/') + 1);
  const path = join(folder, `${name}.log`);
  const log = openSync(path, 'a');
  const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true, cwd: folder });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  return {
    async ready(probe) {
      const look = async () => {
        if (child.exitCode !== null || child.pid === undefined) throw new Error(`${name} ended`);
        return (await probe().catch(() => false)) || undefined;
      };
      await eventually(`${name} to be ready`, look, READY_MS).catch((cause: unknown) => {
        const said = readFileSync(path, 'utf8').split('\n').slice(-12).join('\n');
        throw new Error(`${name} does not start:\n${said}`, { cause });
      });
    },
    async stop(how) {
      child.kill(how === 'hard' ? 'SIGKILL' : 'SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
