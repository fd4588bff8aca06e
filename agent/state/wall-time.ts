const NS_PER_S = 1_000_000_000n;
const NS_PER_MIN = 60n * NS_PER_S;

const date = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString();
const fraction = (ns: bigint): string => (ns % NS_PER_S).toString().padStart(9, '0');

/** `2026-11-23T13:05:00.123456789Z` of nanoseconds since the epoch. */
export function isoTime(ns: bigint): string {
  return `${date(ns).slice(0, 19)}.${fraction(ns)}Z`;
}

/** `2026-11-23T13:05:00.123456789+0000`, as `evt.time.iso8601` prints it. */
export function isoTimeOf(ns: bigint): string {
  return `${date(ns).slice(0, 19)}.${fraction(ns)}+0000`;
}

/** `13:05:00.123456789` in local time, which is `offsetMinutes` east of UTC. */
export function clockTime(ns: bigint, offsetMinutes: number): string {
  return `${date(ns + BigInt(offsetMinutes) * NS_PER_MIN).slice(11, 19)}.${fraction(ns)}`;
}

/** `2026-11-23 13:05:00.123456789` in local time. */
export function dateTime(ns: bigint, offsetMinutes: number): string {
  return `${date(ns + BigInt(offsetMinutes) * NS_PER_MIN).slice(0, 10)} ${clockTime(ns, offsetMinutes)}`;
}
