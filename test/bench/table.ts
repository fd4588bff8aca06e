import type { BenchLine } from './bench.ts';

const BEGIN = '<!-- table: npm run bench -- all -->';
const END = '<!-- end of the table -->';

/** All figures of a run as Markdown. */
export function tableOf(lines: readonly BenchLine[], date: string): string {
  const runs = [...new Set(lines.map(({ machine, commit }) => `${machine}; commit ${commit}`))];
  const rows = lines.map((line) => `| ${[line.bench, valueIn(line), spreadIn(line), targetIn(line)].join(' | ')} |`);
  return [
    `${date}, ${runs.join(', ')}. Repeat it on a quiet machine: \`npm run bench -- all\`.`,
    '',
    '| figure | value | least to most | target |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function valueIn({ value, unit, baseline, ratio }: BenchLine): string {
  const compared = baseline === undefined ? '' : `; × ${ratio} of ${baseline.value} (${baseline.what})`;
  return `${value} ${unit}${compared}`;
}

const spreadIn = ({ spread }: BenchLine): string =>
  spread === undefined ? '' : `${spread.min} to ${spread.max}, ${spread.count} samples`;

const targetIn = ({ target, met }: BenchLine): string =>
  target === undefined ? '' : `at ${target.at} ${Number(target.value.toPrecision(4))}: ${met ? 'met' : '**missed**'}`;

/** The text with another table in the place of its table. */
export function withTable(text: string, table: string): string {
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`no table between ${BEGIN} and ${END}`);
  return `${before}${BEGIN}\n${table}\n${END}${after}`;
}
