import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrames, frameBytes, readFrame, type SpoolRecord } from './frame.ts';

const record = fc.record({ number: fc.maxSafeNat(), text: fc.string({ unit: 'grapheme', maxLength: 40 }) });
const records = fc.array(record, { minLength: 1, maxLength: 6 });

/** Everything that can be read, and how many places hold no record. */
function readAll(bytes: Buffer) {
  const found: SpoolRecord[] = [];
  let damaged = 0;
  for (let at = 0; ; ) {
    const step = readFrame(bytes, at);
    if (step.kind === 'end') return { found, damaged };
    if (step.kind === 'record') found.push({ number: step.number, text: step.text.toString() });
    else damaged++;
    expect(step.end).toBeGreaterThan(at);
    at = step.end;
  }
}

describe('frames', () => {
  it('give back what was written, each at its offset', () => {
    fc.assert(
      fc.property(records, (written) => {
        const { bytes, offsets } = encodeFrames(written);
        expect(readAll(bytes)).toEqual({ found: written, damaged: 0 });
        for (const [index, at] of offsets.entries()) {
          expect(readFrame(bytes, at)).toMatchObject({ kind: 'record', number: written[index]?.number });
        }
        const size = written.reduce((sum, { text }) => sum + frameBytes(Buffer.byteLength(text)), 0);
        expect(bytes.length).toBe(size);
      }),
    );
  });

  it('that are cut at any byte give exactly the whole ones before it', () => {
    fc.assert(
      fc.property(records, (written) => {
        const { bytes, offsets } = encodeFrames(written);
        const ends = [...offsets.slice(1), bytes.length];
        for (let cut = 0; cut <= bytes.length; cut++) {
          const whole = ends.filter((end) => end <= cut).length;
          const isClean = cut === 0 || ends.includes(cut);
          expect(readAll(bytes.subarray(0, cut))).toEqual({ found: written.slice(0, whole), damaged: isClean ? 0 : 1 });
        }
      }),
      { numRuns: 50 },
    );
  });

  it('of which a byte was changed give all others, and never a changed one', () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, place, change) => {
        const { bytes, offsets } = encodeFrames(written);
        const at = place % bytes.length;
        bytes.writeUInt8(bytes.readUInt8(at) ^ change, at);
        const hit = offsets.findLastIndex((offset) => offset <= at);
        expect(readAll(bytes)).toEqual({ found: written.filter((_, index) => index !== hit), damaged: 1 });
      }),
    );
  });

  it('are found again after zeros or garbage, as a loss of power leaves them', () => {
    fc.assert(
      fc.property(records, fc.uint8Array({ minLength: 1, maxLength: 200 }), records, (before, garbage, after) => {
        const bytes = Buffer.concat([encodeFrames(before).bytes, garbage, encodeFrames(after).bytes]);
        expect(readAll(bytes)).toEqual({ found: [...before, ...after], damaged: 1 });
      }),
    );
  });

  it('are never seen in garbage, and reading it ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (garbage) => {
        expect(readAll(Buffer.from(garbage)).found).toEqual([]);
      }),
    );
  });
});
