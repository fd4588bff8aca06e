import { authHeaders } from '../../clients/http-settings.ts';
import type { ActionResult } from '../../runs/action.ts';
import type { SendContext } from '../../runs/outward.ts';
import { answerPart, post } from '../post.ts';
import type { SiemEvent } from './event.ts';
import type { Item } from './hand-on.ts';
import type { OtlpSettings } from './settings.ts';

/** OpenTelemetry's numbers, from Emergency to Debug: FATAL4, FATAL, ERROR4, ERROR, WARN, INFO2, INFO, DEBUG. */
const severities = [24, 21, 20, 17, 13, 10, 9, 5] as const;

/** OTLP/HTTP in JSON: ids in hex, 64-bit numbers as text, enumerations as numbers. */
export async function sendOtlp(
  settings: OtlpSettings,
  items: readonly Item[],
  context: SendContext,
): Promise<ActionResult> {
  const byHost = Map.groupBy(items, ({ event }) => event.host ?? 'unknown');
  const resourceLogs = [...byHost].map(([host, logs]) => ({
    resource: { attributes: attributesOf({ 'service.name': 'lanner', 'host.name': host }) },
    scopeLogs: [{ scope: { name: 'lanner', version: '0.1.0' }, logRecords: logs.map(({ event }) => recordOf(event)) }],
  }));
  const body = JSON.stringify({ resourceLogs });
  const url = new URL(`${settings.url.replace(/\/*$/, '')}/v1/logs`);
  let rejected = 0;
  const result = await post(
    {
      url,
      headers: authHeaders(settings.auth, body),
      body,
      tls: settings.tls,
      isTaken: (answer) => {
        rejected = Number(answerPart(answer, 'partialSuccess', 'rejectedLogRecords') ?? 0);
        return answer.status === 200;
      },
    },
    context,
  );
  if (result.status !== 'done' || rejected === 0) return result;
  // The specification: what was taken in part must not be sent again.
  return { status: 'failed', retry: false, reason: `${url.host} rejected ${rejected} of ${items.length} records` };
}

function recordOf(event: SiemEvent) {
  const { alert, id, playbook, severity, timeNs } = event;
  return {
    timeUnixNano: timeNs,
    observedTimeUnixNano: timeNs,
    severityNumber: severities[severity],
    severityText: alert.priority,
    body: { stringValue: alert.output },
    attributes: [
      ...attributesOf({
        'log.record.uid': id,
        'lanner.rule': alert.rule,
        'lanner.playbook': playbook,
        'lanner.source': alert.source,
      }),
      { key: 'lanner.tags', value: { arrayValue: { values: alert.tags.map((tag) => ({ stringValue: tag })) } } },
      ...Object.entries(alert.output_fields).flatMap(([key, value]) =>
        value === null ? [] : [{ key, value: anyValue(value) }],
      ),
    ],
  };
}

function attributesOf(named: Readonly<Record<string, string>>) {
  return Object.entries(named).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: unknown): object {
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'bigint') return { stringValue: String(value) };
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map((one) => ({ stringValue: String(one) })) } };
  return { stringValue: String(value) };
}
