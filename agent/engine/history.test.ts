import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeRecord } from '../events/write-record.ts';
import { History } from './history.ts';

const openOf = (number: number, path: string) =>
  writeRecord('file', 'openat', { numbers: { time_ns: number, pid: 7 }, texts: { path } });

describe('the history of events', () => {
  it('keeps the last ones whole, in their order, in the room that it has', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20_000 }),
        (lengths, room) => {
          const history = new History(room);
          const events = lengths.map((length, index) => openOf(index, 'x'.repeat(length) + index));
          for (const event of events) history.add(event);
          const kept = history.last(0, () => true);
          const times = kept.map(({ timeNs }) => timeNs);
          // A record that fits nowhere is left out; of the others the last ones are there.
          const fitting = events.filter(({ length }) => length <= room).map(({ timeNs }) => timeNs);
          expect(times).toEqual(fitting.slice(fitting.length - times.length));
          if (fitting.length > 0) expect(times.length).toBeGreaterThan(0);
          const bytes = kept.reduce((sum, { length }) => sum + length, 0);
          expect(bytes).toBeLessThanOrEqual(room);
          for (const event of kept)
            expect(event.copy(0, event.length)).toEqual(events[event.timeNs]?.copy(0, event.length));
        },
      ),
    );
  });

  it('gives copies of what is wanted, which stay when it goes on', () => {
    const history = new History(10_000);
    for (let index = 0; index < 4; index++) history.add(openOf(index, `/${index}`));
    const found = history.last(60e9 + 2, ({ timeNs }) => timeNs !== 3);
    for (let index = 4; index < 100; index++) history.add(openOf(index, '/later'));
    expect(found.map(({ timeNs, pid }) => [timeNs, pid])).toEqual([[2, 7]]);
  });
});
