import type { Run } from '#playbooks/language/run';
import { type ListedAlert, readAlerts } from './alerts.ts';
import { type RedisClient, readEntries, readList, readText } from './client.ts';
import { keys } from './keys.ts';
import { loadRuns } from './runs.ts';

const BLOCK_MS = 2_000;
const MOST_AT_ONCE = 500;

/** What happened, as listeners hear of it. `cursor` is where to go on after it. */
export type FeedItem =
  | { readonly kind: 'alert'; readonly cursor: string; readonly alert: ListedAlert }
  | { readonly kind: 'run'; readonly cursor: string; readonly run: Run }
  | { readonly kind: 'command'; readonly cursor: string; readonly node: string }
  | { readonly kind: 'receipt'; readonly cursor: string; readonly command: string };

/** Places in both streams: `ALERTS_SIGNALS`. */
type Cursor = { readonly alerts: string; readonly signals: string };

const placePattern = /^(\d{1,20}-\d{1,20})_(\d{1,20}-\d{1,20})$/;

export function parseCursor(text: string): Cursor | undefined {
  const [, alerts, signals] = placePattern.exec(text) ?? [];
  return alerts === undefined || signals === undefined ? undefined : { alerts, signals };
}

/**
 * Follows both streams and tells every listener, in every replica. `blocking` is a connection of its own: its reads wait.
 * A connection that fails is tried again from where it stood, so nothing is missed while the streams reach back.
 */
export function openFeed(blocking: RedisClient, client: RedisClient, onError: (error: unknown) => void) {
  const listeners = new Set<(item: FeedItem) => void>();
  let closed = false;

  const follow = async () => {
    let cursor: Cursor | undefined;
    while (!closed) {
      try {
        cursor ??= await latest(client);
        const read = await readFrom(blocking, client, cursor);
        cursor = read.cursor;
        for (const item of read.items) for (const listener of listeners) listener(item);
      } catch (error) {
        if (closed) return;
        onError(error);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
  };
  void follow();

  return {
    listen(listener: (item: FeedItem) => void): () => void {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    /** What came after the cursor, as far as it is still kept. */
    async replay(after: string): Promise<readonly FeedItem[]> {
      const cursor = parseCursor(after);
      if (cursor === undefined) return [];
      const [alerts, signals] = await client.batch([
        ['XRANGE', keys.alerts, `(${cursor.alerts}`, '+', 'COUNT', MOST_AT_ONCE],
        ['XRANGE', keys.signals, `(${cursor.signals}`, '+', 'COUNT', MOST_AT_ONCE],
      ]);
      return (await itemsOf(client, cursor, alerts, signals)).items;
    },
    /** May be called twice. The caller closes the blocking connection, which ends a read that waits. */
    close() {
      closed = true;
      listeners.clear();
    },
  };
}

export type Feed = ReturnType<typeof openFeed>;

async function latest(client: RedisClient): Promise<Cursor> {
  const [alerts, signals] = await client.batch([
    ['XREVRANGE', keys.alerts, '+', '-', 'COUNT', 1],
    ['XREVRANGE', keys.signals, '+', '-', 'COUNT', 1],
  ]);
  return { alerts: readEntries(alerts)[0]?.id ?? '0-0', signals: readEntries(signals)[0]?.id ?? '0-0' };
}

async function readFrom(blocking: RedisClient, client: RedisClient, cursor: Cursor) {
  const reply = await blocking.call(
    ...(['XREAD', 'COUNT', MOST_AT_ONCE, 'BLOCK', BLOCK_MS, 'STREAMS', keys.alerts, keys.signals] as const),
    cursor.alerts,
    cursor.signals,
  );
  const streams = new Map(readList(reply).map((stream) => [readText(readList(stream)[0]), readList(stream)[1]]));
  return itemsOf(client, cursor, streams.get(keys.alerts), streams.get(keys.signals));
}

/** The items of both replies, alerts first, each with the cursor that stands after it. */
async function itemsOf(client: RedisClient, from: Cursor, alertReply: unknown, signalReply: unknown) {
  const alerts = readAlerts(alertReply);
  const signals = readEntries(signalReply);
  const runIds = new Set(signals.flatMap(({ fields }) => fields.get('run') ?? []));
  const runs = new Map((await loadRuns(client, [...runIds])).map((run) => [run.id, run]));
  let cursor = from;
  const items: FeedItem[] = [];
  const text = () => `${cursor.alerts}_${cursor.signals}`;
  for (const alert of alerts) {
    cursor = { ...cursor, alerts: alert.cursor };
    items.push({ kind: 'alert', cursor: text(), alert });
  }
  // An entry that could not be read must not hold the feed up.
  cursor = { ...cursor, alerts: readEntries(alertReply).at(-1)?.id ?? cursor.alerts };
  for (const { id, fields } of signals) {
    cursor = { ...cursor, signals: id };
    const [runId, node, command] = [fields.get('run'), fields.get('command'), fields.get('receipt')];
    const run = runId === undefined ? undefined : runs.get(runId);
    // Several changes of one run between two reads are told once, with its latest state.
    if (runId !== undefined && run !== undefined && runs.delete(runId))
      items.push({ kind: 'run', cursor: text(), run });
    if (node !== undefined) items.push({ kind: 'command', cursor: text(), node });
    if (command !== undefined) items.push({ kind: 'receipt', cursor: text(), command });
  }
  return { cursor, items };
}
