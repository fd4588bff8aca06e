import { Hono } from 'hono';
import * as z from 'zod';
import type { DeadFilter } from '../queue/deliveries.ts';
import type { DestinationState, Outward } from '../queue/outward.ts';
import type { ActionResult } from '../runs/action.ts';
import type { AuditEntry } from '../runs/ports.ts';
import { readCount } from './count.ts';
import type { Readiness } from './health-routes.ts';
import type { Metrics } from './metrics.ts';

export type DestinationRoutes = Pick<Outward, 'names' | 'states' | 'test' | 'deadLetters' | 'replay' | 'purge'> & {
  readonly audit: (entry: AuditEntry) => Promise<unknown>;
};

const by = z.string().max(256).default('');
const askedSchema = z.strictObject({ by });
const chosenSchema = z
  .strictObject({
    by,
    destination: z.string().max(64).optional(),
    id: z.string().max(64).optional(),
    /** Those that died since: milliseconds since the epoch. */
    since_ms: z.int().min(0).optional(),
    all: z.literal(true).optional(),
  })
  .refine(
    ({ id, since_ms, all }) => [id, since_ms, all].filter((one) => one !== undefined).length === 1,
    'expected one of id, since_ms and all',
  );

/** `GET /api/destinations`: how each does. `POST /api/destinations/NAME/test`: a message that says it is a test. */
export function destinationRoutes({ states, test, audit }: DestinationRoutes): Hono {
  const app = new Hono();
  app.get('/', async (context) => context.json({ destinations: (await states()).map(shown) }));
  app.post('/:name/test', async (context) => {
    const name = context.req.param('name');
    const asked = askedSchema.safeParse(await context.req.json().catch(() => ({})));
    if (!asked.success) return context.json({ error: 'expected an object with by' }, 400);
    await audit({ kind: 'destination_tested', destination: name, by: asked.data.by });
    const result = await test(name, asked.data.by);
    if (result === undefined) return context.json({ error: `there is no destination ${name}` }, 404);
    return context.json({ destination: name, ok: result.status === 'done', detail: detailOf(result) });
  });
  return app;
}

/**
 * `GET /api/dead-letters?destination=NAME&limit=N`: messages that were given up, the latest first. `POST …/replay` and
 * `…/purge` with `{id}`, `{since_ms}` or `{all: true}`, and maybe `destination`: try them again, forget them.
 */
export function deadLetterRoutes({ names, deadLetters, replay, purge, audit }: DestinationRoutes): Hono {
  const app = new Hono();
  app.get('/', async (context) => {
    const { destination, limit, id } = context.req.query();
    return context.json({ dead_letters: await deadLetters({ destination, id }, readCount(limit)) });
  });
  const choose = (how: 'replay' | 'purge', act: (filter: DeadFilter) => Promise<number>) =>
    app.post(`/${how}`, async (context) => {
      const read = chosenSchema.safeParse(await context.req.json().catch(() => undefined));
      if (!read.success) return context.json({ error: read.error.issues[0]?.message ?? 'wrong' }, 400);
      const { destination, id, since_ms: sinceMs, by: who } = read.data;
      if (destination !== undefined && !names.includes(destination))
        return context.json({ error: `there is no destination ${destination}` }, 404);
      // Written down first: that nobody does it without a trace.
      await audit({ kind: `dead_letters_${how}`, by: who, destination, id, since_ms: sinceMs });
      return context.json({ count: await act({ destination, id, sinceMs }) });
    });
  choose('replay', replay);
  choose('purge', purge);
  return app;
}

function detailOf(result: ActionResult): string {
  return result.status === 'failed' ? result.reason : result.detail;
}

function shown(state: DestinationState) {
  const { name, kind, isWell, waiting, active, dead, gathered, sent, failures, failuresInARow } = state;
  const time = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    name,
    kind,
    ok: isWell,
    waiting,
    active,
    dead,
    gathered,
    sent,
    failures,
    failures_in_a_row: failuresInARow,
    closed_until: isWell ? null : time(state.closedUntilMs),
    last_sent: time(state.lastSentMs),
    last_failure: time(state.lastFailureMs),
    last_failure_reason: state.lastFailure ?? null,
  };
}

/** A part of `/readyz`: it is told, but a destination that is away makes no router unready. */
export function describeDestination(state: DestinationState): readonly [string, Readiness['parts'][string]] {
  const { name, isWell, waiting, dead, lastFailure } = state;
  const said = isWell ? 'takes messages' : `does not: ${lastFailure ?? 'unknown'}`;
  return [`destination ${name}`, { ok: isWell, detail: `${said}; ${waiting} waiting, ${dead} dead` }];
}

export function measureDestination(state: DestinationState, metrics: Metrics): void {
  const { name: destination, isWell } = state;
  metrics.destinationUp.set({ destination }, isWell ? 1 : 0);
  for (const key of ['waiting', 'active', 'dead', 'gathered'] as const)
    metrics.destinationMessages.set({ destination, state: key }, state[key]);
}
