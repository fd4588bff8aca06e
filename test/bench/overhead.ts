import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, type Figure, percentile, spreadOf } from './bench.ts';
import { compileLoops, type Loops } from './loops.ts';
import { type Variant, variants } from './watcher.ts';

const root = join(import.meta.dirname, '../..');
const loopsSource = join(import.meta.dirname, 'loops.c');

const ROUNDS = 7;
/** Runs of a loop in a round; the fastest counts, because whatever else runs only ever makes it slower. */
const TRIES = 5;

/** A loop whose CPU time is compared, with and without somebody watching. */
type Loop = {
  readonly bench: string;
  /** Of the CPU time without, in nanoseconds. */
  readonly target: (baselineNs: number) => number;
  readonly unit: 'ns' | 'µs';
  readonly args: (folder: string) => readonly (string | number)[];
  readonly cwd?: (folder: string) => string;
};

/** Three folders deep, as most of what is built or packed; no rule wants it. */
const makeFile = (folder: string): string => {
  const inner = join(folder, 'project/source');
  mkdirSync(inner, { recursive: true });
  writeFileSync(join(inner, 'module.c'), '');
  return join(inner, 'module.c');
};

export const loops = {
  syscall: [{ bench: 'overhead-syscall', target: (base) => base + 85, unit: 'ns', args: () => ['getppid', 1_000_000] }],
  open: [
    {
      bench: 'overhead-open.absolute',
      target: (base) => base * 1.25,
      unit: 'ns',
      args: (folder) => ['open', 100_000, makeFile(folder)],
    },
    {
      bench: 'overhead-open.relative',
      target: (base) => base * 1.45,
      unit: 'ns',
      args: () => ['open', 100_000, 'source/module.c'],
      cwd: (folder) => join(makeFile(folder), '../..'),
    },
  ],
  exec: [
    {
      bench: 'overhead-exec',
      target: (base) => base * 1.06,
      unit: 'µs',
      args: () => ['exec', 200, '/bin/true'],
    },
  ],
  connect: [{ bench: 'overhead-connect', target: (base) => base * 1.05, unit: 'µs', args: () => ['connect', 4_000] }],
  macro: [
    // The loop's own CPU time is a fork and an exec: what counts is its child's.
    {
      name: 'tar',
      command: ['/bin/tar', '-cf', 'tree.tar', '-C', root, 'agent', 'rules', 'router', 'test'],
      count: 4,
    },
    { name: 'gcc', command: ['/usr/bin/gcc', '-O1', '-c', '-o', '/dev/null', loopsSource], count: 2 },
    {
      name: 'git-grep',
      command: ['/usr/bin/git', '-C', root, 'grep', '-q', '--and', '-e', 'a', '-e', 'zzzzzz'],
      count: 4,
    },
    { name: 'find', command: ['/usr/bin/find', '/usr/share', '-name', 'nothing'], count: 1 },
  ].map(
    ({ name, command, count }): Loop => ({
      bench: `overhead-macro.${name}`,
      target: (base) => base * 1.05,
      unit: 'µs',
      args: () => ['exec', count, ...command],
    }),
  ),
} as const satisfies Readonly<Record<string, readonly Loop[]>>;

/** The CPU time of these loops with each watcher, against the same without one. */
export const overhead = (name: string, compared: readonly Loop[]): Bench => ({
  name: `overhead-${name}`,
  summary: 'CPU time of a loop while the agent watches with the published rules, against none',
  async run(report) {
    const compiled = compileLoops();
    try {
      for (const figure of await compare(compiled, compared, variants())) report(figure);
    } finally {
      compiled.close();
    }
  },
});

async function compare(compiled: Loops, compared: readonly Loop[], by: readonly Variant[]): Promise<readonly Figure[]> {
  const samples = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, start } of by) {
      const watcher = await start();
      try {
        for (const loop of compared) {
          const key = `${loop.bench} ${name}`;
          samples.set(key, [...(samples.get(key) ?? []), await fastest(compiled, loop)]);
        }
      } finally {
        await watcher.close();
      }
    }
  }
  return compared.flatMap((loop) => figuresOf(loop, by, (name) => samples.get(`${loop.bench} ${name}`) ?? []));
}

async function fastest({ folder, run }: Loops, { args, cwd }: Loop): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let index = 0; index < TRIES; index++) {
    const { count, cpuNs } = await run(args(folder), { cwd: cwd?.(folder) ?? folder });
    best = Math.min(best, cpuNs / count);
  }
  return best;
}

function figuresOf(
  { bench, target, unit }: Loop,
  by: readonly Variant[],
  samplesOf: (name: string) => readonly number[],
): readonly Figure[] {
  const scale = unit === 'ns' ? 1 : 1_000;
  const baselineNs = percentile(samplesOf('none'), 0.5);
  return by
    .filter(({ name }) => name !== 'none')
    .map(({ name }) => {
      const samples = samplesOf(name).map((ns) => ns / scale);
      return {
        bench: name === 'lanner' ? bench : `${bench}.${name}`,
        value: percentile(samples, 0.5),
        unit,
        baseline: { what: 'none', value: baselineNs / scale },
        spread: spreadOf(samples),
        ...(name === 'lanner' && { target: { at: 'most' as const, value: target(baselineNs) / scale } }),
      };
    });
}
