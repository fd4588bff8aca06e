import { Hono } from 'hono';
import * as z from 'zod';
import type { Stop } from '#playbooks/command';

export type RespondingRoutes = {
  readonly current: () => Stop | undefined;
  readonly set: (stop: Stop | undefined) => Promise<void>;
  readonly connected: () => number;
  readonly nowMs: () => number;
};

const wordSchema = z.discriminatedUnion('stopped', [
  z.strictObject({
    stopped: z.literal(true),
    reason: z.string().min(1).max(1_024),
    by: z.string().min(1).max(253),
  }),
  z.strictObject({ stopped: z.literal(false) }),
]);

const MOST_BYTES = 16 * 1_024;

/** `GET /api/responding`, and `PUT` with `{stopped, reason, by}`: the off switch of all nodes. */
export function respondingRoutes({ current, set, connected, nowMs }: RespondingRoutes): Hono {
  const app = new Hono();
  const answer = () => ({ stop: current() ?? null, nodes_connected: connected() });
  app.get('/', (context) => context.json(answer()));
  app.put('/', async (context) => {
    const text = await context.req.text();
    const read = wordSchema.safeParse(text.length > MOST_BYTES ? undefined : parseJson(text));
    if (!read.success) return context.json({ error: 'expected {"stopped": true, "reason": "…", "by": "…"}' }, 400);
    const word = read.data;
    await set(word.stopped ? { since_ms: nowMs(), reason: word.reason, by: word.by } : undefined);
    return context.json(answer());
  });
  return app;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it
  }
}
