import { ALERT_VERSION, type Alert, type AlertFieldValue, type LannerPart, type Priority } from '#rules/alert';
import { clockTime, isoTime, isoTimeOf } from '../state/wall-time.ts';
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
  /** The text begins with the UTC date and time instead of the local time of day. */
  readonly isoTimes: boolean;
  readonly part: Omit<LannerPart, 'version' | 'id'>;
  /** A UUID of version 4. */
  readonly random: string;
};

/** The alert as it goes to every output. `evt.time` in the fields is in nanoseconds, as in Falco's JSON. */
export function makeAlert(match: Match, occurrence: Occurrence): Alert {
  const { wallNs, offsetMinutes, hostname, isoTimes, part, random } = occurrence;
  const time = isoTimes ? isoTimeOf(wallNs) : clockTime(wallNs, offsetMinutes);
  return {
    time: isoTime(wallNs),
    rule: match.rule,
    priority: match.priority,
    source: match.source,
    hostname,
    output: `${time}: ${match.priority} ${match.text}`,
    output_fields: { [isoTimes ? 'evt.time.iso8601' : 'evt.time']: wallNs, ...match.fields },
    tags: [...match.tags].sort(),
    lanner: { version: ALERT_VERSION, id: makeAlertId(Number(wallNs / 1_000_000n), random), ...part },
  };
}
