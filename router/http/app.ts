import { Hono } from 'hono';
import type { NodeRegistry } from '../nodes/registry.ts';
import type { AuditLog } from '../store/audit.ts';
import type { LiveFeed } from '../store/live.ts';
import type { RunStore } from '../store/runs.ts';
import { type AlertRoutes, alertRoutes } from './alert-routes.ts';
import { type AnswerRoutes, answerRoutes } from './answer-routes.ts';
import { approvalRoutes } from './approval-routes.ts';
import { auditRoutes } from './audit-routes.ts';
import { requireToken } from './auth.ts';
import { consoleRoutes } from './console-routes.ts';
import { type DestinationRoutes, deadLetterRoutes, destinationRoutes } from './destination-routes.ts';
import { type EvidenceRoutes, evidenceRoutes } from './evidence-routes.ts';
import { type HealthRoutes, healthRoutes } from './health-routes.ts';
import { liveRoutes } from './live-routes.ts';
import { pageRoutes } from './page-routes.ts';
import { type HookSettings, peopleHookRoutes } from './people-hook-routes.ts';
import { type PlaybookRoutes, playbookRoutes } from './playbook-routes.ts';
import { type RespondingRoutes, respondingRoutes } from './responding-routes.ts';
import { runRoutes } from './run-routes.ts';
import { type SilenceRoutes, silenceRoutes } from './silence-routes.ts';
import { type FilesAt, hookRoutes, ruleRoutes, type SyncRoutes, syncRoutes } from './sync-routes.ts';

export type AppParts = {
  /** Whose token an `Authorization` header holds. */
  readonly identify: (authorization: string | undefined) => string | undefined;
  readonly alerts: AlertRoutes;
  readonly health: HealthRoutes;
  readonly runs: RunStore;
  readonly nodes: NodeRegistry;
  readonly feed: LiveFeed;
  readonly responding: RespondingRoutes;
  readonly playbooks: PlaybookRoutes;
  readonly audit: Pick<AuditLog, 'read'>;
  readonly destinations: DestinationRoutes;
  readonly evidence: EvidenceRoutes;
  /** `undefined`: rules and playbooks come from files. */
  readonly sync: SyncRoutes | undefined;
  readonly filesAt: FilesAt;
  readonly answers: AnswerRoutes;
  readonly hooks: HookSettings;
  readonly silences: SilenceRoutes;
  readonly status: () => object;
  readonly failed: (error: Error) => void;
};

/** The HTTP side as one function of a request; everything below /api needs the token. */
export function makeApp(parts: AppParts): Hono {
  const app = new Hono();
  app.use('/api/*', requireToken(parts.identify));
  app.route('/api/alerts', alertRoutes(parts.alerts));
  app.route('/api/runs', runRoutes(parts.runs));
  app.route('/api/playbooks', playbookRoutes(parts.playbooks));
  app.route('/api/audit', auditRoutes(parts.audit));
  app.route('/api/responding', respondingRoutes(parts.responding));
  app.route('/api/destinations', destinationRoutes(parts.destinations));
  app.route('/api/dead-letters', deadLetterRoutes(parts.destinations));
  app.route('/api/evidence', evidenceRoutes(parts.evidence));
  app.route('/api/events', liveRoutes(parts.feed));
  app.get('/api/nodes', async (context) => context.json({ nodes: await parts.nodes.all() }));
  app.get('/api/status', (context) => context.json(parts.status()));
  app.route('/api/sync/rules', ruleRoutes(parts.filesAt));
  if (parts.sync !== undefined) {
    app.route('/api/sync', syncRoutes(parts.sync));
    app.route('/hooks', hookRoutes(parts.sync));
  }
  app.route('/api/approvals', approvalRoutes(parts.answers));
  app.route('/api/pages', pageRoutes(parts.answers));
  app.route('/api/silences', silenceRoutes(parts.silences));
  app.route('/answer', answerRoutes(parts.answers));
  app.route('/hooks', peopleHookRoutes(parts.hooks, parts.answers));
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
