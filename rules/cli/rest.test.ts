import { describe, expect, it } from 'vitest';
import { Rest } from './rest.ts';

const MIB = 1024 * 1024;

/** An agent with exactly this to do, looked at every two seconds. */
function setUp() {
  const rest = new Rest({ nowMs: 0, cpuMs: 0, residentBytes: 0 });
  let nowMs = 0;
  let cpuMs = 0;
  /** The seconds in which it was time. */
  const run = (seconds: number, { share, mib }: { readonly share: number; readonly mib: number }) => {
    const times: number[] = [];
    for (const endMs = nowMs + seconds * 1_000; nowMs < endMs; ) {
      nowMs += 2_000;
      cpuMs += share * 2_000;
      if (rest.isTime({ nowMs, cpuMs, residentBytes: mib * MIB })) times.push(nowMs / 1_000);
    }
    return times;
  };
  return { run };
}

describe('memory is given back', () => {
  it('once the work of the start is done', () => {
    const { run } = setUp();
    expect(run(6, { share: 0.9, mib: 150 })).toEqual([]);
    expect(run(4, { share: 0.01, mib: 150 })).toEqual([8]);
  });

  it('not again while it stays as it was after what is used has come back', () => {
    const { run } = setUp();
    expect(run(2, { share: 0, mib: 150 })).toEqual([2]);
    expect([...run(8, { share: 0, mib: 80 }), ...run(3_600, { share: 0, mib: 87 })]).toEqual([]);
  });

  it('again when it has grown, at rest, at most every five minutes', () => {
    const { run } = setUp();
    run(2, { share: 0, mib: 150 });
    run(8, { share: 0, mib: 80 });
    expect(run(200, { share: 0, mib: 90 })).toEqual([]);
    expect(run(200, { share: 0.5, mib: 90 })).toEqual([]);
    expect(run(200, { share: 0, mib: 90 })).toEqual([412]);
  });
});
