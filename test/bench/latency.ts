import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, type Figure, percentile, spreadOf } from './bench.ts';
import { LEFT_ALONE, WANTED } from './flood.ts';
import { compileLoops } from './loops.ts';
import { watchWithAgent } from './watcher.ts';

const TIMES = 200;
const REST_US = 10_000;
const BUSY_RATE = 100_000;
const BUSY_SECONDS = 60;

/** From the open of a guarded file to the alert's line, as a reader at the other end of the pipe has it. */
export const latency: Bench = {
  name: 'latency',
  summary: 'time from a system call to its alert on standard output, idle and among 100,000 events a second',
  async run(report) {
    const loops = compileLoops();
    const fifo = join(loops.folder, 'alerts');
    if (spawnSync('mkfifo', [fifo]).status !== 0) throw new Error('mkfifo fails');
    // Both ends, so that neither side's open waits for the other.
    const held = openSync(fifo, constants.O_RDWR);
    try {
      const agent = await watchWithAgent({ stdout: held });
      try {
        await agent.rested();
        const measure = async () => {
          const { lines } = loops.start(['latency', TIMES, REST_US, WANTED, fifo]);
          return (await lines).map((ns) => Number(ns) / 1e6);
        };
        await measure();
        for (const figure of figuresOf('idle', await measure(), { p50: 1, p99: 3 })) report(figure);
        const before = await agent.counters();
        const beganMs = performance.now();
        const load = loops.start(['flood', BUSY_SECONDS, BUSY_RATE, WANTED], loops.named(LEFT_ALONE));
        load.go();
        const busy = await measure();
        const after = await agent.counters();
        load.kill();
        for (const figure of figuresOf('busy', busy, { p99: 10 })) report(figure);
        const seconds = (performance.now() - beganMs) / 1_000;
        report({ bench: 'latency.busy.events', value: (after.bulk - before.bulk) / seconds, unit: 'events/s' });
      } finally {
        await agent.close();
      }
    } finally {
      closeSync(held);
      loops.close();
    }
  },
};

function figuresOf(
  state: string,
  samples: readonly number[],
  targets: Readonly<Partial<Record<'p50' | 'p99', number>>>,
): readonly Figure[] {
  return ([0.5, 0.99] as const).map((share) => {
    const name = share === 0.5 ? 'p50' : 'p99';
    const target = targets[name];
    return {
      bench: `latency.${state}.${name}`,
      value: percentile(samples, share),
      unit: 'ms',
      spread: spreadOf(samples),
      ...(target !== undefined && { target: { at: 'most' as const, value: target } }),
    };
  });
}
