import { createHash } from 'node:crypto';
import type { Alert, AlertFieldValue } from '#rules/alert';
import { severityOf } from '#rules/alert';
import { hostOf } from '../told.ts';

/** An alert as the formats need it, parts that are unknown left out. */
export type SiemEvent = {
  readonly alert: Alert;
  readonly id: string;
  readonly playbook: string;
  readonly host: string | undefined;
  readonly timeMs: number;
  /** Nanoseconds since the epoch, as text. */
  readonly timeNs: string;
  /** 0 (Emergency) to 7 (Debug), as syslog counts. */
  readonly severity: number;
  readonly text: (name: string) => string | undefined;
  readonly number: (name: string) => number | undefined;
};

export function eventOf(alert: Alert, idempotencyKey: string, playbook: string): SiemEvent {
  const found = alert.output_fields;
  const timeMs = Date.parse(alert.time.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'));
  const fraction = (/\.(\d{1,9})/.exec(alert.time)?.[1] ?? '').padEnd(9, '0');
  return {
    alert,
    id: createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 40),
    playbook,
    host: hostOf(alert),
    timeMs,
    timeNs: `${Math.floor(timeMs / 1_000)}${fraction}`,
    severity: severityOf(alert.priority),
    text: (name) => asText(found[name]),
    number: (name) => asNumber(found[name]),
  };
}

function asText(value: AlertFieldValue | undefined): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  return Array.isArray(value) ? value.map(String).join(',') : String(value);
}

function asNumber(value: AlertFieldValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

/** Without what is unknown, and without what is empty then. */
export function known(value: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** MITRE's identifiers among the tags, as the published rules write them: T1059, mitre_execution. */
export function techniquesOf({ tags }: Alert): readonly string[] {
  return tags.filter((tag) => /^T\d{4}(\.\d{3})?$/.test(tag));
}
