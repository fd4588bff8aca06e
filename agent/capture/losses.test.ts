import { describe, expect, it } from 'vitest';
import { numberOfCall } from '../events/calls.ts';
import { readLosses } from './losses.ts';

const CAUSES = 6;
const EXIT = 512;
const OTHER = 513;

/** The kernel's table with some of its cells filled. */
function table(cells: readonly (readonly [row: string | number, column: number, count: number])[]): Float64Array {
  const numbers = new Float64Array(514 * CAUSES);
  for (const [row, column, count] of cells) {
    const at = typeof row === 'number' ? row : (numberOfCall(row) ?? Number.NaN);
    numbers[at * CAUSES + column] = count;
  }
  return numbers;
}

describe('losses in the kernel', () => {
  it('have the names of their events, by cause', () => {
    expect(readLosses(table([]))).toEqual({});
    expect(
      readLosses(
        table([
          ['openat', 1, 7],
          ['execve', 0, 2],
          ['execveat', 0, 1],
          ['execve', 3, 1],
          [EXIT, 0, 3],
          [OTHER, 3, 4],
          ['sendmmsg', 4, 9],
        ]),
      ),
    ).toEqual({
      bulk_ring_full: { openat: 7 },
      lifecycle_ring_full: { execve: 2, execveat: 1, procexit: 3 },
      recursion: { execve: 1, syscall: 4 },
      messages_cut: { sendmmsg: 9 },
    });
  });

  it('of the ring of processes are forks, whatever call made them', () => {
    const lost = table([
      ['clone3', 0, 1],
      ['vfork', 0, 1],
      ['io_uring_setup', 0, 1],
      [OTHER, 0, 1],
      ['io_uring_setup', 1, 5],
    ]);
    expect(readLosses(lost)).toEqual({
      lifecycle_ring_full: { clone3: 1, vfork: 1, clone: 2 },
      bulk_ring_full: { io_uring_setup: 5 },
    });
  });
});
