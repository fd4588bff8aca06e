import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, type Figure, percentile, spreadOf } from './bench.ts';
import { compileLoops, type Loops } from './loops.ts';
import { macroLoops, type Served } from './macro.ts';
import { type Variant, variants } from './watcher.ts';

const ROUNDS = 7;
/** Runs of a loop in a round; the fastest counts, because whatever else runs only ever makes it slower. */
const TRIES = 5;

/** A loop whose CPU time is compared, with and without somebody watching. */
export type Loop = {
  readonly bench: string;
  /** Of the CPU time without, in nanoseconds. */
  readonly target: (baselineNs: number) => number;
  readonly unit: 'ns' | 'µs';
  readonly args: (folder: string) => readonly (string | number)[];
  readonly cwd?: (folder: string) => string;
  /** Instead of `TRIES`. */
  readonly tries?: number;
  /** Runs beside the loop, which then is its client. */
  readonly serve?: () => Promise<Served>;
  /** Operations, by what the client says. */
  readonly countOf?: (said: string) => number;
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
  macro: macroLoops,
} as const satisfies Readonly<Record<string, readonly Loop[]>>;

/** The CPU time of these loops with each watcher, against the same without one. */
export const overhead = (
  name: string,
  compared: readonly Loop[],
  { rounds = ROUNDS, by = variants() }: { readonly rounds?: number; readonly by?: readonly Variant[] } = {},
): Bench => ({
  name: `overhead-${name}`,
  summary: 'CPU time of a loop while the agent watches with the published rules, against none',
  async run(report) {
    const compiled = compileLoops();
    try {
      for (const figure of await compare(compiled, compared, { rounds, by })) report(figure);
    } finally {
      compiled.close();
    }
  },
});

/** What an operation took in a round: of the loop, and of who watched it. */
type Sample = { readonly ns: number; readonly watcherNs: number };

async function compare(
  compiled: Loops,
  compared: readonly Loop[],
  { rounds, by }: { readonly rounds: number; readonly by: readonly Variant[] },
): Promise<readonly Figure[]> {
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, start } of by) {
      const watcher = await start();
      try {
        for (const loop of compared) {
          const key = `${loop.bench} ${name}`;
          const before = watcher.cpuNs();
          const { ns, operations } = await fastest(compiled, loop);
          const watcherNs = (watcher.cpuNs() - before) / operations;
          samples.set(key, [...(samples.get(key) ?? []), { ns, watcherNs }]);
        }
      } finally {
        await watcher.close();
      }
    }
  }
  return compared.flatMap((loop) => figuresOf(loop, by, (name) => samples.get(`${loop.bench} ${name}`) ?? []));
}

async function fastest(
  { folder, run }: Loops,
  { args, cwd, tries, serve, countOf }: Loop,
): Promise<{ readonly ns: number; readonly operations: number }> {
  let operations = 0;
  let best = Number.POSITIVE_INFINITY;
  const where = { cwd: cwd?.(folder) ?? folder };
  const served = await serve?.();
  try {
    for (let index = 0; index < (tries ?? TRIES); index++) {
      const before = served?.cpuNs() ?? 0;
      const { count, cpuNs, said } = await run(served ? ['exec', 1, ...served.command] : args(folder), where);
      const all = cpuNs + (served?.cpuNs() ?? 0) - before;
      const done = countOf?.(said) ?? count;
      operations += done;
      best = Math.min(best, all / done);
    }
  } finally {
    await served?.close();
  }
  return { ns: best, operations };
}

function figuresOf(
  { bench, target, unit }: Loop,
  by: readonly Variant[],
  samplesOf: (name: string) => readonly Sample[],
): readonly Figure[] {
  const scale = unit === 'ns' ? 1 : 1_000;
  const nsOf = (name: string) => samplesOf(name).map(({ ns }) => ns);
  const baselineNs = percentile(nsOf('none'), 0.5);
  const watchers = by.filter(({ name }) => name !== 'none');
  const hasPeers = watchers.some(({ name }) => name !== 'lanner');
  return watchers.flatMap(({ name }) => {
    const samples = nsOf(name).map((ns) => ns / scale);
    const own = samplesOf(name).map(({ watcherNs }) => watcherNs / scale);
    const figure = {
      bench: name === 'lanner' ? bench : `${bench}.${name}`,
      value: percentile(samples, 0.5),
      unit,
      baseline: { what: 'none', value: baselineNs / scale },
      spread: spreadOf(samples),
      ...(name === 'lanner' && { target: { at: 'most' as const, value: target(baselineNs) / scale } }),
    };
    // Beside peers, also what the watcher itself used for an operation.
    const used = { bench: `${bench}.${name}-cpu`, value: percentile(own, 0.5), unit, spread: spreadOf(own) };
    return hasPeers ? [figure, used] : [figure];
  });
}
