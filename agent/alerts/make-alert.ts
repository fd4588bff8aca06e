import { ALERT_VERSION, type Alert, type AlertFieldValue, type LannerPart, type Priority } from '#rules/alert';
import { clockTime, isoTime } from '../state/wall-time.ts';
import { makeAlertId } from './alert-id.ts';

/** A rule that matched, with its texts filled in from the event. */
export type Match = {
  readonly rule: string;
  readonly priority: Priority;
  readonly source: string;
  readonly tags: readonly string[];
  /** The output of the rule, without time and priority. */
  readonly text: string;
  readonly fields: Readonly<Record<string, AlertFieldValue>>;
};

/** Where and when the event happened. */
export type Occurrence = {
  /** Nanoseconds since the epoch. */
  readonly wallNs: bigint;
  /** Local time's offset from UTC, in minutes to the east. */
  readonly offsetMinutes: number;
  readonly hostname: string;
  readonly part: Omit<LannerPart, 'version' | 'id'>;
  /** Ten random bytes or more. */
  readonly random: Uint8Array;
};

/** The alert as it goes to every output. `evt.time` in the fields is in nanoseconds, as in Falco's JSON. */
export function makeAlert(match: Match, { wallNs, offsetMinutes, hostname, part, random }: Occurrence): Alert {
  return {
    time: isoTime(wallNs),
    rule: match.rule,
    priority: match.priority,
    source: match.source,
    hostname,
    output: `${clockTime(wallNs, offsetMinutes)}: ${match.priority} ${match.text}`,
    output_fields: { 'evt.time': wallNs, ...match.fields },
    tags: [...match.tags].sort(),
    lanner: { version: ALERT_VERSION, id: makeAlertId(Number(wallNs / 1_000_000n), random), ...part },
  };
}
