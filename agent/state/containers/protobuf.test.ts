import { describe, expect, it } from 'vitest';
import { encodeRequest, Message } from './protobuf.ts';

describe('protocol buffers', () => {
  it('reads what it wrote', () => {
    const long = 'ü'.repeat(200);
    const message = new Message(encodeRequest({ 1: long, 2: true, 15: '' }));
    expect(message.text(1)).toBe(long);
    expect(message.number(2)).toBe(1);
    expect(message.has(15)).toBe(true);
    expect(message.text(3)).toBe('');
    expect(message.number(3)).toBe(0);
    expect(message.message(3).text(1)).toBe('');
  });

  it('reads the example of the specification: field 1 is 150', () => {
    expect(new Message(Uint8Array.of(0x08, 0x96, 0x01)).number(1)).toBe(150);
  });

  it('reads nested messages and maps, and passes over numbers of fixed width', () => {
    const entry = (key: string, value: string) => String.fromCharCode(...encodeRequest({ 1: key, 2: value }));
    const fixed = Uint8Array.of(0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4);
    const bytes = Uint8Array.from([
      ...fixed,
      ...encodeRequest({ 7: entry('a', '1') }),
      ...encodeRequest({ 7: entry('b', '2') }),
    ]);
    expect(new Message(bytes).map(7)).toEqual(
      new Map([
        ['a', '1'],
        ['b', '2'],
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
