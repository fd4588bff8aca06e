import { Hono } from 'hono';
import * as z from 'zod';
import { actionSteps, type Playbook } from '#playbooks/language/playbook';
import type { RunMode } from '#playbooks/language/run';
import type { Alert } from '#rules/alert';
import { readAlerts } from '../ingest/read-alerts.ts';
import type { DryRun } from '../runs/dry-run.ts';
import type { AuditEntry } from '../runs/ports.ts';
import type { Gates } from '../store/gates.ts';

export type PlaybookRoutes = {
  readonly playbooks: () => readonly Playbook[];
  /** Of those that do not say it themselves. */
  readonly mode: RunMode;
  readonly gates: Pick<Gates, 'stopped' | 'resume'>;
  readonly audit: (entry: AuditEntry) => Promise<unknown>;
  /** What the playbook would do about the alert, if it started. */
  readonly dryRun: (playbook: Playbook, alert: Alert) => Promise<DryRun>;
};

const resumeSchema = z.strictObject({ by: z.string().max(256).default(''), reason: z.string().max(4_096).default('') });

/**
 * `GET /api/playbooks`: what is loaded, whether each acts or only says what it would do, and which has stopped itself.
 * `POST /api/playbooks/NAME/resume`: a person has looked, and it may go on.
 * `POST /api/playbooks/NAME/dry-run`: what it would do about the alert in the body; nothing is done or remembered.
 */
export function playbookRoutes({ playbooks, mode, gates, audit, dryRun }: PlaybookRoutes): Hono {
  const app = new Hono();
  app.get('/', async (context) => {
    const all = playbooks();
    const stopped = await Promise.all(all.map(({ name, mode: own }) => gates.stopped(name, own ?? mode)));
    return context.json({
      playbooks: all.map((playbook, index) => ({ ...describe(playbook, mode), stopped: stopped[index] ?? null })),
    });
  });
  app.post('/:name/resume', async (context) => {
    const name = context.req.param('name');
    const playbook = playbooks().find((one) => one.name === name);
    if (playbook === undefined) return context.json({ error: `there is no playbook ${name}` }, 404);
    const body: unknown = await context.req.json().catch(() => ({}));
    const read = resumeSchema.safeParse(body);
    if (!read.success) return context.json({ error: 'expected an object with by and reason' }, 400);
    const own = playbook.mode ?? mode;
    // Written down first: that nobody resumes it without a trace.
    await audit({ kind: 'playbook_resumed', playbook: name, mode: own, ...read.data });
    return context.json({ playbook: name, had_stopped: await gates.resume(name, own) });
  });
  app.post('/:name/dry-run', async (context) => {
    const name = context.req.param('name');
    const playbook = playbooks().find((one) => one.name === name);
    if (playbook === undefined) return context.json({ error: `there is no playbook ${name}` }, 404);
    const read = readAlerts(await context.req.text());
    const [alert] = read.ok ? read.alerts : [];
    if (!read.ok) return context.json({ error: read.error }, 400);
    if (alert === undefined || read.alerts.length > 1) return context.json({ error: 'expected one alert' }, 400);
    return context.json(await dryRun(playbook, alert));
  });
  return app;
}

function describe(playbook: Playbook, mode: RunMode): Readonly<Record<string, unknown>> {
  const { name, description, mode: own, path, on } = playbook;
  return {
    name,
    description,
    mode: own ?? mode,
    path,
    on: {
      rules: on.rules,
      tags: on.tags,
      priority: on.priority,
      source: on.source,
      has_condition: on.condition !== undefined,
      memory: on.memory?.kind,
    },
    steps: actionSteps(playbook).map(({ id, uses, timeoutMs, retry, onError }) => ({
      id,
      uses,
      timeout_ms: timeoutMs,
      attempts: retry.attempts,
      on_error: typeof onError === 'string' ? onError : onError.map((remedy) => remedy.id),
    })),
  };
}
