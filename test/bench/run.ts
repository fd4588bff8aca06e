import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodes } from '#rules/cli/command-line';
import { type Bench, type BenchLine, jsonOf, lineOf } from './bench.ts';
import { tableOf, withTable } from './table.ts';

const readme = join(import.meta.dirname, 'README.md');
/** Takes half an hour: only when it is named. */
const LONG = 'soak';

/** Every benchmark, loaded when it is asked for. */
const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  'agent-start': async () => (await import('./agent-start.ts')).agentStart,
  cost: async () => (await import('./cost.ts')).cost,
  engine: async () => (await import('./engine.ts')).engine,
  flood: async () => (await import('./flood.ts')).flood,
  idle: async () => (await import('./idle.ts')).idle,
  latency: async () => (await import('./latency.ts')).latency,
  memory: async () => (await import('./memory.ts')).memory,
  'memory-profiles': async () => (await import('./memory-profiles.ts')).memoryProfilesBench,
  ...Object.fromEntries(
    (['syscall', 'open', 'exec', 'connect', 'macro'] as const).map((name) => [
      `overhead-${name}`,
      async () => {
        const { loops, overhead } = await import('./overhead.ts');
        return overhead(name, loops[name]);
      },
    ]),
  ),
  outward: async () => (await import('./outward.ts')).outward,
  response: async () => (await import('./response.ts')).response,
  rules: async () => (await import('./rules.ts')).bench,
  snapshot: async () => (await import('./snapshot.ts')).snapshot,
  soak: async () => (await import('./soak.ts')).soak,
  start: async () => (await import('./start.ts')).start,
  sync: async () => (await import('./sync.ts')).sync,
};

const usage = `usage: npm run bench -- NAME… [--json]\n\nnames: all (but soak, which takes half an hour; writes the table of test/bench/README.md), ${Object.keys(benches).join(', ')}\n`;

function textOf({ bench, value, unit, spread, baseline, ratio, target, met }: BenchLine): string {
  const parts = [`${bench.padEnd(28)} ${value} ${unit}`];
  if (spread !== undefined) parts.push(`${spread.min} to ${spread.max}, ${spread.count} samples`);
  if (baseline !== undefined) parts.push(`× ${ratio} of ${baseline.what} (${baseline.value})`);
  if (target !== undefined) parts.push(`target at ${target.at} ${target.value}: ${met ? 'met' : 'missed'}`);
  return parts.join('; ');
}

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: { json: { type: 'boolean' } },
    allowPositionals: true,
  });
  const isAll = positionals.includes('all');
  const names = isAll ? Object.keys(benches).filter((name) => name !== LONG) : positionals;
  const unknown = names.find((name) => !Object.hasOwn(benches, name));
  if (names.length === 0 || unknown !== undefined) {
    process.stderr.write(unknown === undefined ? usage : `bench: unknown name ${JSON.stringify(unknown)}\n${usage}`);
    return exitCodes.usage;
  }
  let code: number = exitCodes.ok;
  const lines: BenchLine[] = [];
  for (const name of names) {
    const bench = await benches[name]?.();
    try {
      await bench?.run((figure) => {
        const line = lineOf(figure);
        lines.push(line);
        if (line.met === false) code = exitCodes.failed;
        process.stdout.write(`${values.json ? jsonOf(line) : textOf(line)}\n`);
      });
    } catch (error) {
      // What the others measured must not be lost.
      process.stderr.write(
        `bench: ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
      code = exitCodes.failed;
    }
  }
  if (isAll) writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), tableOf(lines, today())));
  return code;
}

const today = (): string => new Date().toISOString().slice(0, 'YYYY-MM-DD'.length);

process.exitCode = await main(process.argv.slice(2));
