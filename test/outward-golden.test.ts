import { gunzipSync } from 'node:zlib';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { send } from './support/sending.ts';
import { type StrictServer, startStrictServer } from './support/strict-server.ts';

/** What goes over the wire for the same alert; the formats of pages, chats, functions and lines have files of their own. */
let server: StrictServer;
beforeAll(async () => {
  server = await startStrictServer(() => ({ status: 200, body: '{"items":[{"create":{"status":201}}]}' }));
});
afterAll(() => server.close());
beforeEach(() => {
  server.seen.length = 0;
});

/** What differs each time: when it was sent. */
const settled = (text: string) => text.replace(/("observedTimeUnixNano":\s*)"\d+"/g, '$1"1"');
const pretty = (text: string) => `${JSON.stringify(JSON.parse(text), undefined, 2)}\n`;
const lines = (text: string) => text.trimEnd().split('\n').map(pretty).join('');
const keys = { access_key_id: 'AKIA', secret_access_key: 's3cret' };

describe('the payload of', () => {
  it.for([
    { name: 'webhook', kind: 'webhook', settings: {}, shown: (text: string) => `${text}\n` },
    {
      name: 'siem-elasticsearch',
      kind: 'siem',
      settings: { service: 'elasticsearch', batch: 1, wait: '20ms' },
      shown: lines,
    },
    { name: 'siem-loki', kind: 'siem', settings: { service: 'loki', batch: 1, wait: '20ms' }, shown: pretty },
    { name: 'siem-otlp', kind: 'siem', settings: { service: 'otlp', batch: 1, wait: '20ms' }, shown: pretty },
    {
      name: 'siem-s3',
      kind: 'siem',
      settings: { service: 's3', batch: 1, wait: '20ms', bucket: 'alerts', region: 'eu-central-1', ...keys },
      shown: lines,
    },
  ])('$name is its golden file', async ({ name, kind, settings, shown }) => {
    const sent = await send(kind, { url: server.origin, ...settings }, {}, { idempotencyKey: 'a-key' });
    expect(sent).toMatchObject({ status: 'done' });
    const { bytes = Buffer.alloc(0) } = server.seen[0] ?? {};
    const text = bytes[0] === 0x1f ? gunzipSync(bytes).toString() : bytes.toString();
    await expect(settled(shown(text))).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it('email is its golden file', async () => {
    const mails: string[] = [];
    const smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData(stream, _, done) {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          mails.push(Buffer.concat(chunks).toString());
          done();
        });
      },
    });
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', () => resolve()));
    const address = smtp.server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const from = { from: 'Lanner <lanner@example.com>', to: 'soc@example.com' };
    const settings = { smtp: `smtp://127.0.0.1:${port}`, starttls: 'never', ...from };
    expect(await send('email', settings, {}, { idempotencyKey: 'a-key' })).toMatchObject({ status: 'done' });
    // It would wait for connections that are kept for the next mail.
    smtp.close();
    const [mail = ''] = mails;
    const boundary = /boundary="([^"]*)"/.exec(mail)?.[1] ?? 'none';
    const shown = mail
      .replaceAll(boundary, 'BOUNDARY')
      .replace(/^Date: .*$/m, 'Date: now')
      .replaceAll('\r\n', '\n');
    await expect(shown).toMatchFileSnapshot('golden/email.txt');
  });
});
