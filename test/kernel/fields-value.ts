import { expect } from 'vitest';
import type { Expected } from './fields-table.ts';

/** That a field has the value which a table expects. */
export function expectValue(value: unknown, expected: Expected): void {
  if (typeof expected === 'object' && expected !== null && 'near' in expected) {
    expect(typeof value).toBe('number');
    expect(Math.abs(Number(value) - expected.near), `${value} is far from ${expected.near}`).toBeLessThanOrEqual(
      expected.by,
    );
  } else if (typeof expected === 'object' && expected !== null && 'parts' in expected) {
    let from = 0;
    const whole = String(value).toLowerCase();
    for (const part of expected.parts) {
      const found = whole.indexOf(part.toLowerCase(), from);
      expect(found, `${part} in ${value}`).toBeGreaterThanOrEqual(0);
      from = found;
    }
  } else expect(value).toEqual(expected);
}
