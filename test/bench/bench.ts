import { execFileSync } from 'node:child_process';
import { cpus, release } from 'node:os';

/** One figure, as printed: a line of JSON that says all that is needed to judge it. */
export type BenchLine = {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
  /** What the value is compared with: a peer, a physical limit, or the same without Lanner; in the same unit. */
  readonly baseline?: { readonly what: string; readonly value: number };
  /** value / baseline. */
  readonly ratio?: number;
  readonly spread?: Spread;
  readonly target?: { readonly at: 'most' | 'least'; readonly value: number };
  readonly met?: boolean;
  readonly machine: string;
  readonly commit: string;
};

export type Spread = { readonly count: number; readonly min: number; readonly median: number; readonly max: number };

/** What a benchmark reports; the runner adds ratio, verdict, machine and commit. */
export type Figure = Omit<BenchLine, 'ratio' | 'met' | 'machine' | 'commit'>;

/** One benchmark: `npm run bench -- NAME`. It reports each figure as soon as it has it. */
export type Bench = {
  readonly name: string;
  readonly summary: string;
  run(report: (figure: Figure) => void): Promise<void>;
};

/** The value that `share` (0 to 1) of the samples do not exceed: nearest rank, so always one that was measured. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('percentile of no samples');
  return value;
}

export function spreadOf(samples: readonly number[]): Spread {
  const [min, median, max] = [0, 0.5, 1].map((share) => round(percentile(samples, share)));
  if (min === undefined || median === undefined || max === undefined) throw new Error('spread of no samples');
  return { count: samples.length, min, median, max };
}

/** Four significant digits: more would claim what a shared machine cannot measure. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

function machine(): string {
  const [first] = cpus();
  return `${first?.model ?? process.arch}, ${cpus().length} cores, Linux ${release()}, Node ${process.versions.node}`;
}

function commit(): string {
  const git = (...args: readonly string[]) =>
    execFileSync('git', [...args], { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
  return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '-uno') === '' ? '' : '+changes'}`;
}

/** Turns a figure into the line that is printed. */
export function lineOf(figure: Figure): BenchLine {
  const { baseline, target, value } = figure;
  return {
    ...figure,
    value: round(value),
    ...(baseline && { baseline: { ...baseline, value: round(baseline.value) }, ratio: round(value / baseline.value) }),
    ...(target && { met: target.at === 'most' ? value <= target.value : value >= target.value }),
    machine: machine(),
    commit: commit(),
  };
}

/** The line as `--json` prints it: what a figure has not is null, so that every line has the same keys. */
export function jsonOf(line: BenchLine): string {
  const none = { baseline: null, ratio: null, spread: null, target: null, met: null };
  return JSON.stringify({ ...none, ...line });
}
