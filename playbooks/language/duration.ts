import * as z from 'zod';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `500ms`, `30s`, `10m`, `2h`, `7d`, in milliseconds. */
function parseDuration(text: string): number | undefined {
  const found = /^(\d{1,6})(ms|s|m|h|d)$/.exec(text);
  if (found === null) return undefined;
  const unit = Object.entries(units).find(([name]) => name === found[2]);
  return unit === undefined ? undefined : Number(found[1]) * unit[1];
}

const durationHint = 'expected a time such as 500ms, 30s, 10m or 2h';

/** A time as it is written, in milliseconds when it is read. */
export function duration(leastMs: number, mostMs: number) {
  return z.string({ error: durationHint }).transform((text, context): number => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= leastMs && ms <= mostMs) return ms;
    const message = ms === undefined ? durationHint : `expected a time from ${leastMs}ms to ${mostMs / 1_000}s`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** A point in time, ISO 8601 with its zone, in milliseconds since the epoch. */
export const instant = z.string({ error: instantHint() }).transform((text, context): number => {
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  context.addIssue({ code: 'custom', message: instantHint() });
  return z.NEVER;
});

function instantHint(): string {
  return 'expected a time with its zone, such as 2026-01-31T22:00:00Z';
}
