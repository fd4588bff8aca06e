import { describe, expect, it } from 'vitest';
import type { Losses } from '../events/losses.ts';
import { blindSpotAlerts, type LossCounters, LossWatch } from './loss.ts';

const counters = (events: number, more: Partial<LossCounters> = {}, bulkFull = 0): LossCounters => ({
  events,
  dropped: { lifecycleFull: 0, bulkFull, noScratch: 0, recursion: 0 },
  losses: () => ({}),
  lostAlerts: 0,
  pending: 0,
  ...more,
});

describe('blind spots', () => {
  it('are told one by one, with the reason', () => {
    expect(blindSpotAlerts([])).toEqual([]);
    expect(
      blindSpotAlerts(['calls made through io_uring: cannot attach uring_submit: No such file\n0: R1=ctx()']),
    ).toEqual([
      {
        what: 'blind spot',
        priority: 'Warning',
        message: 'Not seen on this host: calls made through io_uring.',
        fields: { unseen: 'calls made through io_uring', reason: 'cannot attach uring_submit: No such file' },
      },
    ]);
  });
});

describe('losses', () => {
  it('are told in Falco’s form when they are more than a tenth of a second’s events', () => {
    const watch = new LossWatch(0);
    expect(watch.look(counters(1_000), 1_000)).toEqual({ alerts: [], isStateStale: false });
    const few = watch.look(counters(1_900, {}, 100), 2_000);
    expect(few.alerts.map(({ what, fields }) => ({ what, ...fields }))).toEqual([
      { what: 'events dropped', count: 100, bulk_ring_full: 100 },
    ]);
    expect(few.isStateStale).toBe(true);
    const losses = (openat: number): Partial<LossCounters> => ({
      losses: () => ({
        bulk_ring_full: { openat, close: 5, read: 3 },
        lifecycle_ring_full: { procexit: 1 },
        recursion: { open: 9 },
      }),
    });
    watch.look(counters(1_950, losses(80), 101), 2_500);
    expect(watch.look(counters(2_030, losses(92), 121), 3_000).alerts).toEqual([
      {
        whose: 'Falco',
        what: 'syscall event drop',
        priority: 'Debug',
        message: '20 system calls dropped in last second.',
        fields: {
          n_evts: '100',
          n_drops: '20',
          n_drops_buffer_total: '20',
          n_drops_buffer_clone_fork_exit: '0',
          n_drops_buffer_close_exit: '0',
          n_drops_buffer_connect_exit: '0',
          n_drops_buffer_dir_file_exit: '0',
          n_drops_buffer_execve_exit: '0',
          n_drops_buffer_open_exit: '12',
          n_drops_buffer_other_interest_exit: '0',
          n_drops_buffer_proc_exit: '0',
          n_drops_scratch_map: '0',
          n_drops_page_faults: '0',
          n_drops_bug: '0',
          ebpf_enabled: '1',
        },
      },
    ]);
  });

  it('name the types of events that lost most since they were told last', () => {
    const watch = new LossWatch(0);
    const types = (losses: Losses, dropped: number, nowMs: number) =>
      watch.look(counters(nowMs * 1e3, { losses: () => losses }, dropped), nowMs).alerts[0]?.fields;
    const first: Losses = { bulk_ring_full: { openat: 5, read: 1 }, text_cut: { connect: 99 } };
    expect(types(first, 6, 1_000)).toEqual({ count: 6, bulk_ring_full: 6, types: 'openat 5, read 1' });
    const then: Losses = {
      bulk_ring_full: { openat: 5, read: 4, a: 2, b: 1, c: 1, d: 1, e: 1 },
      scratch_in_use: { read: 1 },
    };
    expect(types(then, 15, 62_000)?.['types']).toBe('read 4, a 2, b 1, c 1, d 1, …');
  });

  it('make no flood of alerts', () => {
    const watch = new LossWatch(0);
    let alerts = 0;
    for (let second = 1; second <= 59; second++)
      alerts += watch.look(counters(0, {}, second * 10), second * 1_000).alerts.length;
    // Falco's two, and one of our own.
    expect(alerts).toBe(3);
  });

  it('of any kind are told at once, and then once a minute', () => {
    const watch = new LossWatch(0);
    const look = (lostAlerts: number, pending: number, dropped: number, nowMs: number) =>
      watch
        .look(counters(nowMs, { lostAlerts, pending }, dropped), nowMs)
        .alerts.map(({ what, message }) => `${what}: ${message}`);
    expect(look(0, 0, 0, 20_000)).toEqual([]);
    expect(look(3, 2, 7, 21_000)).toEqual([
      'events dropped: 7 events dropped within a minute.',
      'alerts lost: 3 alerts lost within a minute.',
      'containers unknown: 2 alerts within a minute lack what a container engine would have told.',
    ]);
    expect(look(4, 2, 7, 22_000)).toEqual([]);
    expect(look(5, 2, 7, 80_000)).toEqual([]);
    expect(look(6, 2, 7, 81_000)).toEqual(['alerts lost: 3 alerts lost within a minute.']);
    expect(look(6, 2, 7, 200_000)).toEqual([]);
    expect(look(6, 2, 8, 201_000)).toEqual(['events dropped: 1 events dropped within a minute.']);
  });
});
