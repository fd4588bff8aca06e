import { createHmac } from 'node:crypto';
import type { Hono, MiddlewareHandler } from 'hono';
import * as z from 'zod';
import type { PageVerb } from '../people/escalation.ts';
import type { AnswerRoutes } from './answer-routes.ts';
import { type HookSettings, isSame, parseJson } from './people-hook-routes.ts';

const text = z.string().max(1_024);

/** A V3 webhook of PagerDuty, what we look at. */
const pagerdutySchema = z.object({
  event: z.object({
    event_type: text,
    occurred_at: z.iso.datetime({ offset: true }),
    agent: z.object({ summary: text.nullish() }).nullish(),
    data: z.object({ incident_key: text.nullish() }),
  }),
});
/** What Opsgenie's webhook integration sends. `updatedAt` is in nanoseconds, or in milliseconds. */
const opsgenieSchema = z.object({
  action: text,
  alert: z.object({ alias: text.nullish(), username: text.nullish(), updatedAt: z.number().nullish() }),
});

const pagerdutyVerbs: ReadonlyMap<string, PageVerb> = new Map(
  Object.entries({
    'incident.acknowledged': 'acknowledge',
    'incident.resolved': 'resolve',
  } as const),
);
const opsgenieVerbs: ReadonlyMap<string, PageVerb> = new Map(
  Object.entries({ Acknowledge: 'acknowledge', Close: 'resolve' } as const),
);

/**
 * `POST /hooks/pagerduty`, signed by PagerDuty, and `POST /hooks/opsgenie`, with our token: what was acknowledged or resolved
 * there. Whatever else they tell is taken and forgotten: they would send it again and again.
 */
export function pagerHooks(
  app: Hono,
  limited: MiddlewareHandler,
  { pagerdutySecret, opsgenieToken }: HookSettings,
  { pages, refused }: Pick<AnswerRoutes, 'pages' | 'refused'>,
): void {
  app.post('/pagerduty', limited, async (context) => {
    const secret = pagerdutySecret();
    if (secret === undefined) return context.json({ error: 'no word of PagerDuty is expected here' }, 404);
    const body = await context.req.text();
    const wanted = `v1=${createHmac('sha256', secret).update(body).digest('hex')}`;
    // While a secret is changed, there is one for each.
    const given = (context.req.header('x-pagerduty-signature') ?? '').split(',').slice(0, 8);
    if (!given.some((one) => isSame(one.trim(), wanted))) {
      refused('pagerduty', 'signature');
      return context.json({ error: 'the signature is wrong' }, 401);
    }
    const read = pagerdutySchema.safeParse(parseJson(body));
    const { event } = read.success ? read.data : {};
    const verb = pagerdutyVerbs.get(event?.event_type ?? '');
    const key = event?.data.incident_key;
    if (event !== undefined && verb !== undefined && typeof key === 'string') {
      const who = { person: event.agent?.summary ?? 'somebody', way: 'pagerduty' };
      await pages.answer({ key }, verb, who, Date.parse(event.occurred_at));
    }
    return context.body(null, 202);
  });
  app.post('/opsgenie', limited, async (context) => {
    const token = opsgenieToken();
    if (token === undefined) return context.json({ error: 'no word of Opsgenie is expected here' }, 404);
    if (!isSame(context.req.header('authorization') ?? '', `Bearer ${token}`)) {
      refused('opsgenie', 'signature');
      return context.json({ error: 'expected the header `Authorization: Bearer TOKEN`' }, 401);
    }
    const read = opsgenieSchema.safeParse(parseJson(await context.req.text()));
    const verb = read.success ? opsgenieVerbs.get(read.data.action) : undefined;
    const { alias, username, updatedAt } = read.success ? read.data.alert : {};
    if (verb !== undefined && typeof alias === 'string') {
      const sinceMs = typeof updatedAt === 'number' ? (updatedAt > 1e15 ? updatedAt / 1e6 : updatedAt) : undefined;
      await pages.answer({ key: alias }, verb, { person: username ?? 'somebody', way: 'opsgenie' }, sinceMs);
    }
    return context.body(null, 202);
  });
}
