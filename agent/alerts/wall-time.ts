const NS_PER_S = 1_000_000_000n;
const NS_PER_DAY = 86_400n * NS_PER_S;

/** `2026-11-23T13:05:00.123456789Z` of nanoseconds since the epoch. */
export function isoTime(ns: bigint): string {
  return `${new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19)}.${fraction(ns)}Z`;
}

/** `13:05:00.123456789` in local time, which is `offsetMinutes` east of UTC. */
export function clockTime(ns: bigint, offsetMinutes: number): string {
  const local = (((ns + BigInt(offsetMinutes) * 60n * NS_PER_S) % NS_PER_DAY) + NS_PER_DAY) % NS_PER_DAY;
  const seconds = Number(local / NS_PER_S);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${fraction(ns)}`;
}

function fraction(ns: bigint): string {
  return (ns % NS_PER_S).toString().padStart(9, '0');
}
