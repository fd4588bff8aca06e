import { describe, expect, it } from 'vitest';
import { TextCache } from './text-cache.ts';

/** Texts laid out one after the other, and how often one was made. */
function world(texts: readonly string[]) {
  const bytes = Buffer.from(texts.join(''), 'latin1');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cache = new TextCache();
  let made = 0;
  const make = (from: number, to: number) => {
    made++;
    return bytes.toString('latin1', from, to);
  };
  const read = (): string[] => {
    let from = 0;
    return texts.map((text) => {
      from += text.length;
      return cache.read(view, from - text.length, from, make);
    });
  };
  return { read, made: () => made };
}

describe('TextCache', () => {
  it('makes a text twice, wherever it lies', () => {
    const texts = ['/etc/passwd', 'x', '/etc/passwd', '/etc/passwd', '/etc/shadow'];
    const { read, made } = world(texts);
    expect(read()).toEqual(texts);
    expect(made()).toBe(4);
    read();
    expect(made()).toBe(6); // The short one each time; the last has come twice only now.
    read();
    expect(made()).toBe(7);
  });

  it('keeps what comes again and again beside many that come once', () => {
    const once = Array.from({ length: 20_000 }, (_, index) => `/srv/${index}/file`);
    const texts = ['/etc/passwd', '/etc/passwd', ...once, '/etc/passwd'];
    const { read, made } = world(texts);
    expect(read()).toEqual(texts);
    expect(made()).toBe(2 + once.length);
  });

  it.for([0, 1, 2, 3, 4, 5, 7, 8, 9, 127, 128, 129, 4_000, 4_096, 4_097])('reads %i bytes', (length) => {
    const text = Array.from({ length }, (_, index) => String.fromCharCode((index * 37) & 255)).join('');
    const { read } = world([text, `${text}!`, text]);
    expect(read()).toEqual([text, `${text}!`, text]);
    expect(read()).toEqual([text, `${text}!`, text]);
  });

  it('makes a long text twice as well, and tells it from another of its length', () => {
    const [one, other] = ['a', 'b'].map((end) => `${'PATH=/bin\0'.repeat(40)}${end}`);
    const { read, made } = world([one ?? '', one ?? '', other ?? '', one ?? '']);
    for (let round = 0; round < 2; round++) expect(read()).toEqual([one, one, other, one]);
    expect(made()).toBe(4);
  });

  it('tells texts apart that share a place', () => {
    const texts = Array.from({ length: 20_000 }, (_, index) => `/srv/${index}/file`);
    const { read } = world([...texts, ...texts]);
    expect(read()).toEqual([...texts, ...texts]);
    expect(read()).toEqual([...texts, ...texts]);
  });

  it('gives the same address for the same bytes, and never another', () => {
    const bytes = new Uint8Array(4 * 5_000);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < 5_000; index++) view.setUint32(4 * index, index * 0x0101);
    const cache = new TextCache();
    for (let at = 0; at < bytes.length; at += 4) {
      const address = cache.address(view, at, 4);
      expect(address).toEqual(bytes.slice(at, at + 4));
      expect(cache.address(view, at, 4)).toBe(address);
    }
    expect(cache.address(view, 4_000, 16)).toEqual(bytes.slice(4_000, 4_016));
  });
});
