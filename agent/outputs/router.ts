import { Agent, request } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Alert } from '#rules/alert';
import { alertJson } from '#rules/alert-json';
import type { Log } from '#rules/cli/log';
import type { Output } from './output.ts';

/** What is held in memory while the router does not take it; beyond this the oldest are lost and counted. */
const MOST_HELD = 10_000;
const MOST_HELD_BYTES = 64 * 1024 * 1024;
const MOST_BATCH = 500;
const MOST_BATCH_BYTES = 2 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const MOST_WAIT_MS = 15_000;

export type RouterOutputOptions = {
  readonly url: URL;
  readonly token: string;
  readonly log: Log;
};

type Held = { readonly body: string; readonly bytes: number };
type Answer = { readonly status: number; readonly reason: string; readonly retryAfterMs: number | undefined };

/**
 * Posts alerts to the router in batches and forgets them only when it has answered 202. One request is under way at a
 * time, so the order is kept; while it runs, alerts gather into the next batch.
 */
export function makeRouterOutput({ url, token, log }: RouterOutputOptions): Output {
  const target = new URL('/api/alerts', url);
  const send = poster(target, token);
  let held: Held[] = [];
  let heldBytes = 0;
  let written = 0;
  let lost = 0;
  let busy = false;
  let closed = false;
  let failures = 0;
  let saidMs = 0;
  let alone = 0;
  let timer: NodeJS.Timeout | undefined;
  let idle: (() => void) | undefined;

  const drop = (count: number) => {
    for (const { bytes } of held.splice(0, count)) heldBytes -= bytes;
  };

  const nextBatch = (): Held[] => {
    // After a refused batch its alerts go one by one, so that only the one at fault is given up.
    const most = alone > 0 ? 1 : MOST_BATCH;
    let bytes = 0;
    const batch: Held[] = [];
    for (const alert of held) {
      if (batch.length >= most || (batch.length > 0 && bytes + alert.bytes > MOST_BATCH_BYTES)) break;
      batch.push(alert);
      bytes += alert.bytes;
    }
    return batch;
  };

  const settle = (batch: readonly Held[], answer: Answer): number => {
    if (answer.status === 202) {
      if (failures > 0) log('info', 'the router takes alerts again', { held: held.length - batch.length });
      failures = 0;
      drop(batch.length);
      written += batch.length;
      alone = Math.max(0, alone - batch.length);
      return 0;
    }
    if (answer.status === 400 || answer.status === 413) {
      if (batch.length > 1) {
        alone = batch.length;
        return 0;
      }
      log('error', 'the router refused an alert for good', {
        status: answer.status,
        reason: answer.reason.slice(0, 500),
      });
      drop(1);
      lost++;
      alone = Math.max(0, alone - 1);
      return 0;
    }
    failures++;
    const nowMs = Date.now();
    if (nowMs - saidMs > 60_000) {
      saidMs = nowMs;
      log('warn', 'the router does not take alerts; holding them', {
        held: held.length,
        lost,
        reason: answer.reason.slice(0, 200),
      });
    }
    const backOffMs = Math.min(MOST_WAIT_MS, 100 * 2 ** Math.min(failures, 8)) * (0.5 + Math.random() / 2);
    return Math.max(answer.retryAfterMs ?? 0, backOffMs);
  };

  const pump = async () => {
    if (busy || timer !== undefined || held.length === 0) return;
    busy = true;
    const batch = nextBatch();
    const waitMs = settle(batch, await send(batch.map(({ body }) => body)));
    busy = false;
    if (held.length === 0) idle?.();
    else if (waitMs === 0) void pump();
    else {
      timer = setTimeout(
        () => {
          timer = undefined;
          void pump();
        },
        closed ? Math.min(waitMs, 100) : waitMs,
      );
    }
  };

  return {
    name: 'router',
    write(alert: Alert) {
      const body = alertJson(alert);
      const bytes = Buffer.byteLength(body);
      while (held.length >= MOST_HELD || (held.length > 0 && heldBytes + bytes > MOST_HELD_BYTES)) {
        // What is under way may still arrive; the one after it goes.
        const [gone] = held.splice(busy ? Math.min(MOST_BATCH, held.length - 1) : 0, 1);
        heldBytes -= gone?.bytes ?? 0;
        lost++;
      }
      held.push({ body, bytes });
      heldBytes += bytes;
      void pump();
    },
    counters: () => ({ written, held: held.length, lost }),
    async close(withinMs) {
      closed = true;
      clearTimeout(timer);
      timer = undefined;
      if (held.length === 0) return;
      await new Promise<void>((resolve) => {
        const deadline = setTimeout(resolve, withinMs);
        idle = () => {
          clearTimeout(deadline);
          resolve();
        };
        void pump();
      });
      if (held.length > 0) log('warn', 'stopped with alerts that the router has not taken', { held: held.length });
      held = [];
    },
  };
}

function poster(target: URL, token: string): (bodies: readonly string[]) => Promise<Answer> {
  const secure = target.protocol === 'https:';
  const agent = secure
    ? new TlsAgent({ keepAlive: true, maxSockets: 1 })
    : new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = secure ? tlsRequest : request;
  return (bodies) =>
    new Promise((resolve) => {
      const body = bodies.join('\n');
      const fail = (error: Error) => resolve({ status: 0, reason: error.message, retryAfterMs: undefined });
      const asked = ask(
        target,
        {
          agent,
          method: 'POST',
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': bodies.length === 1 ? 'application/json' : 'application/x-ndjson',
            'content-length': Buffer.byteLength(body),
          },
          signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            if (text.length < 4_096) text += chunk;
          });
          response.on('error', fail);
          response.on('end', () => {
            const seconds = Number(response.headers['retry-after']);
            resolve({
              status: response.statusCode ?? 0,
              reason: `HTTP ${response.statusCode}: ${text.slice(0, 1_000)}`,
              retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1_000, 60_000) : undefined,
            });
          });
        },
      );
      asked.on('error', fail);
      asked.end(body);
    });
}
