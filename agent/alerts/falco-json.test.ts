import { describe, expect, it } from 'vitest';
import { alertSchema } from '#rules/alert';
import { allParts } from '../config/json-parts.ts';
import { falcoJson } from './falco-json.ts';

const alert = alertSchema.parse({
  time: '2026-11-23T13:05:00.123456789Z',
  rule: 'A rule',
  priority: 'Warning',
  hostname: 'host',
  output: '13:05:00.123456789: Warning a: Warning text',
  output_fields: {
    'proc.pid': 1,
    'evt.time': 1_795_439_100_123_456_789n,
    'fd.name': null,
    'proc.aname[2]': ['a', 'b'],
  },
  tags: ['a', 'b'],
  lanner: { version: 1, id: '019aa1b2-0000-7000-8000-000000000000', node: 'n' },
});
const without = { message: false, output: false, outputFields: false, tags: false };
const keys = (parts: Partial<typeof without>) => Object.keys(JSON.parse(falcoJson(alert, { ...without, ...parts })));

describe('an alert as Falco prints it', () => {
  it('is one line with these keys, in this order', () => {
    expect(falcoJson(alert, allParts)).toBe(
      '{"hostname":"host","output":"13:05:00.123456789: Warning a: Warning text",' +
        '"output_fields":{"evt.time":1795439100123456789,"fd.name":null,"proc.aname[2]":["a","b"],"proc.pid":1},' +
        '"priority":"Warning","rule":"A rule","source":"syscall","tags":["a","b"],"time":"2026-11-23T13:05:00.123456789Z"}',
    );
  });

  it.for([
    { part: 'message', after: 'hostname' },
    { part: 'output', after: 'hostname' },
    { part: 'outputFields', key: 'output_fields', after: 'hostname' },
    { part: 'tags', after: 'source' },
  ])('holds $part only where that is asked for', ({ part, key = part, after }) => {
    const least = ['hostname', 'priority', 'rule', 'source', 'time'];
    expect(keys({})).toEqual(least);
    expect(keys({ [part]: true })).toEqual(least.flatMap((each) => (each === after ? [each, key] : [each])));
  });

  it('has a message without time and priority', () => {
    expect(JSON.parse(falcoJson(alert, { ...allParts, message: true }))).toMatchObject({ message: 'a: Warning text' });
  });
});
