import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import * as z from 'zod';
import { defineAction } from '../runs/action.ts';

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

export const email = defineAction({
  name: 'email',
  side: 'router',
  doc: 'Sends an e-mail over SMTP. `smtp` is a URL (smtp://user:password@host:587, smtps:// for TLS from the start), best kept as a secret.',
  params: z.strictObject({
    smtp: z
      .url({ protocol: /^smtps?$/, error: 'expected a URL with smtp or smtps' })
      .refine((url) => URL.canParse(url) && new URL(url).hostname !== '', 'expected a host'),
    from: mailbox,
    to: z.union([mailbox, z.array(mailbox).min(1).max(100)]),
    subject: z.string().min(1).max(262_144),
    text: z.string().max(262_144),
  }),
  // The Message-ID stays the same, so that a mail program shows a repeat once, but the mail is sent again.
  idempotent: true,
  async run({ smtp, from, to, subject, text }, { idempotencyKey, signal, deadlineMs, mask }) {
    const url = new URL(smtp);
    // Loaded with the first e-mail: most routers send none.
    const { createTransport } = await import('nodemailer');
    const connection = connectTo(url, signal);
    const leftMs = Math.max(1, deadlineMs - Date.now());
    const transport = createTransport({
      host: connection.host,
      port: connection.port,
      secure: url.protocol === 'smtps:',
      ...(url.username === '' ? {} : { auth: { user: decode(url.username), pass: decode(url.password) } }),
      greetingTimeout: leftMs,
      socketTimeout: leftMs,
      disableFileAccess: true,
      disableUrlAccess: true,
      // A socket of our own, so that the signal can end it at any moment.
      getSocket: (_: unknown, give: (error: Error | null, options?: { connection: Socket }) => void) => {
        connection.opened.then((socket) => give(null, { connection: socket }), give);
      },
    });
    try {
      const { accepted, rejected } = await transport.sendMail({
        from,
        to,
        subject: visible(subject, /[\p{Cc}\p{Bidi_Control}]/gu).slice(0, SHOWN),
        text: visible(text, /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu),
        messageId: `<${createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 40)}@lanner>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      const refused = rejected.length === 0 ? '' : `, and refused it for ${rejected.join(', ')}`;
      return { status: 'done', detail: `${url.host} took the mail for ${accepted.join(', ')}${refused}` };
    } catch (error) {
      if (signal.aborted) return { status: 'timed_out', detail: `${url.host} did not take the mail in time` };
      const code = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : 0;
      const said = mask(error instanceof Error ? error.message : String(error)).slice(0, SHOWN);
      // RFC 5321 section 4.2.1: 4yz may pass, 5yz stays.
      return { status: 'failed', retry: code < 500, reason: `${url.host}: ${said}` };
    } finally {
      transport.close();
      connection.close();
    }
  },
  dryRun: ({ to }) => ({
    status: 'skipped',
    detail: `would send a mail to ${(Array.isArray(to) ? to : [to]).map(({ address }) => address).join(', ')}`,
  }),
});

function connectTo(url: URL, signal: AbortSignal) {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (url.protocol === 'smtps:' ? 465 : 587);
  const socket = connect({ host, port, signal });
  const opened = new Promise<Socket>((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    // Also after the opening, when nobody asks any more: an error without a listener would end the process.
    socket.on('error', reject);
  });
  return { host, port, opened, close: () => socket.destroy() };
}

/** Fields of an event may hold line ends, escape sequences of terminals, and marks that turn text around. */
function visible(text: string, hidden: RegExp): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(hidden, (char) => (char === '\n' ? ' ' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`));
}

/** A `%` that begins no escape is a percent sign: passwords are not always written as URLs want them. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
