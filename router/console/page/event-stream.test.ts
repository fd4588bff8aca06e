import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeEventParser } from './event-stream.ts';

function parse(pieces: readonly string[]) {
  const events: { kind: string; id: string; data: string }[] = [];
  const take = makeEventParser((event) => events.push(event));
  for (const piece of pieces) take(piece);
  return events;
}

describe('event parser', () => {
  it.for([
    { name: 'kind, id and data', text: 'event: alert\nid: 1-0\ndata: {}\n\n', kind: 'alert', id: '1-0', data: '{}' },
    { name: 'data of several lines', text: 'data: a\ndata: b\n\n', kind: 'message', id: '', data: 'a\nb' },
    { name: 'CR LF', text: 'event: run\r\ndata: a\r\n\r\n', kind: 'run', id: '', data: 'a' },
    { name: 'one space only as part of the colon', text: 'data:  a\n\n', kind: 'message', id: '', data: ' a' },
    { name: 'a comment in between', text: 'data: a\n: still here\n\n', kind: 'message', id: '', data: 'a' },
  ])('reads $name', ({ text, kind, id, data }) => {
    expect(parse([text])).toEqual([{ kind, id, data }]);
  });

  it('tells nothing for comments alone, nor for an event that is not whole', () => {
    expect(parse([': still here\n\n', 'data: half\n'])).toEqual([]);
  });

  it('gives the same however the text is cut', () => {
    const text = 'event: alert\r\nid: 1-0\r\ndata: ä {"a":1}\r\n\r\n: x\n\nevent: run\nid: 2-0\ndata: b\ndata: c\n\n';
    const whole = parse([text]);
    expect(whole).toHaveLength(2);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((end, index) => text.slice(places[index], end));
        expect(parse(pieces)).toEqual(whole);
      }),
    );
  });

  it('gives up on an event without an end', () => {
    expect(() => parse(Array.from({ length: 5 }, () => 'x'.repeat(1024 * 1024)))).toThrow('too large');
  });
});
