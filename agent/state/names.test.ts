import { describe, expect, it } from 'vitest';
import { Names } from './names.ts';

const MINUTE_MS = 60_000;
const one = Uint8Array.of(192, 0, 2, 1);
const two = Uint8Array.of(192, 0, 2, 2);
const mapped = Uint8Array.of(...new Array<number>(10).fill(0), 0xff, 0xff, ...one);

function world(answers: Record<string, readonly Uint8Array[]>) {
  const asked: string[] = [];
  const state = { nowMs: 0, answers };
  const names = new Names(['a.example', 'b.example', '10.0.0.0/8', '10.1.2.3', 'two words', '-x', ''], {
    resolve: async (name) => {
      asked.push(name);
      const found = state.answers[name];
      if (found === undefined) throw new Error('ENOTFOUND');
      return found;
    },
    nowMs: () => state.nowMs,
  });
  return { names, asked, state };
}

describe('names of addresses', () => {
  it('are those in rules that lead there; what is no host name is not asked for', async () => {
    const { names, asked } = world({ 'a.example': [one, two], 'b.example': [one] });
    expect(names.of(one)).toEqual([]);
    await names.ask();
    expect(asked).toEqual(['a.example', 'b.example']);
    expect(names.of(one)).toEqual(['a.example', 'b.example']);
    expect(names.of(mapped)).toEqual(['a.example', 'b.example']);
    expect(names.of(two)).toEqual(['a.example']);
    expect(names.of(Uint8Array.of(192, 0, 2, 3))).toEqual([]);
  });

  it('are asked for every five minutes, and after a failure every minute', async () => {
    const { names, asked, state } = world({ 'a.example': [one] });
    for (let minute = 0; minute <= 5; minute++) {
      state.nowMs = minute * MINUTE_MS;
      await names.ask();
    }
    expect(asked.filter((name) => name === 'a.example')).toHaveLength(2);
    expect(asked.filter((name) => name === 'b.example')).toHaveLength(6);
    expect(names.counters).toEqual({ asked: 8, failed: 6, tooMany: 0 });
  });

  it('stay for an hour after the last answer that named the address', async () => {
    const { names, state } = world({ 'a.example': [one], 'b.example': [one] });
    await names.ask();
    state.answers = { 'a.example': [two] };
    for (let minute = 5; minute <= 60; minute += 5) {
      state.nowMs = minute * MINUTE_MS;
      await names.ask();
    }
    expect(names.of(one)).toEqual(['a.example', 'b.example']);
    state.nowMs = 65 * MINUTE_MS;
    await names.ask();
    expect(names.of(one)).toEqual([]);
    expect(names.of(two)).toEqual(['a.example']);
  });

  it('are asked for two at a time, and a silent resolver is not asked again meanwhile', async () => {
    const open: (() => void)[] = [];
    const names = new Names(
      Array.from({ length: 1_100 }, (_, index) => `host-${index}.example`),
      {
        resolve: () => new Promise((resolve) => open.push(() => resolve([]))),
        nowMs: () => 0,
      },
    );
    expect(names.count).toBe(1_024);
    expect(names.counters.tooMany).toBe(76);
    void names.ask();
    void names.ask();
    await Promise.resolve();
    expect(open).toHaveLength(2);
  });
});
