import { createTransport } from 'nodemailer';
import * as z from 'zod';
import { defineAction } from './action.ts';

const line = z
  .string()
  .min(1)
  .max(998)
  .regex(/^[^\r\n\0]*$/, 'has more than one line');
const address = line.regex(/@/, 'expected an e-mail address');

export const email = defineAction({
  name: 'email',
  side: 'router',
  doc: 'Sends an e-mail over SMTP. `smtp` is a URL (smtp://user:password@host:587, smtps:// for TLS from the start), best kept as a secret.',
  params: z.strictObject({
    smtp: z.url({ protocol: /^smtps?$/ }),
    from: address,
    to: z.union([address, z.array(address).min(1).max(100)]),
    subject: z.string().min(1).max(65_536),
    text: z.string().max(262_144),
  }),
  // The Message-ID stays the same, so that a mail program shows a repeat once, but the mail is sent again.
  idempotent: true,
  async run({ smtp, from, to, subject, text }, { idempotencyKey, signal, deadlineMs }) {
    const url = new URL(smtp);
    const leftMs = Math.max(1, deadlineMs - Date.now());
    const transport = createTransport({
      host: url.hostname,
      port: Number(url.port) || (url.protocol === 'smtps:' ? 465 : 587),
      secure: url.protocol === 'smtps:',
      ...(url.username === ''
        ? {}
        : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }),
      connectionTimeout: leftMs,
      greetingTimeout: leftMs,
      socketTimeout: leftMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const abort = (): void => transport.close();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const sent = await Promise.race([
        transport.sendMail({
          from,
          to,
          subject: oneLine(subject),
          text,
          messageId: `<${Buffer.from(idempotencyKey).toString('hex').slice(0, 200)}@lanner>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
        }),
        rejectOn(signal),
      ]);
      const { accepted } = sent;
      return { status: 'done', detail: `${url.host} took the mail for ${accepted.length} recipients` };
    } catch (error) {
      if (signal.aborted) return { status: 'timed_out', detail: `${url.host} did not take the mail in time` };
      const code = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : 0;
      // RFC 5321 section 4.2.1: 4yz may pass, 5yz stays.
      return {
        status: 'failed',
        retry: code < 500,
        reason: `${url.host}: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`,
      };
    } finally {
      signal.removeEventListener('abort', abort);
      transport.close();
    }
  },
  dryRun: ({ to }) => ({ status: 'skipped', detail: `would send a mail to ${Array.isArray(to) ? to.join(', ') : to}` }),
});

/** Fields of an event may hold line ends; a subject holds none. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, 500);
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
