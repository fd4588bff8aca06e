import { describe, expect, it } from 'vitest';
import { type Alert, alertSchema } from '#rules/alert';
import { alertIdOf } from './alert-id.ts';

const foreign = {
  time: '2026-11-23T14:00:00Z',
  rule: 'Shell',
  priority: 'Notice',
  hostname: 'web-1',
  output: 'a shell',
};
const idOf = (alert: object): string => alertIdOf(alertSchema.parse(alert) satisfies Alert);

describe('alertIdOf', () => {
  it('keeps the id that an agent gave', () => {
    const id = '0195d0b5-7c00-7000-8000-000000000001';
    expect(idOf({ ...foreign, lanner: { version: 1, id, node: 'web-1' } })).toBe(id);
  });

  it('gives a foreign alert the same UUID each time', () => {
    expect(idOf(foreign)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(idOf({ ...foreign })).toBe(idOf(foreign));
  });

  it.for(['time', 'rule', 'hostname', 'output', 'source'])('tells alerts apart by their %s', (key) => {
    const other = { ...foreign, [key]: key === 'time' ? '2026-11-23T14:00:01Z' : 'other' };
    expect(idOf(other)).not.toBe(idOf(foreign));
  });

  it('does not mistake a text that moved from one key to the next', () => {
    expect(idOf({ ...foreign, rule: 'ab', output: 'c' })).not.toBe(idOf({ ...foreign, rule: 'a', output: 'bc' }));
  });
});
