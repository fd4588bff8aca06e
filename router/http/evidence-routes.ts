import { Readable } from 'node:stream';
import { Hono } from 'hono';
import { EVIDENCE_HEADER, EVIDENCE_PART_BYTES, type Evidence, evidenceId, evidenceSchema } from '#playbooks/command';
import type { EvidenceKeeper } from '../nodes/evidence.ts';
import type { AuditEntry } from '../runs/ports.ts';
import type { StoredEvidence } from '../store/evidence.ts';
import { readCount } from './count.ts';
import type { Metrics } from './metrics.ts';

export type EvidenceRoutes = EvidenceKeeper & {
  readonly list: (count: number) => Promise<readonly StoredEvidence[]>;
  readonly audit: (entry: AuditEntry) => Promise<unknown>;
  readonly metrics: Pick<Metrics, 'evidence'>;
};

/**
 * `PUT /api/evidence?from=N`: a part of an archive, by an agent. `GET /api/evidence`: what there is, the latest first;
 * `GET /api/evidence/ID`: an archive.
 */
export function evidenceRoutes({ take, read, list, audit, metrics }: EvidenceRoutes): Hono {
  const app = new Hono();
  app.put('/', async (context) => {
    const evidence = readHeader(context.req.header(EVIDENCE_HEADER));
    const from = /^\d{1,12}$/.exec(context.req.query('from') ?? '')?.[0];
    if (evidence === undefined || from === undefined)
      return context.json({ error: `expected ?from=N and the header ${EVIDENCE_HEADER}` }, 400);
    const length = Number(context.req.header('content-length'));
    if (!(length <= EVIDENCE_PART_BYTES))
      return context.json({ error: `expected a part of at most ${EVIDENCE_PART_BYTES} bytes` }, 413);
    const part = Buffer.from(await context.req.arrayBuffer());
    const taken = await take(evidence, Number(from), part);
    if (taken.status === 'refused') {
      metrics.evidence.inc({ outcome: 'refused' });
      return context.json({ error: taken.reason }, 422);
    }
    if (taken.status === 'later') {
      metrics.evidence.inc({ outcome: 'later' });
      context.header('Retry-After', '5');
      return context.json({ error: taken.reason }, 503);
    }
    const { have, kept } = taken;
    if (kept !== undefined) metrics.evidence.inc({ outcome: 'kept' });
    return context.json({ have, ...(kept !== undefined && { kept }) });
  });
  app.get('/', async (context) => context.json({ evidence: await list(readCount(context.req.query('limit'))) }));
  app.get('/:id', async (context) => {
    const id = evidenceId.safeParse(context.req.param('id'));
    const found = id.success ? await read(id.data) : undefined;
    if (found === undefined) return context.json({ error: 'there is no such evidence' }, 404);
    if (!found.ok) return context.json({ error: found.reason }, 404);
    const { stored, stream } = found;
    await audit({ kind: 'evidence_read', id: stored.id });
    return new Response(Readable.toWeb(stream), {
      headers: {
        'content-type': 'application/zstd',
        'content-length': String(stored.bytes),
        'content-disposition': `attachment; filename="${stored.id}.tar.zst"`,
        'lanner-sha256': stored.sha256,
      },
    });
  });
  return app;
}

function readHeader(text: string | undefined): Evidence | undefined {
  try {
    return evidenceSchema.parse(JSON.parse(Buffer.from(text ?? '', 'base64').toString('utf8')));
  } catch {
    return undefined;
  }
}
