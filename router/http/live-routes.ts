import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { LiveFeed } from '../store/live.ts';

const HEARTBEAT_MS = 15_000;
const MOST_VIEWERS = 100;

/** `GET /api/events`: alerts and runs as they come, as server-sent events; `Last-Event-ID` goes on where one left off. */
export function liveRoutes(feed: LiveFeed): Hono {
  const app = new Hono();
  let viewers = 0;
  app.get('/', (context) => {
    if (viewers >= MOST_VIEWERS) return context.json({ error: `${MOST_VIEWERS} live views are open already` }, 503);
    viewers++;
    return streamSSE(context, async (stream) => {
      const abort = new AbortController();
      stream.onAbort(() => abort.abort());
      let lastMs = Date.now();
      const heartbeat = setInterval(() => {
        if (Date.now() - lastMs < HEARTBEAT_MS) return;
        lastMs = Date.now();
        void stream.write(': still here\n\n');
      }, HEARTBEAT_MS / 3);
      try {
        for await (const { id, kind, json } of feed.follow(context.req.header('last-event-id'), abort.signal)) {
          lastMs = Date.now();
          await stream.writeSSE({ id, event: kind, data: json });
        }
      } finally {
        clearInterval(heartbeat);
        viewers--;
      }
    });
  });
  return app;
}
