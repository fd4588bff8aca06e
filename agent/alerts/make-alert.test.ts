import { describe, expect, it } from 'vitest';
import { alertSchema } from '#rules/alert';
import { alertJson } from '#rules/alert-json';
import { allParts } from '../config/json-parts.ts';
import { clockTime, isoTime } from '../state/wall-time.ts';
import { makeAlertId } from './alert-id.ts';
import { falcoJson } from './falco-json.ts';
import { makeAlert } from './make-alert.ts';

const wallNs = 1_795_439_100_123_456_789n;
const random = 'abababab-abab-4bab-abab-abababababab';
const match = {
  rule: 'A rule',
  priority: 'Warning',
  source: 'syscall',
  tags: ['b', 'a'],
  text: 'text',
  fields: { 'proc.pid': 1 },
} as const;
const occurrence = {
  wallNs,
  offsetMinutes: 0,
  hostname: 'host',
  isoTimes: false,
  random,
  part: { node: 'host', boot_id: 'x' },
} as const;
const alert = makeAlert(match, occurrence);

describe('isoTime', () => {
  it('keeps nanoseconds', () => expect(isoTime(wallNs)).toBe('2026-11-23T13:05:00.123456789Z'));
});

describe('clockTime', () => {
  it.for([
    { offset: 0, expected: '13:05:00.123456789' },
    { offset: 120, expected: '15:05:00.123456789' },
    { offset: -14 * 60, expected: '23:05:00.123456789' },
  ])('is local at $offset minutes', ({ offset, expected }) => {
    expect(clockTime(wallNs, offset)).toBe(expected);
  });
});

describe('makeAlertId', () => {
  it('is a version 7 UUID that sorts by time', () => {
    const earlier = makeAlertId(1_000_000_000_000, random);
    const later = makeAlertId(1_000_000_000_001, '00000000-0000-4000-8000-000000000000');
    expect(earlier).toBe('00e8d4a5-1000-7bab-abab-abababababab');
    expect(earlier).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(earlier < later).toBe(true);
  });
});

describe('makeAlert', () => {
  it('satisfies the schema that the router checks', () => {
    const fields = { ...alert.output_fields, 'evt.time': Number(wallNs) };
    expect(alertSchema.parse(JSON.parse(alertJson(alert)))).toEqual({ ...alert, output_fields: fields });
  });

  it('writes times in ISO 8601 where that is asked for', () => {
    const { output, output_fields, time } = makeAlert(match, { ...occurrence, offsetMinutes: 120, isoTimes: true });
    expect(output).toBe('2026-11-23T13:05:00.123456789+0000: Warning text');
    expect(output_fields).toEqual({ 'evt.time.iso8601': wallNs, 'proc.pid': 1 });
    expect(time).toBe('2026-11-23T13:05:00.123456789Z');
  });

  it('keeps all digits of 64-bit integers on every way out', () => {
    expect(falcoJson(alert, allParts)).toContain('"evt.time":1795439100123456789,');
    expect(alertJson(alert)).toContain('"evt.time":1795439100123456789,');
  });
});
