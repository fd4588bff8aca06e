import { readFileSync } from 'node:fs';

/** What the clocks differ by; all in nanoseconds. */
export type Clock = {
  /** Since the epoch, of a time since boot (CLOCK_BOOTTIME, which counts suspend). */
  wallNs(sinceBootNs: number): bigint;
  /** Since boot, now. */
  sinceBootNs(): number;
  /** Local time's offset from UTC in minutes to the east, now. */
  offsetMinutes(): number;
  /** Follows a wall clock that was set, and suspends. Takes up to a millisecond. */
  measure(): void;
};

const NS_PER_MS = 1_000_000n;
/** /proc/uptime counts in hundredths of a second. */
const NS_PER_CENTISECOND = 10_000_000n;
/** Below this, the difference between the two clocks is only how coarse /proc/uptime is. */
const SUSPENDED_NS = 3n * NS_PER_CENTISECOND;

/** Node has no call for CLOCK_BOOTTIME: it is CLOCK_MONOTONIC and the time spent suspended, which /proc/uptime tells. */
export function makeClock(): Clock {
  let suspendedNs = readSuspended();
  let wallMinusMonotonicNs = readWallOffset();
  let wallMinusBootNs = wallMinusMonotonicNs - suspendedNs;
  let offset = -new Date().getTimezoneOffset();
  return {
    wallNs: (sinceBootNs) => BigInt(Math.round(sinceBootNs)) + wallMinusBootNs,
    sinceBootNs: () => Number(process.hrtime.bigint() + suspendedNs),
    offsetMinutes: () => offset,
    measure() {
      suspendedNs = readSuspended();
      wallMinusMonotonicNs = readWallOffset();
      wallMinusBootNs = wallMinusMonotonicNs - suspendedNs;
      offset = -new Date().getTimezoneOffset();
    },
  };
}

function readSuspended(): bigint {
  const [seconds = '0', hundredths = '0'] = readFileSync('/proc/uptime', 'latin1').split(/[. ]/);
  const bootNs = (BigInt(seconds) * 100n + BigInt(hundredths)) * NS_PER_CENTISECOND;
  const differenceNs = bootNs - process.hrtime.bigint();
  return differenceNs > SUSPENDED_NS ? differenceNs : 0n;
}

/** The wall clock in JavaScript counts milliseconds: the moment it moves on is exact, and at most one of them away. */
function readWallOffset(): bigint {
  const before = Date.now();
  let now = Date.now();
  while (now === before) now = Date.now();
  return BigInt(now) * NS_PER_MS - process.hrtime.bigint();
}
