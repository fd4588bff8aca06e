import { describe, expect, it } from 'vitest';
import { type BudgetChange, CpuBudget } from './cpu-budget.ts';

/** What each second brings: events, what one takes, and what else the agent does. */
type Load = Readonly<Record<string, { readonly rate: number; readonly usPerEvent: number }>>;

/** An agent that takes exactly this, on a clock of its own. */
function setUp(limit = 0.1) {
  const budget = new CpuBudget(limit, 0, (type) => type !== 'execve');
  const costs = new Map<string, { events: number; totalNs: number }>();
  const left = new Map<string, number>();
  let nowMs = 0;
  let cpuMs = 0;
  const second = (load: Load, otherMs = 0): BudgetChange | undefined => {
    nowMs += 1_000;
    cpuMs += otherMs;
    for (const [type, { rate, usPerEvent }] of Object.entries(load)) {
      if (budget.shed.has(type)) {
        left.set(type, (left.get(type) ?? 0) + rate);
        continue;
      }
      const { events = 0, totalNs = 0 } = costs.get(type) ?? {};
      costs.set(type, { events: events + rate, totalNs: totalNs + rate * usPerEvent * 1_000 });
      cpuMs += (rate * usPerEvent) / 1_000;
    }
    return budget.look({ nowMs, cpuMs, costs: structuredClone(costs), shedEvents: Object.fromEntries(left) });
  };
  /** What changed, and in which of so many seconds. */
  const run = (seconds: number, load: Load, otherMs = 0) =>
    Array.from({ length: seconds }, (_, at) => [at + 1, second(load, otherMs)] as const).filter(
      ([, change]) => change !== undefined,
    );
  return { budget, run };
}

const quiet: Load = { openat: { rate: 100, usPerEvent: 10 }, connect: { rate: 10, usPerEvent: 10 } };
const flood: Load = { ...quiet, openat: { rate: 20_000, usPerEvent: 10 } };

describe('the CPU budget', () => {
  it('gives the dearest type of events up after three seconds above it, and says what that took', () => {
    const { budget, run } = setUp();
    expect(run(20, quiet)).toEqual([]);
    const [[second, change] = []] = run(10, flood);
    expect(second).toBe(3);
    expect(change).toMatchObject({ kind: 'shed', type: 'openat' });
    expect(change?.used).toBeCloseTo(0.2, 1);
    expect([...budget.shed]).toEqual(['openat']);
  });

  it('lets a burst of two seconds pass', () => {
    const { run } = setUp();
    run(20, quiet);
    expect([...run(2, flood), ...run(5, quiet), ...run(2, flood)]).toEqual([]);
  });

  it('does not count the start', () => {
    expect(setUp().run(9, flood)).toEqual([]);
  });

  it('gives up one type after the other while that is not enough', () => {
    const { budget, run } = setUp();
    run(20, quiet);
    const changes = run(12, { ...flood, connect: { rate: 15_000, usPerEvent: 10 } });
    expect(changes.map(([second, change]) => [second, change?.kind])).toEqual([
      [3, 'shed'],
      [6, 'shed'],
    ]);
    expect([...budget.shed]).toEqual(['openat', 'connect']);
  });

  it('takes it back after ten seconds in which it would have fitted, and says how many were missed', () => {
    const { budget, run } = setUp();
    run(20, quiet);
    run(10, flood);
    const [[second, change] = []] = run(20, quiet);
    expect(second).toBe(10);
    expect(change).toEqual({ kind: 'restore', type: 'openat', used: expect.any(Number), missed: 7 * 20_000 + 1_000 });
    expect(budget.shed.size).toBe(0);
  });

  it('does not take it back while it comes as often as before, however idle the agent is without it', () => {
    const { run } = setUp();
    run(20, quiet);
    run(3, flood);
    expect(run(300, flood)).toEqual([]);
  });

  it('takes back in the reverse order', () => {
    const { run } = setUp();
    run(20, quiet);
    run(6, { ...flood, connect: { rate: 15_000, usPerEvent: 10 } });
    expect(run(30, quiet).map(([, change]) => change?.kind === 'restore' && change.type)).toEqual([
      'connect',
      'openat',
    ]);
  });

  it('never gives up what it must not, nor what would not help, and says that once a minute', () => {
    const { budget, run } = setUp();
    run(20, quiet);
    const changes = run(100, { ...quiet, execve: { rate: 1_000, usPerEvent: 200 } });
    expect(changes.map(([second, change]) => [second, change?.kind])).toEqual([
      [3, 'stuck'],
      [63, 'stuck'],
    ]);
    expect(budget.shed.size).toBe(0);
  });
});
