import { Hono } from 'hono';
import type { Playbook } from '#playbooks/language/playbook';
import type { RunMode } from '#playbooks/language/run';
import type { NodeRegistry } from '../nodes/registry.ts';
import type { LiveFeed } from '../store/live.ts';
import type { RunStore } from '../store/runs.ts';
import { type AlertRoutes, alertRoutes } from './alert-routes.ts';
import { requireToken } from './auth.ts';
import { consoleRoutes } from './console-routes.ts';
import { type HealthRoutes, healthRoutes } from './health-routes.ts';
import { liveRoutes } from './live-routes.ts';
import { playbookRoutes } from './playbook-routes.ts';
import { runRoutes } from './run-routes.ts';

export type AppParts = {
  readonly isAllowed: (authorization: string | undefined) => boolean;
  readonly alerts: AlertRoutes;
  readonly health: HealthRoutes;
  readonly runs: RunStore;
  readonly nodes: NodeRegistry;
  readonly feed: LiveFeed;
  readonly playbooks: () => readonly Playbook[];
  readonly mode: RunMode;
  readonly failed: (error: Error) => void;
};

/** The HTTP side as one function of a request; everything below /api needs the token. */
export function makeApp(parts: AppParts): Hono {
  const app = new Hono();
  app.use('/api/*', requireToken(parts.isAllowed));
  app.route('/api/alerts', alertRoutes(parts.alerts));
  app.route('/api/runs', runRoutes(parts.runs));
  app.route('/api/playbooks', playbookRoutes(parts.playbooks, parts.mode));
  app.route('/api/events', liveRoutes(parts.feed));
  app.get('/api/nodes', async (context) => context.json({ nodes: await parts.nodes.all() }));
  app.route('/', healthRoutes(parts.health));
  app.route('/', consoleRoutes());
  app.notFound((context) => context.json({ error: `there is no ${context.req.method} ${context.req.path}` }, 404));
  app.onError((error, context) => {
    parts.failed(error);
    context.header('Retry-After', '2');
    return context.json({ error: 'Redis does not answer; try again' }, 503);
  });
  return app;
}
