import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openCapture } from '../../agent/capture/kernel.ts';
import { file } from '../../agent/events/decode.ts';
import { eventually } from '../support/eventually.ts';
import type { WatchingAgent } from './watcher.ts';

const RING_BYTES = 1 << 20;

/** Records that a program in the kernel wrote into the agent's ring: by it, and what of these found the ring full. */
export type Produced = { readonly made: number; readonly dropped: number; readonly seconds: number };

/**
 * Has the record of an open of `path`, by a program called `name`, written into the agent's ring `rate` times a second: more
 * than real opens can be made. It is a true one, which a capture of our own has recorded; its process lives meanwhile.
 */
export async function produce(
  agent: WatchingAgent,
  opened: { readonly path: string; readonly name: string },
  seconds: number,
  rate: number,
): Promise<Produced> {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-bench-producer-'));
  try {
    const program = join(folder, opened.name);
    const object = join(folder, 'producer.bpf.o');
    compile('clang', [
      '-O2',
      '-g',
      '-target',
      'bpf',
      '-Wall',
      '-Werror',
      `-I/usr/include/${machine()}`,
      '-c',
      source('producer.bpf.c'),
      '-o',
      object,
    ]);
    compile('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', source('producer.c'), '-lbpf', '-o', program]);
    const { next, close } = recordOpens(opened);
    try {
      const words = [object, agent.pid, opened.path, seconds, rate].map(String);
      const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
      const lines: string[] = [];
      const ended = Promise.all([
        once(
          createInterface(child.stdout).on('line', (line) => lines.push(line)),
          'close',
        ),
        once(child, 'exit'),
      ]);
      child.stdin.end(await next(child.pid ?? 0));
      await ended;
      const [made, dropped, ns] = (lines.at(-1) ?? '').split(' ').map(Number);
      if (made === undefined || dropped === undefined || ns === undefined)
        throw new Error(`the producer: ${lines.join('; ')}`);
      return { made, dropped, seconds: ns / 1e9 };
    } finally {
      close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const source = (name: string): string => join(import.meta.dirname, name);
const machine = (): string => `${arch() === 'x64' ? 'x86_64' : arch()}-linux-gnu`;

function compile(compiler: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync(compiler, words);
  if (status !== 0) throw new Error(`${compiler} ${words.join(' ')}: ${stderr}`);
}

/** Copies of the records of such opens, by who made them. */
function recordOpens({ path, name }: { readonly path: string; readonly name: string }) {
  const found = new Map<number, Uint8Array>();
  const outcome = openCapture({
    types: ['open', 'openat'],
    lifecycleBytes: RING_BYTES,
    bulkBytes: RING_BYTES,
    onEvent(event) {
      if (event.kind !== 'file' || event.comm !== name || file.resolved(event) !== path) return;
      found.set(event.pid, event.copy(0, event.length));
    },
  });
  if (!outcome.ok) throw new Error(outcome.reason);
  return {
    next: (pid: number) => eventually('the record of the open', () => found.get(pid)),
    close: () => outcome.capture.close(),
  };
}
