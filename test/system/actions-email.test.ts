import { createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { perform } from '../support/action.ts';
import { eventually } from '../support/eventually.ts';
import { hostile } from '../support/hostile.ts';
import { type ParsedMail, readMail } from '../support/mail.ts';

type Received = ParsedMail & { readonly envelope: readonly string[] };
const received: Received[] = [];
let smtp: SMTPServer;
let port = 0;

/** A server that greets and takes everything, and then says nothing after the mail. */
let hanging: Server;
let hangingPort = 0;
const hangingSockets = new Set<Socket>();

beforeAll(async () => {
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _, done) =>
      username === 'ann' && password === 'p@ss' ? done(null, { user: 'ann' }) : done(new Error('Invalid login')),
    onRcptTo({ address }, _, done) {
      const codes: Readonly<Record<string, number>> = { 'full@example.com': 452, 'unknown@example.com': 550 };
      const code = codes[address];
      done(code === undefined ? null : Object.assign(new Error(`no: ${code}`), { responseCode: code }));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const envelope = session.envelope.rcptTo.map(({ address }) => address);
        received.push({ ...readMail(Buffer.concat(chunks).toString('latin1')), envelope });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
  port = portOf(smtp.server);
  hanging = createServer((socket) => {
    hangingSockets.add(socket);
    socket.on('error', () => undefined).on('close', () => hangingSockets.delete(socket));
    socket.write('220 here\r\n');
    let isData = false;
    socket.on('data', (chunk) => {
      if (isData) return;
      const text = chunk.toString();
      isData = text.startsWith('DATA');
      socket.write(isData ? '354 go on\r\n' : text.startsWith('EHLO') ? '250 hello\r\n' : '250 ok\r\n');
    });
  });
  await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
  hangingPort = portOf(hanging);
});

afterAll(async () => {
  for (const socket of hangingSockets) socket.destroy();
  await Promise.all([
    new Promise((resolve) => hanging.close(resolve)),
    new Promise<void>((resolve) => smtp.close(() => resolve())),
  ]);
});

function portOf(server: { address(): ReturnType<Server['address']> }): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server does not listen');
  return address.port;
}

const mailOf = (changes: Readonly<Record<string, unknown>> = {}) => ({
  smtp: `smtp://127.0.0.1:${port}`,
  from: 'Lanner <lanner@example.com>',
  to: ['ann@example.com', 'Bob Müller <bob@example.com>'],
  subject: 'Shell in container',
  text: 'A shell.\nIn a container.',
  ...changes,
});

describe('email', () => {
  it('sends a mail', async () => {
    expect(await perform('email', mailOf())).toEqual({
      status: 'done',
      detail: `127.0.0.1:${port} took the mail for ann@example.com, bob@example.com`,
    });
    expect(received.at(-1)).toMatchObject({
      envelope: ['ann@example.com', 'bob@example.com'],
      text: 'A shell.\nIn a container.\n',
      headers: {
        subject: 'Shell in container',
        from: 'Lanner <lanner@example.com>',
        'auto-submitted': 'auto-generated',
      },
    });
  });

  it('has the same Message-ID for every attempt at a step, and another for the next step', async () => {
    const long = `${'a'.repeat(36)}/${'p'.repeat(63)}`;
    for (const key of ['one', 'one', 'two']) await perform('email', mailOf(), { idempotencyKey: `${long}/${key}` });
    const [first, second, third] = received.slice(-3).map(({ headers }) => headers['message-id']);
    expect(first).toMatch(/^<[0-9a-f]{40}@lanner>$/);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it('logs in with the name and password of the URL', async () => {
    const withPassword = (password: string) => mailOf({ smtp: `smtp://ann:${password}@127.0.0.1:${port}` });
    expect(await perform('email', withPassword('p%40ss'))).toMatchObject({ status: 'done' });
    const refused = await perform('email', withPassword('%zz-wrong'));
    expect(refused).toMatchObject({ status: 'failed', retry: false });
    expect(JSON.stringify(refused)).not.toContain('wrong');
  });

  it.for([
    { to: 'full@example.com', retry: true },
    { to: 'unknown@example.com', retry: false },
  ])('failed for $to, retry $retry', async ({ to, retry }) => {
    expect(await perform('email', mailOf({ to }))).toMatchObject({ status: 'failed', retry });
  });

  it('says for whom the server did not take it', async () => {
    expect(await perform('email', mailOf({ to: ['ann@example.com', 'unknown@example.com'] }))).toEqual({
      status: 'done',
      detail: `127.0.0.1:${port} took the mail for ann@example.com, and refused it for unknown@example.com`,
    });
  });

  it('may try again when nobody listens', async () => {
    expect(await perform('email', mailOf({ smtp: 'smtp://127.0.0.1:9' }))).toMatchObject({
      status: 'failed',
      retry: true,
    });
  });

  it('ends at its time-out when the server hangs after DATA, and leaves no connection', async () => {
    const answer = await perform('email', mailOf({ smtp: `smtp://127.0.0.1:${hangingPort}` }), { timeoutMs: 300 });
    expect(answer).toEqual({ status: 'timed_out', detail: `127.0.0.1:${hangingPort} did not take the mail in time` });
    await eventually('the connection to be gone', () => hangingSockets.size === 0 || undefined, 2_000);
  });

  it.for([
    { changes: { to: 'ann@example.com, eve@example.com' }, reason: 'to: ' },
    { changes: { to: ['ann@example.com\r\nBcc: eve@example.com'] }, reason: 'to' },
    { changes: { to: '"Ann" <ann@example.com>, <eve@example.com>' }, reason: 'to: ' },
    { changes: { from: 'nobody' }, reason: 'from: expected one e-mail address' },
    { changes: { smtp: 'http://h' }, reason: 'smtp: expected a URL with smtp or smtps' },
  ])('refuses $changes', async ({ changes, reason }) => {
    const before = received.length;
    expect(await perform('email', mailOf(changes))).toMatchObject({
      status: 'failed',
      retry: false,
      reason: expect.stringContaining(reason),
    });
    expect(received.length).toBe(before);
  });

  it('sends nothing in a dry run', async () => {
    const before = received.length;
    expect(await perform('email', mailOf(), { mode: 'dry-run' })).toEqual({
      status: 'skipped',
      detail: 'would send a mail to ann@example.com, bob@example.com',
    });
    expect(received.length).toBe(before);
  });

  it('keeps hostile values inside the subject and the text', async () => {
    // An empty text needs no encoding.
    const namesOf = (mail: Received | undefined) =>
      Object.keys(mail?.headers ?? {})
        .filter((name) => name !== 'content-transfer-encoding')
        .toSorted();
    const usual = namesOf(received[0]);
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        const before = received.length;
        const answer = await perform('email', mailOf({ to: 'ann@example.com', subject: `x${text}`, text }), {
          timeoutMs: 10_000,
        });
        expect(answer).toMatchObject({ status: 'done' });
        const [mail, ...others] = received.slice(before);
        expect(others).toEqual([]);
        expect(mail?.envelope).toEqual(['ann@example.com']);
        expect(namesOf(mail)).toEqual(usual);
        const seen = `${mail?.headers['subject']}${mail?.text}`;
        expect(seen).not.toMatch(/(?![\t\n])[\p{Cc}\p{Bidi_Control}]/u);
        // What is not dangerous arrives as it is.
        if (!/[\p{Cc}\p{Bidi_Control}]/u.test(text)) expect(mail?.text).toBe(`${text}\n`);
      }),
      { numRuns: 60 },
    );
  });
});
