import { describe, expect, it } from 'vitest';
import { nameOfCall } from '../events/calls.ts';
import { type Choice, chooseWay, describeLifecycle, describeWay, eventsOf, Hooks } from './ways.ts';

const chosen = (release: string, takesOtherEntries: boolean): string => chooseWay({ release, takesOtherEntries }).way;

describe('the way to see calls', () => {
  it.for([
    { name: 'is one typed hook where 32-bit calls are taken', release: '6.12.117-cloud', others: true, way: 'typed' },
    {
      name: 'is one hook through perf where typed ones are preempted',
      release: '7.2.13-cloud',
      others: true,
      way: 'perf',
    },
    { name: 'is one of the two from its first such kernel on', release: '7.0.0', others: true, way: 'perf' },
    { name: 'is not that on the last one before', release: '6.19.14', others: true, way: 'typed' },
    { name: 'is a hook for each call where no other entry is', release: '6.12.0', others: false, way: 'each' },
    { name: 'is the same on newer kernels', release: '10.1.0', others: false, way: 'each' },
  ])('$name', ({ release, others, way }) => {
    expect(chosen(release, others)).toBe(way);
  });

  it('is told with its reason', () => {
    expect(describeWay(chooseWay({ release: '6.1.0', takesOtherEntries: true }))).toBe(
      'system calls by one typed hook (sys_exit) and a table of numbers, because hooks of single calls miss 32-bit ones',
    );
  });
});

describe('execs, forks and exits', () => {
  it('come twice from the first kernel on that preempts typed hooks', () => {
    expect(describeLifecycle('6.19.14')).not.toContain('once more');
    expect(describeLifecycle('7.0.0')).toMatch(/^exec, fork, exit by typed tracepoints .* and once more through perf/);
  });
});

describe('tracepoints of single calls', () => {
  it('bear the names of the functions, once each, and what is no call has none', () => {
    expect(eventsOf(['stat', 'openat', 'procexit', 'umount2', 'openat', 'pread'])).toEqual([
      'syscalls/sys_exit_newstat',
      'syscalls/sys_exit_openat',
      'syscalls/sys_exit_pread64',
      'syscalls/sys_exit_umount',
    ]);
  });
});

describe('hooks', () => {
  const each: Choice = { way: 'each', reason: 'r' };
  /** A kernel that has no tracepoint of `acct`. */
  function make(choice: Choice) {
    const hooked: (readonly string[])[] = [];
    const hooks = new Hooks(choice, (events) => {
      hooked.push(events);
      return events.filter((event) => event.endsWith('_acct'));
    });
    return { hooks, hooked };
  }
  const all = ['raw_syscalls/sys_exit'];

  it('are none of perf for the typed way', () => {
    const { hooks, hooked } = make({ way: 'typed', reason: 'r' });
    hooks.use(['openat']);
    expect(hooked).toEqual([]);
    expect(hooks.count).toBe(1);
  });

  it('are one for each call that is wanted, and follow that', () => {
    const { hooks, hooked } = make(each);
    hooks.use(['openat', 'connect']);
    expect(hooks.count).toBe(2);
    hooks.use([]);
    expect(hooked).toEqual([['syscalls/sys_exit_connect', 'syscalls/sys_exit_openat'], []]);
    expect([hooks.count, hooks.choice]).toEqual([0, each]);
  });

  it('are one for all from a call on that has none of its own', () => {
    const { hooks, hooked } = make(each);
    hooks.use(['openat']);
    hooks.use(['openat', 'acct']);
    hooks.use(['openat']);
    expect(hooked.slice(2)).toEqual([all, all]);
    expect(hooks.count).toBe(1);
    expect(hooks.choice).toEqual({ way: 'perf', reason: 'the kernel has no tracepoint syscalls/sys_exit_acct' });
  });

  it('are one for all where there would be too many, or the kernel refuses one', () => {
    const { hooks, hooked } = make(each);
    hooks.use(Array.from({ length: 400 }, (_, number) => number).flatMap((number) => nameOfCall(number) ?? []));
    expect(hooked).toEqual([all]);
    expect(hooks.choice.reason).toMatch(/^\d+ calls are asked for$/);
    const refused = new Hooks(each, (events) => {
      if (events[0] === all[0]) return [];
      throw new Error('cannot attach to syscalls/sys_exit_openat: Too many open files');
    });
    refused.use(['openat']);
    expect(refused.choice.reason).toMatch(/Too many open files$/);
  });
});
