import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** What one run of a loop took, itself and its children. */
export type Timing = { readonly count: number; readonly wallNs: number; readonly cpuNs: number };

/** What its children printed comes before its own line. */
export type Run = Timing & { readonly said: string };

/** The compiled loops.c, in a folder of its own. */
export type Loops = {
  readonly folder: string;
  readonly program: string;
  /** A copy of it: rules look at a program's name. */
  named(name: string): string;
  run(args: readonly (string | number)[], options?: { readonly cwd?: string; readonly program?: string }): Promise<Run>;
  /** Runs without waiting for its end. */
  start(args: readonly (string | number)[], program?: string): Running;
  close(): void;
};

export type Running = {
  readonly pid: number;
  /** Resolves when it says that it is ready. */
  readonly ready: Promise<void>;
  /** Ends the standard input of a loop that waits for that. */
  go(): void;
  /** Resolves at its end with the lines that it printed. */
  readonly lines: Promise<readonly string[]>;
  kill(): void;
};

/** A compiler comes with what builds the native parts. */
export function compileLoops(): Loops {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-bench-'));
  const program = join(folder, 'loops');
  const source = join(import.meta.dirname, 'loops.c');
  const { status, stderr } = spawnSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', source, '-o', program]);
  if (status !== 0) throw new Error(`gcc ${source}: ${stderr}`);
  const running = new Set<ChildProcess>();
  return {
    folder,
    program,
    named(name) {
      const copy = join(folder, name);
      copyFileSync(program, copy);
      return copy;
    },
    async run(args, options = {}) {
      const words = args.map(String);
      const { stdout } = await promisify(execFile)(options.program ?? program, words, { cwd: options.cwd ?? folder });
      return { ...readTiming(stdout), said: stdout };
    },
    start(args, by = program) {
      const child = spawn(by, args.map(String), { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
      running.add(child);
      const { pid } = child;
      if (pid === undefined) throw new Error(`cannot start ${by}`);
      const ready = Promise.withResolvers<void>();
      const lines: string[] = [];
      const read = createInterface(child.stdout).on('line', (line) => {
        if (line === 'ready') ready.resolve();
        else lines.push(line);
      });
      return {
        pid,
        ready: ready.promise,
        go: () => child.stdin.end(),
        lines: Promise.all([once(read, 'close'), once(child, 'exit')]).then(() => lines),
        kill: () => child.kill('SIGKILL'),
      };
    },
    close() {
      for (const child of running) child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function readTiming(text: string): Timing {
  const [count, wallNs, cpuNs] = (text.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  if (count === undefined || wallNs === undefined || cpuNs === undefined) throw new Error(`no timing: ${text}`);
  return { count, wallNs, cpuNs };
}
