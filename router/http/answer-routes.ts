import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { plainHtml } from '../actions/chat/said.ts';
import { visibleText } from '../clients/visible.ts';
import type { Acted, Answers, Described, Verb } from '../people/answers.ts';
import type { ApprovalRecord } from '../people/approvals.ts';
import type { Links } from '../people/links.ts';
import type { PageDesk } from '../people/pages.ts';

export type AnswerRoutes = {
  readonly answers: Answers;
  readonly open: () => Promise<readonly ApprovalRecord[]>;
  readonly pages: Pick<PageDesk, 'open' | 'answer'>;
  readonly links: Links;
  /** Whose token an `Authorization` header holds. */
  readonly identify: (authorization: string | undefined) => string | undefined;
  readonly refused: (way: string, reason: string) => void;
  readonly nowMs: () => number;
};

const MOST_BYTES = 16 * 1_024;

/** Nothing is loaded, nothing is run, nobody frames it, and no other page learns its address. */
const headers = {
  'Content-Security-Policy': "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  // Not `no-referrer`: browsers would send `Origin: null` with our own form then.
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

const words: Readonly<Record<Verb, string>> = {
  approve: 'Approve',
  deny: 'Deny',
  acknowledge: 'Acknowledge',
  resolve: 'Resolve',
};

export const statuses = { taken: 200, over: 409, refused: 403, unknown: 404 } as const satisfies Record<
  Acted['kind'],
  number
>;

/**
 * `GET /answer/TOKEN` only shows what is asked: previews of messages and scanners of mails fetch links. `POST` answers, and
 * only for who has read the page.
 */
export function answerRoutes({ answers, links, identify, refused, nowMs }: AnswerRoutes): Hono {
  const app = new Hono();
  const show = (context: Context, status: 200 | 403 | 404 | 409 | 410 | 413, title: string, body = '') =>
    context.html(pageOf(title, body), status, headers);
  /** What the link is about, or the answer to whom has none of ours. */
  const read = (context: Context) => {
    const link = links.read(context.req.param('token') ?? '', nowMs());
    if (link === undefined) {
      refused('link', 'signature');
      return show(context, 404, 'This link is none of ours.');
    }
    if (!link.isExpired) return link.ask;
    refused('link', 'expired');
    return show(context, 410, 'The time of this link is over.');
  };
  app.get('/:token', async (context) => {
    const ask = read(context);
    if (ask instanceof Response) return ask;
    const described = await answers.describe(ask);
    if (described === undefined) return show(context, 404, 'This is not known any more.');
    const confirmation = links.confirmation(context.req.param('token'));
    return show(context, 200, described.title, formOf(described, ask.person, confirmation));
  });
  const tooLarge = bodyLimit({ maxSize: MOST_BYTES, onError: (context) => show(context, 413, 'Too large.') });
  app.post('/:token', tooLarge, async (context) => {
    const ask = read(context);
    if (ask instanceof Response) return ask;
    const form = new URLSearchParams(await context.req.text());
    const verb = verbOf(form.get('answer'));
    const isOurs = isFromOurPage(context) && links.isConfirmed(context.req.param('token'), form.get('confirm') ?? '');
    if (!isOurs || verb === undefined) {
      refused('link', 'forgery');
      return show(context, 403, 'This answer does not come from our page. Open the link again.');
    }
    const person = ask.person ?? identify(`Bearer ${form.get('token') ?? ''}`);
    if (person === undefined) {
      refused('link', 'person');
      return show(context, 403, 'Nobody has this token. Open the link again.');
    }
    const { kind, said } = await answers.act(ask, verb, { person, way: ask.way });
    if (kind !== 'taken') refused('link', kind);
    return show(context, statuses[kind], kind === 'taken' ? 'Thank you.' : 'Nothing was changed.', paragraphs([said]));
  });
  return app;
}

/** What browsers say of where a form came from; those that say nothing cannot have our page's confirmation either. */
function isFromOurPage({ req }: Context): boolean {
  const site = req.header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = req.header('origin');
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === req.header('host'));
}

function verbOf(text: string | null): Verb | undefined {
  return text === 'approve' || text === 'deny' || text === 'acknowledge' || text === 'resolve' ? text : undefined;
}

/** What alerts say comes from strangers. */
const shown = (text: string): string => plainHtml(visibleText(text)).replaceAll('"', '&quot;');
const paragraphs = (lines: readonly string[]): string => lines.map((line) => `<p>${shown(line)}</p>`).join('');

function formOf({ lines, verbs }: Described, person: string | undefined, confirmation: string): string {
  if (verbs.length === 0) return paragraphs(lines);
  const buttons = verbs.map((verb) => `<button name="answer" value="${verb}">${words[verb]}</button>`).join(' ');
  const who =
    person === undefined
      ? '<p><label>Your token <input name="token" type="password" autocomplete="off" required></label></p>'
      : `<p>You answer as ${shown(person)}.</p>`;
  return `${paragraphs(lines)}<form method="post"><input type="hidden" name="confirm" value="${confirmation}">${who}<p>${buttons}</p></form>`;
}

function pageOf(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>Lanner</title></head><body><h1>${shown(title)}</h1>${body}</body></html>\n`;
}
