import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Capture, type CaptureCounters, type CaptureOptions, openCapture } from '../../agent/capture/kernel.ts';
import { memoryProfiles } from '../../agent/config/memory.ts';
import type { Event } from '../../agent/events/event.ts';
import { eventually } from '../support/eventually.ts';

/** A compiler comes with what builds the native parts. */
export function compile(source: string, folder: string): string {
  const program = join(folder, source.replace(/\.c$/, ''));
  const path = fileURLToPath(new URL(source, import.meta.url));
  const { status, stderr } = spawnSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', path, '-o', program]);
  if (status !== 0) throw new Error(`gcc ${path}: ${stderr}`);
  return program;
}

/** A folder outside of which the test writes nothing. */
export function makeFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'lanner-kernel-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

type Settings = Partial<Omit<CaptureOptions, 'types' | 'onEvent'>>;

/** A capture that keeps its events. */
export class Recorder {
  readonly events: Event[] = [];
  readonly capture: Capture;

  constructor(types: Iterable<string>, settings: Settings = {}) {
    const outcome = openCapture({
      types,
      ...memoryProfiles.default,
      ...settings,
      onEvent: (event) => this.events.push(event.retain()),
    });
    if (!outcome.ok) throw new Error(outcome.reason);
    this.capture = outcome.capture;
  }

  /** Runs a program to its end and gives the events of its process, the fork's child before its exec included. */
  async run(program: string, args: readonly string[], cwd: string, env = {}): Promise<Run> {
    const child = spawn(program, args, { cwd, env: { PATH: '/usr/bin:/bin', ...env }, stdio: 'ignore' });
    const { pid } = child;
    if (pid === undefined) throw new Error(`cannot start ${program}`);
    const [code] = await once(child, 'exit');
    // A record that another CPU is still writing holds back what lies behind it. An exit may also be lost: in a full ring.
    await eventually('the exit', () => this.#hasEnded(pid), 2_000).catch(() => undefined);
    return { pid, code: Number(code), events: this.events.filter((event) => event.pid === pid) };
  }

  #hasEnded(pid: number): true | undefined {
    this.capture.drain();
    return this.events.some((event) => event.kind === 'exit' && event.pid === pid) || undefined;
  }

  close(): CaptureCounters {
    this.capture.close();
    return this.capture.counters();
  }
}

export type Run = { readonly pid: number; readonly code: number; readonly events: readonly Event[] };

/** The only event of a type, else the one at `index` from the end if negative. */
export function pick(run: Run, type: string, index = 0): Event {
  const event = run.events.filter((each) => each.type === type).at(index);
  if (event === undefined) throw new Error(`no ${type} among ${run.events.map((each) => each.type).join(' ')}`);
  return event;
}
