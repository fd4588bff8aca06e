/** One line of the table that the run ends with. */
export type Row = {
  readonly set: string;
  readonly rule: string;
  readonly fired: boolean;
  readonly silent: boolean;
  /** From the event, as the kernel timed it, to the alert's line in the test's hands. */
  readonly latencyUs: number | undefined;
};

const truth = (value: boolean): string => (value ? 'yes' : 'NO');

function write(set: string, rule: string, fired: string, silent: string, latency: string): string {
  return [set.padEnd(12), rule.padEnd(64), fired.padStart(5), silent.padStart(6), latency.padStart(11)].join(' ');
}

/** What each stimulus led to, and the sums. */
export function tableOf(rows: readonly Row[]): string {
  const delays = rows.flatMap(({ latencyUs }) => latencyUs ?? []).toSorted((left, right) => left - right);
  const at = (share: number) =>
    delays[Math.min(delays.length - 1, Math.floor(delays.length * share))]?.toFixed(0) ?? '?';
  const fired = rows.filter((row) => row.fired).length;
  const silent = rows.filter((row) => row.silent).length;
  return [
    write('set', 'rule', 'fired', 'silent', 'µs to alert'),
    ...rows.map((row) =>
      write(row.set, row.rule, truth(row.fired), truth(row.silent), row.latencyUs?.toFixed(0) ?? ''),
    ),
    `${rows.length} rules: ${fired} fired, ${silent} silent on the near miss; µs to the alert p50 ${at(0.5)}, p99 ${at(0.99)}`,
  ].join('\n');
}
