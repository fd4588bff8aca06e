import { alertJson } from '#rules/alert-json';
import { makeBatches } from '../../clients/batches.ts';
import { makeNats, NatsError } from '../../clients/nats.ts';
import { MOST_DATAGRAM, makeSyslog } from '../../clients/syslog.ts';
import type { ActionResult } from '../../runs/action.ts';
import type { SendContext } from '../../runs/outward.ts';
import { sendBulk } from './bulk.ts';
import { ecsOf } from './ecs.ts';
import { eventOf, type SiemEvent } from './event.ts';
import { sendLoki } from './loki.ts';
import { ocsfOf } from './ocsf.ts';
import { sendOtlp } from './otlp.ts';
import { sendObject } from './s3.ts';
import type { DocumentFormat, NatsSettings, SiemSettings, SyslogSettings } from './settings.ts';
import { syslogOf } from './syslog-line.ts';

/** What waits in one batch: all of the same destination and the same settings. */
export type Item = {
  readonly event: SiemEvent;
  readonly document: string;
  readonly settings: SiemSettings;
  readonly context: SendContext;
};

const MOST_BATCH_BYTES = 4 * 1024 * 1024;

const syslog = makeSyslog();
const nats = makeNats();
const batches = makeBatches<Item, ActionResult>(sendBatch);

export function handOn(settings: SiemSettings, context: SendContext): Promise<ActionResult> {
  const event = eventOf(context.alert, context.idempotencyKey, context.playbook);
  switch (settings.service) {
    case 'syslog':
      return sendSyslog(settings, event, context);
    case 'nats':
      return publish(settings, event, context);
    case 'elasticsearch':
      return inBatch(settings, event, alertJson(ecsOf(event)), context);
    case 'loki':
    case 'otlp':
      return inBatch(settings, event, documentOf('json', event), context);
    case 's3':
      return inBatch(settings, event, documentOf(settings.format, event), context);
  }
}

function inBatch(
  settings: Exclude<SiemSettings, SyslogSettings | NatsSettings>,
  event: SiemEvent,
  document: string,
  context: SendContext,
): Promise<ActionResult> {
  const key = JSON.stringify([context.destination, settings]);
  const limits = { most: settings.batch, waitMs: settings.wait, mostBytes: MOST_BATCH_BYTES };
  return batches.add(key, { event, document, settings, context }, Buffer.byteLength(document), limits);
}

/** The time of the first counts: it has waited for the others. */
async function sendBatch(items: readonly Item[]): Promise<readonly ActionResult[]> {
  const [first] = items;
  if (first === undefined) return [];
  const { settings, context } = first;
  switch (settings.service) {
    case 'elasticsearch':
      return sendBulk(settings, items, context);
    case 'loki':
      return forAll(items, await sendLoki(settings, items, context));
    case 'otlp':
      return forAll(items, await sendOtlp(settings, items, context));
    case 's3':
      return forAll(items, await sendObject(settings, items, context));
    case 'syslog':
    case 'nats':
      throw new Error(`${settings.service} sends no batches`);
  }
}

function forAll(items: readonly Item[], result: ActionResult): readonly ActionResult[] {
  return items.map(() => result);
}

/** The alert as it is, with the id by which a repeat is known; or one of the schemas. */
function documentOf(format: DocumentFormat, event: SiemEvent): string {
  switch (format) {
    case 'json':
      return alertJson({ alert_id: event.id, playbook: event.playbook, ...event.alert });
    case 'ecs':
      return alertJson(ecsOf(event));
    case 'ocsf':
      return alertJson(ocsfOf(event));
  }
}

async function sendSyslog(settings: SyslogSettings, event: SiemEvent, { signal }: SendContext): Promise<ActionResult> {
  const { host, port, transport, framing } = settings;
  const at = `${host}:${port}`;
  const line = syslogOf(settings, event, documentOf('json', event));
  if (transport === 'udp' && Buffer.byteLength(line) > MOST_DATAGRAM)
    return { status: 'failed', retry: false, reason: `${at}: the message does not fit into a datagram` };
  try {
    const tls = transport === 'tls' ? (settings.tls ?? {}) : undefined;
    await syslog.send({ host, port, transport, framing, tls }, line, signal);
    return { status: 'done', detail: `${at} was sent ${Buffer.byteLength(line)} bytes by ${transport}` };
  } catch (error) {
    return failed(at, error, signal);
  }
}

async function publish(settings: NatsSettings, event: SiemEvent, { signal }: SendContext): Promise<ActionResult> {
  const { subject, jetstream, format, token, tls } = settings;
  const url = new URL(settings.url);
  const acknowledged = jetstream ? 'stream' : 'server';
  const body = Buffer.from(documentOf(format, event));
  try {
    await nats.publish({ url, tls, token }, { subject, id: event.id, body, acknowledged }, signal);
    return { status: 'done', detail: `${url.host} took it for ${subject}` };
  } catch (error) {
    return failed(url.host, error, signal);
  }
}

function failed(at: string, error: unknown, signal: AbortSignal): ActionResult {
  if (signal.aborted) return { status: 'timed_out', detail: `${at} did not take it in time` };
  const retry = !(error instanceof NatsError) || error.retry;
  return { status: 'failed', retry, reason: `${at}: ${error instanceof Error ? error.message : String(error)}` };
}
