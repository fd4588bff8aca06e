import { Hono } from 'hono';
import * as z from 'zod';
import { OPERATOR } from '../config/people-settings.ts';
import type { PageRecord, PageVerb } from '../people/escalation.ts';
import { type AnswerRoutes, statuses } from './answer-routes.ts';
import type { Known } from './auth.ts';

const saidSchema = z.strictObject({ by: z.string().max(256).default('') });

/** `GET /api/pages`: pages with `ack_within` that nobody has resolved. `POST /api/pages/ID/acknowledge` and `…/resolve`. */
export function pageRoutes({ answers, pages }: AnswerRoutes): Hono<Known> {
  const app = new Hono<Known>();
  app.get('/', async (context) => context.json({ pages: (await pages.open()).map(shown) }));
  const answer = (verb: PageVerb) =>
    app.post(`/:id{p[0-9a-f]{23}}/${verb}`, async (context) => {
      const read = saidSchema.safeParse(await context.req.json().catch(() => ({})));
      if (!read.success) return context.json({ error: 'expected an object with by' }, 400);
      const person = context.get('person');
      const who = { person, way: 'console', ...(person === OPERATOR && { said: read.data.by }) };
      const { kind, said } = await answers.act({ kind: 'page', id: context.req.param('id') }, verb, who);
      return kind === 'taken' ? context.json({ said }) : context.json({ error: said }, statuses[kind]);
    });
  answer('acknowledge');
  answer('resolve');
  return app;
}

function shown({ id, key, alert, alertId, playbook, targets, at, startedMs, ackWithinMs, state, by, way }: PageRecord) {
  const nextMs = state === 'open' ? startedMs + ackWithinMs * (at + 1) : undefined;
  return {
    ...{ id, key, playbook, state, by, way },
    alert: { id: alertId, rule: alert.rule, priority: alert.priority, output: alert.output },
    told: targets.slice(0, at + 1),
    next: targets[at + 1] ?? null,
    next_at: nextMs === undefined ? null : new Date(nextMs).toISOString(),
    started: new Date(startedMs).toISOString(),
  };
}
