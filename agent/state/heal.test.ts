import { describe, expect, it } from 'vitest';
import { enterAll, makeHealer } from './heal.ts';
import { readProcess } from './proc-folder.ts';
import type { Process } from './process.ts';
import { ProcessTable } from './process-table.ts';

function setUp(pids: number[], listed: readonly Process[][] = []) {
  const processes = new ProcessTable(() => undefined);
  const own = readProcess(process.pid);
  if (own === undefined) throw new Error('this process runs');
  const steps: (() => void)[] = [];
  const corrections: number[] = [];
  const read: number[] = [];
  const parts = [...listed];
  const behind = { turns: 0 };
  const heal = makeHealer({
    catchUp: () => behind.turns-- > 0,
    processes,
    nextProcesses: () => parts.shift() ?? [],
    listPids: () => pids,
    readProcess: (pid) => {
      read.push(pid);
      return pid % 2 === 0 ? { ...own, pid, parent: undefined } : undefined;
    },
    sinceBootNs: () => own.startNs + 5e9,
    corrected: () => corrections.push(processes.counters.corrected),
    later: (next) => steps.push(next),
  });
  const runAll = () => {
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) step();
  };
  return { processes, heal, steps, read, runAll, own, behind, corrections };
}

describe('the comparison with the kernel', () => {
  it('says when it found a process to be another than was known', () => {
    const { heal, runAll, corrections } = setUp([2, 3]);
    heal();
    runAll();
    expect(corrections).toEqual([1]);
    heal();
    runAll();
    expect(corrections).toEqual([1]);
  });

  it('goes in small steps', () => {
    const { heal, steps, read, processes, runAll } = setUp(Array.from({ length: 100 }, (_, index) => index + 1));
    heal();
    expect(read).toHaveLength(32);
    expect(steps).toHaveLength(1);
    runAll();
    expect(read).toHaveLength(100);
    expect(processes.size).toBe(50);
  });

  it('begins when no earlier event waits, or there never comes an end to them', () => {
    const { heal, steps, read, runAll, behind } = setUp([2]);
    behind.turns = 3;
    heal();
    steps.shift()?.();
    expect(read).toEqual([]);
    runAll();
    expect(read).toEqual([2]);
    behind.turns = 5_000;
    heal();
    runAll();
    expect(read).toEqual([2, 2]);
    expect(behind.turns).toBe(3_999);
  });

  it('ends what is not listed', () => {
    const { heal, processes, own } = setUp([2]);
    processes.put({ ...own, pid: 9 });
    heal();
    expect(processes.peek(9)?.exitNs).toBe(own.startNs + 5e9);
    expect(processes.peek(2)?.exitNs).toBeUndefined();
  });

  it('runs once more when it was asked for meanwhile, and not more often', () => {
    const { heal, read, runAll } = setUp(Array.from({ length: 40 }, (_, index) => index + 1));
    heal();
    heal();
    heal();
    runAll();
    expect(read).toHaveLength(80);
  });

  it('takes the kernel’s list part by part, and reads what that leaves out', () => {
    const own = readProcess(process.pid);
    if (own === undefined) throw new Error('this process runs');
    const as = (pid: number): Process => ({ ...own, pid, parent: undefined });
    const { heal, steps, read, processes, runAll } = setUp([2, 3, 4, 6], [[as(2), as(3)], [as(6)]]);
    heal();
    expect(processes.peek(2)).toBeDefined();
    expect(processes.peek(6)).toBeUndefined();
    expect(steps).toHaveLength(1);
    runAll();
    expect(processes.peek(6)).toBeDefined();
    expect(read).toEqual([4]);
    expect(processes.peek(4)).toBeDefined();
  });
});

describe('the first look', () => {
  it('enters what the kernel lists, and the rest by /proc', () => {
    const own = readProcess(process.pid);
    if (own === undefined) throw new Error('this process runs');
    const as = (pid: number): Process => ({ ...own, pid, parent: undefined });
    const processes = new ProcessTable(() => undefined);
    const parts = [[as(2)], [as(3)]];
    const read: number[] = [];
    enterAll({
      processes,
      nextProcesses: () => parts.shift() ?? [],
      listPids: () => [2, 3, 4],
      readProcess: (pid) => {
        read.push(pid);
        return as(pid);
      },
    });
    expect(read).toEqual([4]);
    expect(processes.size).toBe(3);
  });
});
