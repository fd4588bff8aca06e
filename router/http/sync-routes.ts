import { createHmac, timingSafeEqual } from 'node:crypto';
import { Hono } from 'hono';
import * as z from 'zod';

type Answer = { readonly status: string; readonly commit: string | undefined; readonly problems?: readonly string[] };

type Files = readonly { readonly path: string; readonly text: string }[];

/** What agents get of a commit, or out of files by their hash; `undefined`: it is not known. */
export type FilesAt = (
  commit: string,
) => Promise<{ readonly rules: Files; readonly playbooks?: Files | undefined } | undefined>;

export type SyncRoutes = {
  readonly run: (wish: {
    readonly kind: 'push' | 'person';
    readonly by: string;
    readonly to?: string | undefined;
  }) => Promise<Answer>;
  readonly status: () => Promise<object>;
  /** What pushes are signed with; `undefined`: none are taken. Read each time, since it may be changed. */
  readonly webhookSecret: () => string | undefined;
};

const MOST_BYTES = 16 * 1024;
/** What git hosts send with a push of many commits. */
const MOST_HOOK_BYTES = 5 * 1024 * 1024;

const wishSchema = z.strictObject({
  by: z.string().min(1).max(253),
  to: z
    .string()
    .regex(/^[0-9a-f]{7,64}$/)
    .optional(),
});

/** `GET /api/sync`: which commit is used, and what the last look found; `POST`: look now, or use this commit. */
export function syncRoutes({ run, status }: SyncRoutes): Hono {
  const app = new Hono();
  app.get('/', async (context) => context.json(await status()));
  app.post('/', async (context) => {
    const text = await context.req.text();
    const read = wishSchema.safeParse(text.length > MOST_BYTES ? undefined : parseJson(text));
    if (!read.success) return context.json({ error: 'expected {"by": "…"}, or {"by": "…", "to": "COMMIT"}' }, 400);
    const result = await run({ kind: 'person', ...read.data });
    return context.json(result, result.status === 'refused' ? 409 : 200);
  });
  return app;
}

/** `GET /rules/COMMIT`: its files of rules and playbooks. */
export function ruleRoutes(filesAt: FilesAt): Hono {
  const app = new Hono();
  app.get('/:commit{[0-9a-f]{40,64}}', async (context) => {
    const commit = context.req.param('commit');
    const found = await filesAt(commit);
    if (found === undefined) return context.json({ error: `commit ${commit} is not known` }, 404);
    const { rules: files, playbooks } = found;
    return context.json({ commit, files, ...(playbooks && { playbooks }) });
  });
  return app;
}

/** `POST /hooks/git`: a push, signed as GitHub, Gitea and Forgejo do it, or with GitLab's token. Nothing in it is believed but that it is time to look. */
export function hookRoutes({ run, webhookSecret }: SyncRoutes): Hono {
  const app = new Hono();
  app.post('/git', async (context) => {
    const secret = webhookSecret();
    if (secret === undefined) return context.json({ error: 'no push is expected here' }, 404);
    const length = Number(context.req.header('content-length'));
    if (!(length <= MOST_HOOK_BYTES)) return context.json({ error: 'expected a push' }, 413);
    const body = Buffer.from(await context.req.arrayBuffer());
    const signature = context.req.header('x-hub-signature-256') ?? context.req.header('x-gitea-signature');
    const wanted = createHmac('sha256', secret).update(body).digest('hex');
    const isSigned = signature !== undefined && isSame(signature.replace(/^sha256=/, ''), wanted);
    const token = context.req.header('x-gitlab-token');
    if (!isSigned && !(token !== undefined && isSame(token, secret)))
      return context.json({ error: 'the signature is wrong' }, 401);
    const result = await run({ kind: 'push', by: 'push' });
    return context.json({ status: result.status, commit: result.commit }, 202);
  });
  return app;
}

function isSame(given: string, wanted: string): boolean {
  // Of the same length whatever was given.
  const digest = (text: string): Buffer => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it
  }
}
