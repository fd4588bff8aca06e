import { createHash } from 'node:crypto';
import * as z from 'zod';
import { makeSmtp, type SmtpServer } from '../clients/smtp.ts';
import { cut, visibleLine, visibleText } from '../clients/visible.ts';
import type { ActionContext, ActionResult } from '../runs/action.ts';
import { defineOutward, destinationName, type SendContext, type Table } from '../runs/outward.ts';
import { plainHtml } from './chat/said.ts';
import { keyFor } from './page/paged.ts';
import { tellOf } from './told.ts';

const SHOWN = 500;

const line = z
  .string()
  .min(1)
  .max(998)
  .regex(/^\P{Cc}*$/u, 'has line ends or control characters');
/** Exactly one mailbox, `ann@example.com` or `Ann <ann@example.com>`: a field's text must not add another. */
const mailbox = line.transform((text, context) => {
  const found = /^(?:([^<>@,;"]*?)\s*<)?([^\s<>()[\],;:"\\@]+@[^\s<>()[\],;:"\\@]+)(>?)$/.exec(text);
  const [, name, address = '', closed] = found ?? [];
  if (found !== null && (name === undefined) === (closed === '')) return { name: name ?? '', address };
  context.addIssue({ code: 'custom', message: 'expected one e-mail address' });
  return z.NEVER;
});
const mailboxes = z.union([mailbox, z.array(mailbox).min(1).max(100)]);

const smtpUrl = z
  .url({ protocol: /^smtps?$/, error: 'expected a URL with smtp or smtps' })
  .refine((url) => URL.canParse(url) && new URL(url).hostname !== '', 'expected a host');

const smtp = makeSmtp();

export const email = defineOutward({
  name: 'email',
  doc: 'Sends an e-mail over SMTP. `smtp` is a URL (smtp://user:password@host:587, smtps:// for TLS from the start), best kept as a secret; or `via` names a destination. Mails about the same rule, node and container are one thread.',
  params: z
    .strictObject({
      via: destinationName.optional(),
      smtp: smtpUrl.optional(),
      from: mailbox.optional(),
      to: mailboxes.optional(),
      subject: z.string().min(1).max(262_144).optional(),
      text: z.string().max(262_144).optional(),
    })
    .superRefine((params, context) => {
      const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
      if (params.via !== undefined) {
        if (params.smtp !== undefined) wrong('smtp', 'belongs to the destination');
        return;
      }
      for (const key of ['smtp', 'from', 'to', 'subject', 'text'] as const)
        if (params[key] === undefined) wrong(key, 'is missing; it may be left out only with via');
    }),
  settings: z.strictObject({
    smtp: smtpUrl,
    from: mailbox,
    to: mailboxes.optional(),
    /** Without TLS from the start, a mail goes only to servers that offer STARTTLS; `if offered` and `never` are for those next door. */
    starttls: z.enum(['required', 'if offered', 'never']).default('required'),
    ca: z.string().optional(),
    dkim: z.strictObject({ domain: line, selector: line, key: z.string().min(1) }).optional(),
    /** Beside the plain text. */
    html: z.boolean().default(true),
  }),
  test: {},
  async send({ from, to, subject, text }, { smtp: url, html, ...settings }, context) {
    const recipients = to ?? settings.to;
    if (recipients === undefined)
      return { status: 'failed', retry: false, reason: 'to: is missing, in the step and in the destination' };
    const server: SmtpServer = { ...settings, url: new URL(url) };
    const { title, fields } = tellOf(context.alert);
    const lines = fields.map(([name, value]) => `${name}: ${value}`).join('\n');
    const answerUrl = context.asked?.url;
    const told = text ?? `${context.alert.output}\n\n${lines}\n`;
    const body = answerUrl === undefined ? told : `${told}\n\nTo answer: ${answerUrl}\n`;
    const mail = { from: from ?? settings.from, to: recipients, subject: subject ?? title, text: body };
    return sendMail(
      server,
      { ...mail, html: html ? htmlOf(visibleText(body), answerUrl, context.table) : undefined },
      context,
    );
  },
  inline: ({ smtp: url = '', from, to = [], subject = '', text = '' }, context) =>
    sendMail({ url: new URL(url), starttls: 'if offered' }, { from, to, subject, text, html: undefined }, context),
  dryRun: ({ to = [] }) => ({
    status: 'skipped',
    detail: `would send a mail to ${(Array.isArray(to) ? to : [to]).map(({ address }) => address).join(', ')}`,
  }),
});

type Address = { readonly name: string; readonly address: string };
type Mail = {
  readonly from: Address | undefined;
  readonly to: Address | Address[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | undefined;
};

async function sendMail(
  server: SmtpServer,
  { from, to, subject, text, html }: Mail,
  { alert, idempotencyKey, signal, deadlineMs, mask }: ActionContext | SendContext,
): Promise<ActionResult> {
  const { host } = server.url;
  try {
    const { accepted, rejected } = await smtp.send(
      server,
      {
        from,
        to,
        subject: cut(visibleLine(subject), SHOWN),
        text: visibleText(text),
        ...(html === undefined ? {} : { html }),
        // The Message-ID stays the same, so that a mail program shows a repeat once, but the mail is sent again.
        messageId: idOf(idempotencyKey),
        references: idOf(keyFor(alert)),
        headers: { 'Auto-Submitted': 'auto-generated' },
      },
      signal,
      deadlineMs,
    );
    const refused = rejected.length === 0 ? '' : `, and refused it for ${rejected.join(', ')}`;
    return { status: 'done', detail: `${host} took the mail for ${accepted.join(', ')}${refused}` };
  } catch (error) {
    if (signal.aborted) return { status: 'timed_out', detail: `${host} did not take the mail in time` };
    const code = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : 0;
    const said = cut(mask(error instanceof Error ? error.message : String(error)), SHOWN);
    // RFC 5321 section 4.2.1: 4yz may pass, 5yz stays.
    return { status: 'failed', retry: code < 500, reason: `${host}: ${said}` };
  }
}

/** RFC 5322 section 3.6.4. A thread's id is that of a mail that nobody has: programs take together what refers to it. */
function idOf(key: string): string {
  return `<${createHash('sha256').update(key).digest('hex').slice(0, 40)}@lanner>`;
}

/** `link`: ours, in the text; nothing else in it becomes one here. */
function htmlOf(text: string, link: string | undefined, table: Table | undefined): string {
  if (table !== undefined) return tableOf(table);
  const plain = plainHtml(text);
  const body = link === undefined ? plain : plain.replaceAll(link, () => `<a href="${link}">${link}</a>`);
  return `<!doctype html><html><body><pre style="white-space:pre-wrap;font:14px/1.4 monospace">${body}</pre></body></html>\n`;
}

function tableOf({ caption, head, rows, more }: Table): string {
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((cell) => `<${tag} align="left" valign="top">${plainHtml(visibleText(cell))}</${tag}>`).join('')}</tr>\n`;
  const body = `${cells('th', head)}${rows.map((row) => cells('td', row)).join('')}`;
  return `<!doctype html><html><body style="font:14px/1.4 sans-serif"><p>${plainHtml(caption)}</p>\n<table border="1" cellpadding="4" style="border-collapse:collapse">\n${body}</table>\n<p>${plainHtml(more)}</p></body></html>\n`;
}
