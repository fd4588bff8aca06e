import { Hono } from 'hono';
import type { Metrics } from './metrics.ts';

/** What `/readyz` says: each part, whether it works, and a word about it. */
export type Readiness = {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
};

export type HealthRoutes = {
  readonly readiness: () => Promise<Readiness>;
  readonly metrics: Metrics;
  /** Brings the gauges up to date before they are read. */
  readonly measure: () => Promise<void>;
};

/** `/healthz`: the process answers. `/readyz`: it can take alerts and perform runs. `/metrics`: Prometheus' text. */
export function healthRoutes({ readiness, metrics, measure }: HealthRoutes): Hono {
  const app = new Hono();
  app.get('/healthz', (context) => context.json({ status: 'ok' }));
  app.get('/readyz', async (context) => {
    const answer = await readiness();
    return context.json(answer, answer.ready ? 200 : 503);
  });
  app.get('/metrics', async (context) => {
    await measure();
    return context.text(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType });
  });
  return app;
}
