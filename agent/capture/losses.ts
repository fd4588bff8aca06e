import { nameOfCall, numberOfCall } from '../events/calls.ts';
import { typeOf } from '../events/kinds.ts';
import { type LossCause, type Losses, LossTally } from '../events/losses.ts';

/** Columns: `enum loss` in native/bpf/event.h. */
const causes: readonly LossCause[] = [
  'lifecycle_ring_full',
  'bulk_ring_full',
  'scratch_in_use',
  'recursion',
  'messages_cut',
  'cpu_limit',
];
const CALLS = 512;
const ROW_EXIT = CALLS;

const execs: ReadonlySet<number | undefined> = new Set([numberOfCall('execve'), numberOfCall('execveat')]);

/** The kernel's table, with the names that events have. */
export function readLosses(table: Float64Array): Losses {
  const tally = new LossTally();
  for (let row = 0; row * causes.length < table.length; row++) {
    for (const [column, cause] of causes.entries()) {
      const count = table[row * causes.length + column] ?? 0;
      if (count > 0) tally.add(cause, nameOf(row, cause), count);
    }
  }
  return tally.counts();
}

function nameOf(row: number, cause: LossCause): string {
  if (row === ROW_EXIT) return typeOf('exit', row);
  // What is in this ring and neither exec nor exit is a fork, whatever call made it.
  if (cause === 'lifecycle_ring_full' && !execs.has(row)) return typeOf('fork', row);
  return nameOfCall(row) ?? typeOf('call', row);
}
