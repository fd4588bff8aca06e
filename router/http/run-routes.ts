import { Hono } from 'hono';
import type { RunStore } from '../store/runs.ts';
import { readCount } from './count.ts';

/** `GET /api/runs?limit=N` and `GET /api/runs/ID`: journals of runs, the latest first. */
export function runRoutes(runs: RunStore): Hono {
  const app = new Hono();
  app.get('/', async (context) => context.json({ runs: await runs.latest(readCount(context.req.query('limit'))) }));
  app.get('/:id', async (context) => {
    const id = context.req.param('id');
    const run = /^r[0-9a-f]{31}$/.test(id) ? await runs.load(id) : undefined;
    return run === undefined
      ? context.json({ error: 'there is no such run; it may be older than what is kept' }, 404)
      : context.json(run);
  });
  return app;
}
