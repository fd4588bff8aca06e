import { generateKeyPairSync } from 'node:crypto';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeCertificate } from './support/certificates.ts';
import { send, shellAlert } from './support/sending.ts';

const certificate = makeCertificate();
const mails: string[] = [];
let connections = 0;
let withTls: SMTPServer;
let plain: SMTPServer;

const makeServer = (more: ConstructorParameters<typeof SMTPServer>[0]) =>
  new SMTPServer({
    ...certificate,
    onAuth: ({ username, password }, _, done) =>
      username === 'ann' && password === 'p@ss' ? done(null, { user: 'ann' }) : done(new Error('Invalid login')),
    onConnect(_, done) {
      connections += 1;
      done();
    },
    onData(stream, _, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        mails.push(Buffer.concat(chunks).toString('latin1'));
        done();
      });
    },
    ...more,
  });
const portOf = (server: SMTPServer): number => {
  const address = server.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

beforeAll(async () => {
  withTls = makeServer({ authOptional: false });
  plain = makeServer({ authOptional: true, disabledCommands: ['STARTTLS', 'AUTH'] });
  for (const server of [withTls, plain])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
});
afterAll(async () => {
  for (const server of [withTls, plain]) await new Promise<void>((resolve) => server.close(() => resolve()));
});
beforeEach(() => {
  mails.length = 0;
  connections = 0;
});

const settings = (changes: object = {}) => ({
  smtp: `smtp://ann:p%40ss@127.0.0.1:${portOf(withTls)}`,
  from: 'Lanner <lanner@example.com>',
  to: 'soc@example.com',
  ca: certificate.cert,
  ...changes,
});
const header = (mail: string | undefined, name: string): string | undefined =>
  new RegExp(`^${name}: (.*(?:\r\n[ \t].*)*)`, 'im').exec(mail ?? '')?.[1];

describe('email to a destination', () => {
  it('goes encrypted and logged in, as plain text and HTML, with the words of the alert', async () => {
    const alert = { ...shellAlert, output: 'a <b>shell</b> & more' };
    expect(await send('email', settings(), {}, { alert })).toMatchObject({ status: 'done' });
    const [mail] = mails;
    expect(header(mail, 'Subject')).toBe('Critical: Terminal shell in container');
    expect(header(mail, 'Content-Type')).toMatch(/^multipart\/alternative/);
    expect(mail).toContain('a <b>shell</b> & more');
    expect(mail).toContain('a &lt;b&gt;shell&lt;/b&gt; &amp; more');
    expect(mail).toContain('k8s.pod.name: shop-7d9');
  });

  it('is one thread for what is about the same', async () => {
    for (const idempotencyKey of ['one', 'two']) await send('email', settings(), {}, { idempotencyKey });
    await send('email', settings(), {}, { alert: { ...shellAlert, rule: 'Another' } });
    const [first, second, third] = mails.map((mail) => header(mail, 'References'));
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(new Set(mails.map((mail) => header(mail, 'Message-ID'))).size).toBe(3);
  });

  it('uses its connections again', async () => {
    const own = settings({ from: 'pool@example.com' });
    await send('email', own, {});
    connections = 0;
    for (let count = 0; count < 5; count += 1) await send('email', own, {});
    expect({ mails: mails.length, connections }).toEqual({ mails: 6, connections: 0 });
  });

  it('is signed if there is a key', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    await send('email', settings({ dkim: { domain: 'example.com', selector: 's1', key } }), {});
    expect(header(mails[0], 'DKIM-Signature')).toMatch(/d=example\.com;[\s\S]*s=s1;/);
  });

  it('does not go unencrypted unless the destination says so', async () => {
    const unencrypted = { smtp: `smtp://127.0.0.1:${portOf(plain)}` };
    const refused = await send('email', settings(unencrypted), {});
    expect(refused).toMatchObject({ status: 'failed' });
    expect(mails).toEqual([]);
    expect(await send('email', settings({ ...unencrypted, starttls: 'never' }), {})).toMatchObject({ status: 'done' });
  });

  it('trusts no certificate that nobody has signed', async () => {
    const result = await send('email', settings({ ca: undefined }), {});
    expect(result).toMatchObject({ status: 'failed' });
    expect(mails).toEqual([]);
  });

  it('needs somebody to go to', async () => {
    const result = await send('email', settings({ to: undefined }), {});
    expect(result).toMatchObject({ status: 'failed', retry: false, reason: expect.stringContaining('to: is missing') });
    expect(await send('email', settings({ to: undefined }), { to: 'bob@example.com' })).toMatchObject({
      status: 'done',
      detail: expect.stringContaining('bob@example.com'),
    });
  });
});
