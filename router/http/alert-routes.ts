import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { type Alert, FIRST_HEADER } from '#rules/alert';
import { alertJson } from '#rules/alert-json';
import type { Ingested, Seen } from '../ingest/ingest.ts';
import { readAlerts } from '../ingest/read-alerts.ts';
import type { StoredAlert } from '../store/alerts.ts';
import { readCount } from './count.ts';
import type { Metrics } from './metrics.ts';

const MOST_BODY_BYTES = 4 * 1024 * 1024;
const RETRY_AFTER_S = '2';

export type AlertRoutes = {
  readonly ingest: (alerts: readonly Alert[], seen: Seen) => Promise<Ingested>;
  readonly latest: (count: number) => Promise<readonly StoredAlert[]>;
  /** Why nothing can be taken now, if so. */
  readonly refusal: () => string | undefined;
  readonly metrics: Metrics;
};

/** `POST /api/alerts` takes alerts in, `GET /api/alerts?limit=N` shows the latest. */
export function alertRoutes({ ingest, latest, refusal, metrics }: AlertRoutes): Hono {
  const app = new Hono();
  const tooLarge = bodyLimit({
    maxSize: MOST_BODY_BYTES,
    onError: (context) => {
      metrics.alertsRefused.inc({ status: 413 });
      return context.json({ error: `the body has more than ${MOST_BODY_BYTES} bytes; send fewer alerts at once` }, 413);
    },
  });
  // What declares its length is held to it by the HTTP parser, so only the number is looked at: counting the bytes of a
  // body as they come costs more than all the rest of a request.
  const limited = createMiddleware((context, next) => {
    const { req } = context;
    const bytes = Number(req.header('content-length') ?? Number.NaN);
    return bytes <= MOST_BODY_BYTES && req.header('transfer-encoding') === undefined ? next() : tooLarge(context, next);
  });
  app.post('/', limited, async (context) => {
    const read = readAlerts(await context.req.text());
    if (!read.ok) {
      metrics.alertsRefused.inc({ status: 400 });
      return context.json({ error: read.error }, 400);
    }
    const later = (error: string) => {
      metrics.alertsRefused.inc({ status: 503 });
      context.header('Retry-After', RETRY_AFTER_S);
      return context.json({ error }, 503);
    };
    const why = refusal();
    if (why !== undefined) return later(why);
    try {
      const { ids, duplicates, matched } = await ingest(
        read.alerts,
        context.req.header(FIRST_HEADER) === '1' ? 'never' : 'perhaps',
      );
      metrics.alertsAccepted.inc(ids.length);
      metrics.alertsDuplicate.inc(duplicates);
      metrics.jobsQueued.inc(matched);
      return context.json({ accepted: ids.length, duplicates, runs: matched, ids }, 202);
    } catch {
      // Part of it may be stored: the sender repeats, and what is there is recognised.
      return later('Redis did not take the alerts; send them again');
    }
  });
  app.get('/', async (context) => {
    const alerts = await latest(readCount(context.req.query('limit')));
    return context.body(alertJson({ alerts }), 200, { 'content-type': 'application/json' });
  });
  return app;
}
