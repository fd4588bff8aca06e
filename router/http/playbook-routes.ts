import { Hono } from 'hono';
import type { Playbook } from '#playbooks/language/playbook';
import type { RunMode } from '#playbooks/language/run';

/** `GET /api/playbooks`: what is loaded, and whether each acts or only says what it would do. */
export function playbookRoutes(playbooks: () => readonly Playbook[], mode: RunMode): Hono {
  const app = new Hono();
  app.get('/', (context) =>
    context.json({
      playbooks: playbooks().map(({ name, description, mode: own, path, on, steps }) => ({
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
        },
        steps: steps.map(({ id, uses, timeoutMs, retry, onError }) => ({
          id,
          uses,
          timeout_ms: timeoutMs,
          attempts: retry.attempts,
          on_error: onError,
        })),
      })),
    }),
  );
  return app;
}
