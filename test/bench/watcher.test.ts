import { describe, expect, it } from 'vitest';
import { readTiming } from './loops.ts';
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

describe('a timing', () => {
  it('is three numbers', () => {
    expect(readTiming('2 30 40\n')).toEqual({ count: 2, wallNs: 30, cpuNs: 40 });
    expect(() => readTiming('')).toThrow('no timing');
  });
});
