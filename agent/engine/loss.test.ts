import { describe, expect, it } from 'vitest';
import { type LossCounters, LossWatch } from './loss.ts';

const counters = (events: number, more: Partial<LossCounters> = {}, bulkFull = 0): LossCounters => ({
  events,
  dropped: { lifecycleFull: 0, bulkFull, noScratch: 0, recursion: 0 },
  lostAlerts: 0,
  pending: 0,
  ...more,
});

describe('losses', () => {
  it('are told in Falco’s form when they are more than a tenth of a second’s events', () => {
    const watch = new LossWatch(0);
    expect(watch.look(counters(1_000), 1_000)).toEqual({ alerts: [], isStateStale: false });
    expect(watch.look(counters(1_900, {}, 100), 2_000)).toEqual({ alerts: [], isStateStale: true });
    expect(watch.look(counters(1_980, {}, 120), 3_000).alerts).toEqual([
      {
        what: 'syscall event drop',
        priority: 'Debug',
        message: '20 system calls dropped in last second.',
        fields: expect.objectContaining({
          n_evts: '100',
          n_drops: '20',
          n_drops_buffer_total: '20',
          n_drops_scratch_map: '0',
          ebpf_enabled: '1',
        }),
      },
    ]);
  });

  it('make no flood of alerts', () => {
    const watch = new LossWatch(0);
    let alerts = 0;
    for (let second = 1; second <= 59; second++)
      alerts += watch.look(counters(0, {}, second * 10), second * 1_000).alerts.length;
    expect(alerts).toBe(2);
  });

  it('of any kind are told once a minute', () => {
    const watch = new LossWatch(0);
    const now = counters(1_000_000, { lostAlerts: 3, pending: 2 }, 7);
    expect(watch.look(now, 30_000).alerts).toEqual([]);
    expect(watch.look(now, 60_000).alerts.map(({ what, message }) => `${what}: ${message}`)).toEqual([
      'events dropped: 7 events dropped in the last minute.',
      'alerts lost: 3 alerts lost in the last minute.',
      'containers unknown: 2 alerts in the last minute lack what a container engine would have told.',
    ]);
    expect(watch.look(now, 120_000).alerts).toEqual([]);
  });
});
