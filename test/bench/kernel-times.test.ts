import { describe, expect, it } from 'vitest';
import { readTimes } from './kernel-times.ts';

const trace = `# tracer: nop
      runc-7  [001] ..... 100.000000: sched_process_exec: filename=/proc/self/exe pid=7 old_pid=7
      sh-7    [001] ..... 100.001000: sched_process_exec: filename=/bin/sh pid=7 old_pid=7
      node-3  [000] ..... 100.003000: signal_generate: sig=9 errno=0 code=128 comm=sh pid=70 grp=1 res=0
      node-3  [000] d.... 100.004500: signal_generate: sig=9 errno=0 code=128 comm=sh pid=7 grp=1 res=0
      node-3  [000] d.... 100.005500: signal_generate: sig=9 errno=0 code=128 comm=sh pid=7 grp=1 res=1
      sh-7    [001] ..... 100.006000: sched_process_exit: comm=sh pid=7 prio=120 group_dead=true
`;

describe('the kernel’s trace', () => {
  it('tells the last exec, the first kill and the exit of one process', () => {
    const times = readTimes(trace, 7);
    const ms =
      times && [times.killMs - times.execMs, times.exitMs - times.execMs].map((each) => Math.round(each * 1_000));
    expect(ms).toEqual([3_500, 5_000]);
  });

  it('has nothing while a part is missing', () => expect(readTimes(trace, 70)).toBeUndefined());
});
