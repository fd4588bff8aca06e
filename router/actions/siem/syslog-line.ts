import type { SiemEvent } from './event.ts';
import { cefOf, leefOf } from './lines.ts';
import type { SyslogSettings } from './settings.ts';

const facilities: Readonly<Record<SyslogSettings['facility'], number>> = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
};

/** RFC 5424. Falco's priorities are syslog's severities. JSON has no line ends, nor have CEF and LEEF. */
export function syslogOf({ facility, format }: SyslogSettings, event: SiemEvent, json: string): string {
  const priority = facilities[facility] * 8 + event.severity;
  const time = new Date(event.timeMs).toISOString();
  // Printable ASCII only (section 6).
  const host = (event.host ?? '').replace(/[^\x21-\x7e]/g, '?').slice(0, 255) || '-';
  const message = format === 'cef' ? cefOf(event) : format === 'leef' ? leefOf(event) : json;
  return `<${priority}>1 ${time} ${host} lanner - ${event.alert.source.replace(/[^\x21-\x7e]/g, '?').slice(0, 32) || '-'} - ${message}`;
}
