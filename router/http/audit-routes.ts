import { Hono } from 'hono';
import type { AuditLog } from '../store/audit.ts';

const MOST_LINES = 1_000;

/** `GET /api/audit?after=N`: lines of the audit log after number N, the oldest first; the next page begins after the last. */
export function auditRoutes(audit: Pick<AuditLog, 'read'>): Hono {
  const app = new Hono();
  app.get('/', async (context) => {
    const after = context.req.query('after') ?? '0';
    if (!/^\d{1,15}$/.test(after)) return context.json({ error: 'after: expected a number' }, 400);
    const lines = await audit.read(Number(after), MOST_LINES);
    return context.body(lines.map((line) => `${line}\n`).join(''), 200, { 'content-type': 'application/x-ndjson' });
  });
  return app;
}
