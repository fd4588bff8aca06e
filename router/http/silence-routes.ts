import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { duration, instant } from '#playbooks/language/duration';
import type { AuditEntry } from '../runs/ports.ts';
import type { KeptSilence, Silences } from '../store/silences.ts';
import type { Known } from './auth.ts';

export type SilenceRoutes = {
  readonly silences: Pick<Silences, 'add' | 'end' | 'list'>;
  /** Whether this person may silence alerts. */
  readonly maySilence: (person: string) => boolean;
  readonly audit: (entry: AuditEntry) => Promise<unknown>;
  readonly nowMs: () => number;
};

const MOST_BYTES = 128 * 1_024;
/** A silence is no way to switch a rule off. */
const MOST_MS = 366 * 86_400_000;

const said = z.string().max(256).default('');
const addSchema = z
  .strictObject({
    condition: z.string().min(1).max(65_536),
    playbooks: z.array(z.string().min(1).max(63)).min(1).max(256).optional(),
    from: instant.optional(),
    until: instant.optional(),
    for: duration(1_000, MOST_MS).optional(),
    reason: z.string().min(1).max(1_024),
    by: said,
  })
  .refine((read) => (read.until === undefined) !== (read.for === undefined), 'expected either until or for');

/** `GET /api/silences`, `POST /api/silences` with `{condition, for | until, reason}` and maybe `from` and `playbooks`, `POST /api/silences/ID/end`. */
export function silenceRoutes({ silences, maySilence, audit, nowMs }: SilenceRoutes): Hono<Known> {
  const app = new Hono<Known>();
  const by = (person: string, word: string): string => (word === '' ? person : `${person} (${word})`);
  app.get('/', async (context) =>
    context.json({ silences: (await silences.list()).map((one) => ({ ...shown(one, nowMs()), hidden: one.hidden })) }),
  );
  app.use(async (context, next) => {
    const person = context.get('person');
    if (context.req.method === 'GET' || maySilence(person)) return next();
    return context.json({ error: `${person} may not silence alerts; \`silences.by\` names the groups that may` }, 403);
  });
  const limited = bodyLimit({ maxSize: MOST_BYTES, onError: (context) => context.json({ error: 'too large' }, 413) });
  app.post('/', limited, async (context) => {
    const read = addSchema.safeParse(await context.req.json().catch(() => undefined));
    if (!read.success) {
      const [issue] = read.error.issues;
      return context.json({ error: `${issue?.path.join('.') || 'silence'}: ${issue?.message}` }, 400);
    }
    const { condition, playbooks, from: from_ms = nowMs(), until, for: forMs = 0, reason } = read.data;
    const until_ms = until ?? from_ms + forMs;
    if (until_ms <= Math.max(from_ms, nowMs()) || until_ms > nowMs() + MOST_MS)
      return context.json({ error: 'until: expected a time after from, within a year' }, 400);
    const author = by(context.get('person'), read.data.by);
    const about = { condition, ...(playbooks && { playbooks }), from_ms, until_ms, by: author, reason };
    const result = await silences.add(about);
    if ('wrong' in result) return context.json({ error: result.wrong }, 400);
    await audit({ kind: 'silence_added', silence: result.added.id, ...about });
    return context.json(shown(result.added, nowMs()), 201);
  });
  app.post('/:id{s[0-9a-f]{12}}/end', limited, async (context) => {
    const read = z.strictObject({ by: said }).safeParse(await context.req.json().catch(() => ({})));
    if (!read.success) return context.json({ error: 'expected an object with by' }, 400);
    const id = context.req.param('id');
    // Written down first: that nobody does it without a trace.
    await audit({ kind: 'silence_ended', silence: id, by: by(context.get('person'), read.data.by) });
    const ended = await silences.end(id, nowMs());
    return ended === undefined
      ? context.json({ error: `there is no silence ${id}` }, 404)
      : context.json(shown(ended, nowMs()));
  });
  return app;
}

function shown({ id, condition, playbooks, from_ms, until_ms, by, reason }: KeptSilence, nowMs: number) {
  return {
    ...{ id, condition, playbooks: playbooks ?? null, by, reason },
    from: new Date(from_ms).toISOString(),
    until: new Date(until_ms).toISOString(),
    state: nowMs >= until_ms ? 'ended' : nowMs < from_ms ? 'planned' : 'active',
  };
}
