import { describe, expect, it } from 'vitest';
import { encodeMessage, Message } from './protobuf.ts';

describe('protocol buffers', () => {
  it('reads what it wrote', () => {
    const long = 'ü'.repeat(200);
    const bytes = encodeMessage([
      [1, long],
      [2, 1_795_439_190_000],
      [15, ''],
      [300, [[1, 'deep']]],
    ]);
    const message = new Message(bytes);
    expect(message.text(1)).toBe(long);
    expect(message.number(2)).toBe(1_795_439_190_000);
    expect(message.has(15)).toBe(true);
    expect(message.message(300).text(1)).toBe('deep');
    expect(message.text(3)).toBe('');
    expect(message.number(3)).toBe(0);
    expect(message.message(3).text(1)).toBe('');
  });

  it('reads the example of the specification: field 1 is 150', () => {
    expect(encodeMessage([[1, 150]])).toEqual(Uint8Array.of(0x08, 0x96, 0x01));
    expect(new Message(Uint8Array.of(0x08, 0x96, 0x01)).number(1)).toBe(150);
  });

  it('reads maps, and passes over numbers of fixed width', () => {
    const fixed = [0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4];
    const map = encodeMessage([
      [
        7,
        [
          [1, 'a'],
          [2, '1'],
        ],
      ],
      [7, [[1, 'b']]],
    ]);
    expect(new Message(Uint8Array.from([...fixed, ...map])).map(7)).toEqual(
      new Map([
        ['a', '1'],
        ['b', ''],
      ]),
    );
  });

  it.for([
    { name: 'ends within a number', bytes: [0x08, 0x80] },
    { name: 'ends within a field', bytes: [0x0a, 0x05, 1] },
    { name: 'has a group', bytes: [0x0b] },
    { name: 'has a number without end', bytes: [0x08, ...new Array<number>(12).fill(0xff)] },
  ])('refuses what $name', ({ bytes }) => expect(() => new Message(Uint8Array.from(bytes))).toThrow());
});
