import { describe, expect, it } from 'vitest';
import type { Figure } from './bench.ts';
import { readTiming } from './loops.ts';
import { loops, overhead } from './overhead.ts';
import { variants } from './watcher.ts';

describe('what is compared', () => {
  it('is ours and nothing, and the peers that the environment names', () => {
    expect(variants({}).map(({ name }) => name)).toEqual(['none', 'lanner']);
    const named = variants({ LANNER_BENCH_TETRAGON: 'sleep 60' });
    expect(named.map(({ name }) => name)).toEqual(['none', 'lanner', 'tetragon']);
  });

  it('runs a peer for as long as it is wanted', { timeout: 20_000 }, async () => {
    const peer = await variants({ LANNER_BENCH_FALCO: 'sleep 60' }).at(-1)?.start();
    const { pid = 0 } = peer ?? {};
    expect(process.kill(pid, 0)).toBe(true);
    await peer?.close();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('a peer', () => {
  const short = loops.syscall.map((loop) => ({ ...loop, args: () => ['getppid', 300_000], tries: 2 }));
  const by = (command: string) => variants({ LANNER_BENCH_FALCO: command }).filter(({ name }) => name !== 'lanner');

  it('is timed in the same rounds, with the CPU time that it used itself', { timeout: 30_000 }, async () => {
    const figures: Figure[] = [];
    const bench = overhead('syscall', short, { rounds: 1, by: by(`${process.execPath} -e for(;;);`) });
    await bench.run((figure) => figures.push(figure));
    expect(figures).toMatchObject([
      { bench: 'overhead-syscall.falco', unit: 'ns', baseline: { what: 'none', value: expect.any(Number) } },
      { bench: 'overhead-syscall.falco-cpu', unit: 'ns' },
    ]);
    for (const { value } of figures) expect(value).toBeGreaterThan(1);
  });

  it('that ends before the loop does gives no figure', { timeout: 30_000 }, async () => {
    const bench = overhead('syscall', short, { rounds: 1, by: by('sleep 4.05') });
    await expect(bench.run(() => undefined)).rejects.toThrow('sleep 4.05 ended with 0');
  });
});

describe('a timing', () => {
  it('is three numbers', () => {
    expect(readTiming('2 30 40\n')).toEqual({ count: 2, wallNs: 30, cpuNs: 40 });
    expect(() => readTiming('')).toThrow('no timing');
  });
});
