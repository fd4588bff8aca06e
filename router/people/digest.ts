import { type Alert, severityOf } from '#rules/alert';
import { cut, visibleLine } from '../clients/visible.ts';
import type { Table } from '../runs/outward.ts';

/** What a digest keeps of a message: as much as its row shows. */
export type DigestRow = {
  readonly atMs: number;
  readonly rule: string;
  readonly priority: Alert['priority'];
  /** Node and container. */
  readonly where: string;
  readonly playbook: string;
  readonly output: string;
};

export type Digest = {
  readonly subject: string;
  readonly text: string;
  readonly table: Table;
  readonly worst: Alert['priority'];
};

const MOST_ROWS = 50;
const MOST_OUTPUT = 120;
const MOST_CELL = 60;

const head = ['Priority', 'Count', 'Rule', 'Where', 'First', 'Last', 'Latest output'] as const;

export function rowOf(alert: Alert, playbook: string, atMs: number): DigestRow {
  const { rule, priority, hostname, lanner, output, output_fields: fields } = alert;
  const container = lanner?.container?.id ?? fields['container.id'];
  const node = lanner?.node ?? (hostname === '' ? 'unknown' : hostname);
  const where =
    typeof container === 'string' && container !== '' && container !== 'host'
      ? `${node}/${container.slice(0, 12)}`
      : node;
  return {
    atMs,
    rule: line(rule, 256),
    priority,
    where: line(where, 128),
    playbook,
    output: line(output, MOST_OUTPUT),
  };
}

/** Pure: many messages as one. What is the same (rule and place) is one line with its count, however many there were. */
export function composeDigest(rows: readonly DigestRow[]): Digest {
  const kinds = new Map<string, DigestRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.priority, row.rule, row.where]);
    const others = kinds.get(key);
    if (others === undefined) kinds.set(key, [row]);
    else others.push(row);
  }
  const sorted = [...kinds.values()].toSorted(
    ([a], [b]) => severityOf(a?.priority ?? 'Debug') - severityOf(b?.priority ?? 'Debug'),
  );
  // The most severe first, and of those the most frequent.
  const ranked = sorted.toSorted((a, b) => rankOf(a) - rankOf(b) || b.length - a.length);
  const shown = ranked.slice(0, MOST_ROWS).map(cellsOf);
  const rest = ranked.slice(MOST_ROWS);
  const more = rest.length === 0 ? [] : [`and ${rest.length} more kinds, ${rest.flat().length} alerts`];
  const times = rows.map(({ atMs }) => atMs);
  const [first, last] = [Math.min(...times), Math.max(...times)].map((ms) => new Date(ms).toISOString().slice(0, 19));
  const worst = ranked[0]?.[0]?.priority ?? 'Informational';
  const count = `${rows.length} ${rows.length === 1 ? 'alert' : 'alerts'}`;
  const top = ranked[0]?.[0]?.rule ?? '';
  const subject =
    ranked.length === 1 ? `${count}: ${worst}: ${top}` : `${count} of ${ranked.length} kinds, ${worst}: ${top} first`;
  const about = `${count} from ${first}Z to ${last}Z`;
  const text = [about, '', ...aligned([head, ...shown]), ...more].join('\n');
  return { subject: cut(subject, 200), text, table: { caption: about, head, rows: shown, more: more.join('') }, worst };
}

function rankOf([row]: readonly DigestRow[]): number {
  return severityOf(row?.priority ?? 'Debug');
}

function cellsOf(rows: readonly DigestRow[]): readonly string[] {
  const sorted = rows.toSorted((a, b) => a.atMs - b.atMs);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined) return [];
  const clock = ({ atMs }: DigestRow): string => `${new Date(atMs).toISOString().slice(11, 19)}Z`;
  const { priority, rule, where, output } = last;
  return [
    priority,
    String(rows.length),
    cut(rule, MOST_CELL),
    cut(where, MOST_CELL),
    clock(first),
    clock(last),
    output,
  ];
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, at) => (at === head.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  '),
  );
}

function line(text: string, most: number): string {
  return cut(visibleLine(text), most);
}
