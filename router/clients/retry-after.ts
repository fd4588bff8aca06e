/** Longer waits are for people to decide. */
const MOST_MS = 3_600_000;

/** RFC 9110 section 10.2.3: seconds, or a date. At most an hour. */
export function retryAfterMs(value: string | null | undefined, nowMs: number): number | undefined {
  if (value === null || value === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? undefined : boundWait(ms);
}

/** Seconds, maybe with a fraction, as some write them into the body of a 429. */
export function secondsToWait(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? boundWait(value * 1_000) : undefined;
}

function boundWait(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), 0), MOST_MS);
}
