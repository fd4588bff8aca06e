import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alertJson, parseAlertJson } from './alert-json.ts';

describe('JSON of alerts', () => {
  it.for([
    { text: '{"evt.time":1795439100123456789}', value: { 'evt.time': 1_795_439_100_123_456_789n } },
    { text: '[-9223372036854775808,18446744073709551615]', value: [-9_223_372_036_854_775_808n, 2n ** 64n - 1n] },
    { text: '[9007199254740991,9007199254740992]', value: [9_007_199_254_740_991, 9_007_199_254_740_992n] },
    { text: '"1795439100123456789"', value: '1795439100123456789' },
    { text: String.raw`{"a\"":"\\","b":1795439100123456789}`, value: { 'a"': '\\', b: 1_795_439_100_123_456_789n } },
    { text: String.raw`["\\\" 1795439100123456789 "]`, value: ['\\" 1795439100123456789 '] },
    { text: '{"held-integer":"1"}', value: { 'held-integer': '1' } },
  ])('reads $text and writes it again', ({ text, value }) => {
    expect(parseAlertJson(text)).toEqual(value);
    expect(alertJson(parseAlertJson(text))).toBe(text);
  });

  it.for(['1795439100123456789.5', '1795439100123456789e2', '0.1234567890123456789', '123456789012345678901'])(
    'leaves %s to the double that it is',
    (text) => expect(parseAlertJson(text)).toBe(Number(text)),
  );

  it.for(['01795439100123456789', '[1795439100123456789', '1795439100123456789 1', '{1795439100123456789:1}'])(
    'refuses %s as JSON.parse does',
    (text) => {
      const wanted = (): unknown => JSON.parse(text);
      expect(wanted).toThrow(SyntaxError);
      expect(() => parseAlertJson(text)).toThrow(SyntaxError);
    },
  );

  it('reads what a reviver that sees the digits reads', () => {
    const exact = (_key: string, value: unknown, context?: { readonly source: string }): unknown =>
      typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
        ? BigInt(context?.source ?? '')
        : value;
    const big = fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n);
    const text = fc.string({ unit: fc.constantFrom('"', '\\', '1795439100123456789', ' ', ':', '{', '-', '.') });
    const leaf = fc.oneof(big, text, fc.double({ noNaN: true, min: -1e9, max: 1e9 }), fc.boolean());
    const fields = fc.dictionary(text, fc.oneof(leaf, fc.array(leaf)), { noNullPrototype: true });
    fc.assert(
      fc.property(fc.array(fields), fc.constantFrom('', ' ', '\n'), (values, space) => {
        const json = alertJson(values).replaceAll(/(?<=[\]}]),(?=[[{])/g, `,${space}`);
        const wanted: unknown = JSON.parse(json, exact);
        expect(parseAlertJson(json)).toEqual(wanted);
      }),
    );
  });

  it('is not stopped by nesting', () => {
    const deep = `${'['.repeat(100_000)}1795439100123456789${']'.repeat(100_000)}`;
    expect(Array.isArray(parseAlertJson(deep))).toBe(true);
  });
});
