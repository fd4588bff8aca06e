import { expect, it } from 'vitest';
import { writeRecord } from '../events/write-record.ts';
import { EventCosts } from './event-costs.ts';

it('counts all events by type, and holds the time of the measured ones against all', () => {
  let nowMs = 0;
  const costs = new EventCosts(() => nowMs);
  const [open, exit] = [writeRecord('file', 'openat'), writeRecord('exit', 'exit')];
  for (let count = 0; count < 610; count++) {
    costs.run(open, () => {
      nowMs += 0.01;
    });
  }
  costs.run(exit, () => undefined);
  expect(costs.costs().get('openat')?.events).toBe(610);
  expect(costs.costs().get('openat')?.totalNs).toBeCloseTo(610 * 10_000, 0);
  expect(costs.costs().get('procexit')).toEqual({ events: 1, totalNs: 0 });
});
