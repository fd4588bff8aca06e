import { cpus } from 'node:os';
import type { Bench, Figure } from './bench.ts';
import { compileLoops, type Running, readTiming } from './loops.ts';
import { produce } from './synthetic.ts';
import { type WatchingAgent, watchWithAgent } from './watcher.ts';

const SECONDS = 3;
/** Records a second of the producer in the kernel. */
const SYNTHETIC_RATE = 2_200_000;
/** A file that rules guard, opened by a program that they leave alone: wanted, and no alert comes of it. */
export const WANTED = '/etc/shadow';
export const LEFT_ALONE = 'bash';
const UNWANTED = '/usr/bin/env';
/** A folder that rules guard as they guard that file; what lies in it meanwhile, only the loops see. */
export const GUARDED_FOLDER = '/etc/pam.d';
export const FILES = 50_000;

/** Real opens on every core, as fast as the machine makes them: how many came, how many were delivered, how many lost. */
export const flood: Bench = {
  name: 'flood',
  summary: 'opens on every core as fast as can be: made, delivered and dropped',
  async run(report) {
    const loops = compileLoops();
    const agent = await watchWithAgent();
    try {
      await agent.rested();
      const program = loops.named(LEFT_ALONE);
      const each = (start: () => Running) => cpus().map(start);
      const wanted = () => each(() => loops.start(['flood', SECONDS, 0, WANTED], program));
      const unwanted = () => each(() => loops.start(['flood', SECONDS, 0, UNWANTED], program));
      const unique = () => each(() => loops.start(['unique', SECONDS, FILES, GUARDED_FOLDER], program));
      for (const figure of await measure('flood.wanted', agent, wanted, 1_000_000)) report(figure);
      for (const figure of await measure('flood.unwanted', agent, unwanted)) report(figure);
      for (const figure of await measure('flood.unique', agent, unique, 700_000)) report(figure);
      for (const figure of await measureSynthetic(agent)) report(figure);
    } finally {
      await agent.close();
      loops.close();
    }
  },
};

async function measure(
  bench: string,
  agent: WatchingAgent,
  start: () => readonly Running[],
  target?: number,
): Promise<readonly Figure[]> {
  const running = start();
  await Promise.all(running.map(({ ready }) => ready));
  const before = await agent.counters();
  const beforeCpuNs = agent.cpuNs();
  for (const each of running) each.go();
  const timings = (await Promise.all(running.map(({ lines }) => lines))).map(([line = '']) => readTiming(line));
  const after = await agent.counters();
  const made = timings.reduce((sum, { count, wallNs }) => sum + count / (wallNs / 1e9), 0);
  const delivered = (after.bulk - before.bulk) / SECONDS;
  return [
    { bench: `${bench}.made`, value: made, unit: 'opens/s' },
    {
      bench: `${bench}.delivered`,
      value: delivered,
      unit: 'events/s',
      baseline: { what: 'made', value: made },
      ...(target !== undefined && { target: { at: 'least' as const, value: Math.min(target, made * 0.99) } }),
    },
    {
      bench: `${bench}.dropped`,
      value: after.dropped - before.dropped,
      unit: 'events',
      target: { at: 'most', value: 0 },
    },
    { bench: `${bench}.agent_cpu`, value: (agent.cpuNs() - beforeCpuNs) / SECONDS / 1e9, unit: 'cores' },
  ];
}

/** Faster than opens can be made: whether ring, reader and engine keep up. */
async function measureSynthetic(agent: WatchingAgent): Promise<readonly Figure[]> {
  const before = await agent.counters();
  const beforeCpuNs = agent.cpuNs();
  const opened = { path: WANTED, name: LEFT_ALONE };
  const { made, dropped, seconds } = await produce(agent, opened, SECONDS, SYNTHETIC_RATE);
  await agent.rested();
  const handled = (await agent.counters()).handled - before.handled;
  const bench = 'flood.synthetic';
  return [
    {
      bench: `${bench}.delivered`,
      value: Math.min(handled, made) / seconds,
      unit: 'events/s',
      baseline: { what: 'made', value: made / seconds },
      target: { at: 'least', value: 2_000_000 },
    },
    { bench: `${bench}.dropped`, value: dropped, unit: 'events', target: { at: 'most', value: 0 } },
    { bench: `${bench}.agent_cpu`, value: (agent.cpuNs() - beforeCpuNs) / seconds / 1e9, unit: 'cores' },
  ];
}
