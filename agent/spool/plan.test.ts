import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCursor, writeCursor } from './cursor.ts';
import { countFinished, countToDrop, readSegmentName, segmentBytes, segmentName } from './plan.ts';

describe('names of segments', () => {
  it('hold their number and sort by it', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
        expect(readSegmentName(segmentName(a))).toBe(a);
        expect(segmentName(a) < segmentName(b)).toBe(a < b);
      }),
    );
  });

  it.for(['cursor.json', '1.v1', '0000000000000001.v2', '0000000000000001.v1.next', '9999999999999999.v1', ''])(
    'are not %j',
    (name) => expect(readSegmentName(name)).toBeUndefined(),
  );
});

describe('countToDrop', () => {
  it.for([
    { name: 'nothing while there is room', sizes: [4, 4], incoming: 2, most: 10, count: 0 },
    { name: 'the oldest that make room', sizes: [3, 3, 3], incoming: 2, most: 10, count: 1 },
    { name: 'as many as it takes', sizes: [1, 1, 8], incoming: 9, most: 10, count: 3 },
    { name: 'all when even that is not enough', sizes: [1], incoming: 20, most: 10, count: 1 },
    { name: 'nothing of nothing', sizes: [], incoming: 20, most: 10, count: 0 },
  ])('takes $name', ({ sizes, incoming, most, count }) => expect(countToDrop(sizes, incoming, most)).toBe(count));
});

describe('countFinished', () => {
  it.for([
    { lasts: [10, 20, 30], acknowledged: 9, count: 0 },
    { lasts: [10, 20, 30], acknowledged: 10, count: 1 },
    { lasts: [10, 20, 30], acknowledged: 29, count: 2 },
    { lasts: [10, 20, 30], acknowledged: 30, count: 3 },
    { lasts: [], acknowledged: 5, count: 0 },
  ])('$lasts at $acknowledged: $count', ({ lasts, acknowledged, count }) =>
    expect(countFinished(lasts, acknowledged)).toBe(count),
  );
});

describe('segmentBytes', () => {
  it('is a share of the spool within bounds', () => {
    expect(segmentBytes(1024)).toBe(64 * 1024);
    expect(segmentBytes(64 * 1024 * 1024)).toBe(1024 * 1024);
    expect(segmentBytes(2 ** 40)).toBe(4 * 1024 * 1024);
  });
});

describe('cursor', () => {
  it('gives back its number, and nothing when it is cut off anywhere', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (acknowledged) => {
        const text = writeCursor(acknowledged);
        expect(readCursor(text)).toBe(acknowledged);
        for (let cut = 0; cut < text.length - 1; cut++) expect(readCursor(text.slice(0, cut))).toBeUndefined();
      }),
    );
  });

  it.for([
    '{"version":2,"acknowledged":1}',
    '{"version":1,"acknowledged":-1}',
    '{"version":1,"acknowledged":1,"x":1}',
    '\0\0\0',
  ])('is not read from %j', (text) => expect(readCursor(text)).toBeUndefined());
});
