import { Hono } from 'hono';
import * as z from 'zod';
import { OPERATOR } from '../config/people-settings.ts';
import type { Verb } from '../people/answers.ts';
import type { ApprovalRecord } from '../people/approvals.ts';
import { type AnswerRoutes, statuses } from './answer-routes.ts';
import type { Known } from './auth.ts';

const saidSchema = z.strictObject({ by: z.string().max(256).default('') });

/** `GET /api/approvals`: what waits for an answer. `POST /api/approvals/ID/approve` and `…/deny`: by whose token it is. */
export function approvalRoutes({ answers, open }: AnswerRoutes): Hono<Known> {
  const app = new Hono<Known>();
  app.get('/', async (context) => context.json({ approvals: (await open()).map(shown) }));
  const answer = (verb: Extract<Verb, 'approve' | 'deny'>) =>
    app.post(`/:id{a[0-9a-f]{23}}/${verb}`, async (context) => {
      const read = saidSchema.safeParse(await context.req.json().catch(() => ({})));
      if (!read.success) return context.json({ error: 'expected an object with by' }, 400);
      const person = context.get('person');
      const who = { person, way: 'console', ...(person === OPERATOR && { said: read.data.by }) };
      const { kind, said } = await answers.act({ kind: 'approval', id: context.req.param('id') }, verb, who);
      return kind === 'taken' ? context.json({ said }) : context.json({ error: said }, statuses[kind]);
    });
  answer('approve');
  answer('deny');
  return app;
}

function shown({ id, run, playbook, step, uses, params, alert, alertId, approve, askedMs, untilMs }: ApprovalRecord) {
  const { via, by, otherwise } = approve;
  return {
    ...{ id, run, playbook, step, uses, params, via, by, otherwise },
    alert: { id: alertId, rule: alert.rule, priority: alert.priority, output: alert.output },
    asked: new Date(askedMs).toISOString(),
    until: new Date(untilMs).toISOString(),
  };
}
