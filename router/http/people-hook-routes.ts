import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import type { Verb } from '../people/answers.ts';
import type { AnswerRoutes } from './answer-routes.ts';
import { pagerHooks } from './pager-hooks.ts';

/** Of a service that answers by itself; `undefined`: its answers are not taken. Secrets are read each time. */
export type HookSettings = {
  readonly slackSecret: () => string | undefined;
  readonly pagerdutySecret: () => string | undefined;
  readonly opsgenieToken: () => string | undefined;
  /** A person by the member ID of Slack. */
  readonly bySlack: (member: string) => string | undefined;
  /** Tells the person who pressed a button what came of it. */
  readonly reply: (url: string, text: string) => void;
};

const MOST_BYTES = 1024 * 1024;
/** As Slack's documentation wants it: older requests are repeats. */
const SLACK_WINDOW_S = 300;

const verbs: ReadonlyMap<string, Verb> = new Map(
  Object.entries({
    lanner_approve: 'approve',
    lanner_deny: 'deny',
    lanner_acknowledge: 'acknowledge',
    lanner_resolve: 'resolve',
  } as const),
);

/** Of an interaction payload, what we look at. */
const interactionSchema = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string() }),
  response_url: z.string().optional(),
  actions: z.array(z.object({ action_id: z.string(), value: z.string().optional() })).min(1),
});

/** `POST /hooks/slack`: a button in Slack, signed by Slack. */
export function peopleHookRoutes(
  settings: HookSettings,
  { answers, pages, links, refused, nowMs }: AnswerRoutes,
): Hono {
  const app = new Hono();
  const limited = bodyLimit({ maxSize: MOST_BYTES, onError: (context) => context.json({ error: 'too large' }, 413) });
  const refuse = (context: Context, way: string, reason: string, error: string) => {
    refused(way, reason);
    return context.json({ error }, 401);
  };
  app.post('/slack', limited, async (context) => {
    const secret = settings.slackSecret();
    if (secret === undefined) return context.json({ error: 'no button of Slack is expected here' }, 404);
    const body = await context.req.text();
    const stamp = context.req.header('x-slack-request-timestamp') ?? '';
    const wanted = `v0=${createHmac('sha256', secret).update(`v0:${stamp}:${body}`).digest('hex')}`;
    if (!isSame(context.req.header('x-slack-signature') ?? '', wanted))
      return refuse(context, 'slack', 'signature', 'the signature is wrong');
    if (!/^\d{1,12}$/.test(stamp) || Math.abs(nowMs() / 1_000 - Number(stamp)) > SLACK_WINDOW_S)
      return refuse(context, 'slack', 'expired', 'the request is too old');
    const read = interactionSchema.safeParse(parseJson(new URLSearchParams(body).get('payload') ?? ''));
    const [action] = read.success ? read.data.actions : [];
    const verb = verbs.get(action?.action_id ?? '');
    // Buttons that only open a link are told of as well.
    if (!read.success || action === undefined || verb === undefined) return context.body(null, 200);
    const said = await press(read.data.user.id, action.value ?? '', verb);
    if (read.data.response_url !== undefined) settings.reply(read.data.response_url, said);
    return context.body(null, 200);
  });
  pagerHooks(app, limited, settings, { pages, refused });
  const press = async (member: string, token: string, verb: Verb): Promise<string> => {
    const link = links.read(token, nowMs());
    if (link === undefined || link.isExpired) {
      refused('slack', link === undefined ? 'forgery' : 'expired');
      return link === undefined ? 'This button is none of ours.' : 'The time of this button is over.';
    }
    const person = settings.bySlack(member);
    if (person === undefined) {
      refused('slack', 'person');
      return 'Nobody in the configuration of Lanner has this Slack account.';
    }
    const { kind, said } = await answers.act(link.ask, verb, { person, way: link.ask.way });
    if (kind !== 'taken') refused('slack', kind);
    return said;
  };
  return app;
}

/** Of the same length whatever was given. */
export function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it
  }
}
