import type { Alert } from '#rules/alert';
import { alertJson } from '#rules/alert-json';

/** The alert as Falco's `json_output` prints it: exactly its keys, in alphabetical order, on one line. */
export function falcoJson(alert: Alert): string {
  return alertJson({
    hostname: alert.hostname,
    output: alert.output,
    output_fields: alert.output_fields,
    priority: alert.priority,
    rule: alert.rule,
    source: alert.source,
    tags: alert.tags,
    time: alert.time,
  });
}
