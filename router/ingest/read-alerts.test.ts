import { describe, expect, it } from 'vitest';
import { readAlerts } from './read-alerts.ts';

const alert = { time: '2026-11-23T14:00:00.123456789Z', rule: 'Shell', priority: 'notice' };
const lanner = { version: 1, id: '0195d0b5-7c00-7000-8000-000000000001', node: 'web-1' };

describe('readAlerts', () => {
  it.for([
    { name: 'one alert', body: JSON.stringify(alert), count: 1 },
    { name: 'one alert over several lines', body: JSON.stringify(alert, undefined, 2), count: 1 },
    { name: 'an array', body: JSON.stringify([alert, alert]), count: 2 },
    { name: 'one a line', body: `${JSON.stringify(alert)}\n${JSON.stringify(alert)}\n`, count: 2 },
    {
      name: 'one a line, with empty lines and CRLF',
      body: `${JSON.stringify(alert)}\r\n\r\n${JSON.stringify(alert)}`,
      count: 2,
    },
    { name: 'as many as one request may hold', body: JSON.stringify(Array(5_000).fill(alert)), count: 5_000 },
  ])('takes $name', ({ body, count }) => {
    const read = readAlerts(body);
    expect(read.ok && read.alerts).toHaveLength(count);
  });

  it('fills in what Falco leaves out', () => {
    const read = readAlerts(JSON.stringify({ ...alert, lanner }));
    expect(read).toEqual({
      ok: true,
      alerts: [
        {
          ...alert,
          priority: 'Notice',
          source: 'syscall',
          hostname: '',
          output: '',
          output_fields: {},
          tags: [],
          lanner,
        },
      ],
    });
  });

  it('keeps all digits of an integer', () => {
    const body = JSON.stringify([alert, { ...alert, output_fields: { 'evt.time': 0 } }]).replace(
      ':0}',
      ':1795439100123456789}',
    );
    const read = readAlerts(body);
    expect(read.ok && read.alerts[1]?.output_fields).toEqual({ 'evt.time': 1_795_439_100_123_456_789n });
  });

  const wrong = (extra: object): string => JSON.stringify([alert, alert, alert, { ...alert, ...extra }]);
  it.for([
    { body: '', error: 'expected an alert, an array of alerts, or one alert a line' },
    { body: '[]', error: 'expected an alert, an array of alerts, or one alert a line' },
    { body: '17', error: /^expected object/ },
    { body: '{', error: /^not JSON: / },
    { body: '{"a":1}\n{', error: /^line 2 is not JSON: / },
    { body: JSON.stringify({ ...alert, rule: undefined }), error: /^rule: expected string/ },
    { body: JSON.stringify({ ...alert, rule: '' }), error: /^rule: / },
    {
      body: JSON.stringify({ ...alert, priority: 'loud' }),
      error: /^priority: unknown priority; expected one of Emergency/,
    },
    { body: wrong({ rule: 1 }), error: /^\[3\]\.rule: expected string/ },
    { body: wrong({ time: 'yesterday' }), error: /^\[3\]\.time: expected ISO 8601/ },
    { body: wrong({ tags: ['a', 2] }), error: /^\[3\]\.tags\[1\]: expected string/ },
    { body: wrong({ output_fields: { 'proc.name': {} } }), error: /^\[3\]\.output_fields\.proc\.name: / },
    { body: wrong({ surprise: 1 }), error: /^\[3\]: .*surprise/ },
    { body: wrong({ lanner: { ...lanner, version: 2 } }), error: /^\[3\]\.lanner\.version: / },
    { body: wrong({ lanner: { ...lanner, id: '../../etc' } }), error: /^\[3\]\.lanner\.id: / },
    { body: `${JSON.stringify(alert)}\n{"rule":"x"}`, error: /^\[1\]\.time: expected string/ },
    {
      body: JSON.stringify(Array(5_001).fill(alert)),
      error: 'expected at most 5000 alerts in one request, found 5001',
    },
  ])('refuses a body with $error', ({ body, error }) => {
    const read = readAlerts(body);
    expect(read.ok ? 'taken' : read.error).toEqual(typeof error === 'string' ? error : expect.stringMatching(error));
  });

  it('answers a body of hostile depth as any other wrong one', () => {
    expect(readAlerts('['.repeat(100_000)).ok).toBe(false);
  });
});
