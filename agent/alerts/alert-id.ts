/**
 * A UUID of version 7 (RFC 9562 section 5.7): 48 bits of milliseconds, then random bits, so that ids sort by time. Those are
 * where `random`, one of version 4, has its own: behind the digit of the version all is the same.
 */
export function makeAlertId(nowMs: number, random: string): string {
  const time = nowMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}
