import type { Alert } from '#rules/alert';
import { alertJson } from '#rules/alert-json';
import type { FalcoJsonParts } from '../config/json-parts.ts';

/** The alert as Falco's `json_output` prints it: exactly its keys, in alphabetical order, on one line. */
export function falcoJson(alert: Alert, parts: FalcoJsonParts): string {
  const { hostname, output, priority, rule, source, tags, time } = alert;
  return alertJson({
    hostname,
    ...(parts.message && { message: messageOf(alert) }),
    ...(parts.output && { output }),
    ...(parts.outputFields && { output_fields: sorted(alert.output_fields) }),
    priority,
    rule,
    source,
    ...(parts.tags && { tags }),
    time,
  });
}

/** `TIME: PRIORITY` stands before it, and no time has a colon and a blank. */
function messageOf({ output, priority }: Alert): string {
  const mark = `: ${priority} `;
  return output.slice(output.indexOf(mark) + mark.length);
}

function sorted(fields: Alert['output_fields']): Alert['output_fields'] {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}
