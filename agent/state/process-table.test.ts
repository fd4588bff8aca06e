import { describe, expect, it } from 'vitest';
import type { Process } from './process.ts';
import { ProcessTable } from './process-table.ts';
import { sampleProcess } from './sample-process.ts';

const second = 1_000_000_000;

function process(pid: number, startNs: number, ppid = 1, more: Parameters<typeof sampleProcess>[0] = {}): Process {
  return sampleProcess({ pid, startNs, ppid, comm: `p${pid}`, ...more });
}

const noProc = () => undefined;

describe('ProcessTable', () => {
  it('finds a process by pid and start time only', () => {
    const table = new ProcessTable(noProc);
    table.put(process(70_000, 5 * second));
    expect(table.find(70_000, 5 * second)?.comm).toBe('p70000');
    expect(table.find(70_000, 6 * second)).toBeUndefined();
  });

  it('takes a start time in whole ticks for the same process', () => {
    const table = new ProcessTable(noProc);
    table.put(process(10, 1_230_000_000));
    expect(table.find(10, 1_234_567_890)?.pid).toBe(10);
  });

  it('replaces the earlier owner of a pid', () => {
    const table = new ProcessTable(noProc);
    table.put(process(10, second, 1, { comm: 'old' }));
    table.put(process(10, 9 * second, 1, { comm: 'new' }));
    expect(table.find(10, 9 * second)?.comm).toBe('new');
    expect(table.counters.replaced).toBe(1);
    expect(table.size).toBe(1);
  });

  it('keeps the later owner of a pid when the start of an earlier one comes after it', () => {
    const table = new ProcessTable(noProc);
    table.correct(process(10, 9 * second, 1, { comm: 'new' }));
    table.put(process(10, second, 1, { comm: 'old' }));
    table.exit(10, second, 2 * second);
    expect(table.find(10, 9 * second)).toMatchObject({ comm: 'new', exitNs: undefined });
  });

  it('heals what no event told', () => {
    const table = new ProcessTable((pid) => (pid === 7 ? process(7, 3 * second) : undefined));
    expect(table.find(7, 3 * second)?.comm).toBe('p7');
    expect(table.find(8, 3 * second)).toBeUndefined();
    expect(table.counters).toMatchObject({ healed: 1, lost: 1 });
  });

  it('takes a parent of the same tick, though /proc says that its child started at the tick’s beginning', () => {
    const table = new ProcessTable(noProc);
    table.put(process(7, 1_234_567_890));
    table.put(process(8, 1_230_000_000, 7));
    expect(table.ancestors(process(8, 1_230_000_000, 7)).map(({ pid }) => pid)).toEqual([7]);
  });

  it('does not take a younger owner of the pid for the parent', () => {
    const table = new ProcessTable(noProc);
    table.put(process(5, 9 * second));
    const child = process(6, 2 * second, 5);
    table.put(child);
    expect(table.ancestors(child)).toEqual([]);
  });

  it('knows the descendants of a process, those of ended and of changed parents as well', () => {
    const table = new ProcessTable(noProc);
    for (const [pid, parent] of [
      [10, 1],
      [11, 10],
      [12, 11],
      [13, 1],
    ] as const)
      table.put(process(pid, pid * second, parent));
    table.put(process(10, 10 * second, 1, { comm: 'exec' }));
    table.exit(11, 11 * second, 20 * second);
    expect(table.descendants(10, 1_000n)).toEqual([12]);
    expect(table.descendants(10, 1_001n)).toEqual([]);
  });

  it('walks up to the oldest known ancestor', () => {
    const table = new ProcessTable(noProc);
    for (let pid = 1; pid <= 4; pid++) table.put(process(pid, pid * second, pid - 1));
    const youngest = table.peek(4);
    expect(youngest && table.ancestors(youngest).map(({ pid }) => pid)).toEqual([3, 2, 1]);
    expect(youngest && table.ancestor(youngest, 2)?.pid).toBe(2);
    expect(youngest && table.ancestor(youngest, 9)).toBeUndefined();
  });

  it('keeps an ended process for its children, then forgets it', () => {
    const table = new ProcessTable(noProc);
    table.put(process(1, 0, 0));
    table.put(process(20, second));
    table.exit(20, second, 2 * second);
    expect(table.find(20, second)?.exitNs).toBe(2 * second);
    table.put(process(21, second));
    table.exit(21, second, 100 * second);
    expect(table.peek(20)).toBeUndefined();
  });

  it.for([
    [8_192, undefined],
    [100, 100],
  ] as const)('keeps %s ended processes when they end faster than they age', ([kept, most]) => {
    const table = new ProcessTable(noProc, most);
    for (let pid = 2; pid < 30_000; pid++) {
      table.put(process(pid, pid));
      table.exit(pid, pid, pid + 1);
    }
    expect(table.size).toBeLessThanOrEqual(kept + 1);
    expect(table.size).toBeGreaterThanOrEqual(kept);
    expect(table.counters.evicted).toBeGreaterThan(20_000);
  });

  it('ignores the end of a process that had the pid earlier', () => {
    const table = new ProcessTable(noProc);
    table.put(process(10, 9 * second));
    table.exit(10, second, 10 * second);
    expect(table.peek(10)?.exitNs).toBeUndefined();
  });

  it('ends a process whose end came before its start', () => {
    const table = new ProcessTable(noProc);
    table.exit(10, 5 * second, 6 * second);
    table.put(process(10, 5 * second));
    expect(table.peek(10)?.exitNs).toBe(6 * second);
    table.put(process(10, 9 * second));
    expect(table.peek(10)?.exitNs).toBeUndefined();
  });

  it('keeps no endless line of ancestors that each made the next and went', () => {
    const table = new ProcessTable(noProc);
    const first = process(2, 2);
    table.put(first);
    for (let pid = 3; pid < 30_000; pid++) {
      const maker = table.peek(pid - 1);
      table.put(process(pid, pid, pid - 1, { parent: maker }));
      // The maker starts another program and ends.
      if (maker !== undefined) table.put({ ...maker, comm: 'next' });
      table.exit(pid - 1, pid - 1, pid);
    }
    let length = 0;
    for (let at = table.peek(29_999); at !== undefined; at = at.parent) length++;
    expect(length).toBeLessThan(10_000);
  });

  it('keeps what a process was before only for children that point to it', () => {
    const table = new ProcessTable(noProc);
    table.put(process(10, second, 1, { comm: 'forked' }));
    table.put(process(10, second, 1, { comm: 'started' }));
    expect(table.peek(10)).toMatchObject({ comm: 'started', earlier: undefined });
    table.put(process(20, 2 * second, 10));
    table.put(process(10, second, 1, { comm: 'next' }));
    table.put(process(10, second, 1, { comm: 'last' }));
    expect(table.peek(10)).toMatchObject({ comm: 'last', earlier: { comm: 'started' } });
  });

  it('gives a child the parent as it is now', () => {
    const table = new ProcessTable(noProc);
    table.put(process(10, second, 1, { comm: 'old' }));
    const child = process(20, 2 * second, 10);
    table.put(child);
    table.put(process(10, second, 1, { comm: 'new' }));
    expect(table.ancestor(child, 1)?.comm).toBe('new');
  });
});

describe('after events were lost', () => {
  it('enters what started, ends what ended, and takes what changed', () => {
    const table = new ProcessTable(noProc);
    table.put(process(10, second, 1, { comm: 'ended' }));
    table.put(process(11, second + 5, 1, { comm: 'sh', argv: ['sh'], inode: 7, execNs: 5 }));
    table.put(process(12, second, 1, { comm: 'same' }));
    const same = table.peek(12);
    table.put(process(14, 90 * second, 1, { comm: 'young' }));
    // /proc counts start times in ticks.
    table.correct(process(11, second, 1, { comm: 'ls', argv: ['ls', '-l'], inode: 8 }));
    table.correct(process(12, second, 1, { comm: 'same' }));
    table.correct(process(13, 3 * second, 11, { comm: 'started' }));
    table.endMissing(new Set([11, 12, 13]), 80 * second);
    expect(table.peek(10)?.exitNs).toBe(80 * second);
    expect(table.peek(11)).toMatchObject({
      comm: 'ls',
      program: { argv: ['ls', '-l'], inode: 8 },
      startNs: second + 5,
      execNs: undefined,
    });
    expect(table.peek(12)).toBe(same);
    expect(table.peek(13)?.parent?.comm).toBe('ls');
    expect(table.peek(14)?.exitNs).toBeUndefined();
    expect(table.counters.corrected).toBe(3);
  });

  it('takes another owner of a pid for another process', () => {
    const table = new ProcessTable(noProc);
    table.put(process(10, second, 1, { comm: 'old' }));
    table.correct(process(10, 5 * second, 1, { comm: 'new' }));
    expect(table.find(10, 5 * second)?.comm).toBe('new');
  });
});
