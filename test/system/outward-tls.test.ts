import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signAws } from '../../router/clients/sigv4.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type S3, startS3 } from '../support/s3.ts';
import { send, shellAlert } from '../support/sending.ts';

/** Servers that want to know who calls. Each certificate is its own authority. */
const [server, client, stranger] = [makeCertificate(), makeCertificate('lanner'), makeCertificate('stranger')];
const right = { ca: server.cert, cert: client.cert, key: client.key };
const wrong = [
  { what: 'no certificate', tls: { ca: server.cert } },
  { what: "a stranger's certificate", tls: { ca: server.cert, cert: stranger.cert, key: stranger.key } },
  { what: 'another authority', tls: { ...right, ca: stranger.cert } },
];
const folder = mkdtempSync(join(tmpdir(), 'lanner-outward-tls-'));
const children: ChildProcess[] = [];
const file = (name: string, text?: string) => {
  const path = join(folder, name);
  if (text !== undefined) writeFileSync(path, text);
  return path;
};

async function run(port: number, program: string, ...args: readonly string[]): Promise<void> {
  children.push(spawn(program, args, { stdio: 'ignore' }));
  await eventually(`something on port ${port}`, async () => {
    const socket = connect({ host: '127.0.0.1', port });
    return new Promise<true | undefined>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(undefined));
    }).finally(() => socket.destroy());
  });
}

beforeAll(() => {
  file('server.pem', server.cert);
  file('server.key', server.key);
  file('client.pem', client.cert);
});

afterAll(async () => {
  for (const child of children) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGKILL')) await gone;
  }
  rmSync(folder, { recursive: true, force: true });
});

describe('a webhook with certificates on both sides', () => {
  const callers: string[] = [];
  let https: Server;
  let url = '';
  beforeAll(async () => {
    const wants = { requestCert: true, rejectUnauthorized: true, ca: client.cert };
    https = createServer({ ...server, ...wants }, (request, response) => {
      const { socket } = request;
      if ('getPeerCertificate' in socket && typeof socket.getPeerCertificate === 'function')
        callers.push(socket.getPeerCertificate().subject.CN);
      request.resume().on('end', () => response.writeHead(204).end());
    });
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
    const address = https.address();
    url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/hook`;
  });
  afterAll(() => {
    https.closeAllConnections();
    https.close();
  });

  it('says who calls, over one connection', async () => {
    for (let count = 0; count < 3; count += 1)
      expect(await send('webhook', { url, tls: right }, {})).toMatchObject({ status: 'done' });
    expect(callers).toEqual(['lanner', 'lanner', 'lanner']);
  });

  it.for(wrong)('brings nothing with $what', async ({ tls }) => {
    callers.length = 0;
    const sent = await send('webhook', { url, tls }, {});
    expect(sent).toMatchObject({ status: 'failed', retry: true });
    expect(callers).toEqual([]);
  });
});

describe('NATS with certificates on both sides', () => {
  const settings = (tls: object) => ({
    service: 'nats',
    url: `tls://127.0.0.1:${port}`,
    subject: 'a',
    jetstream: false,
    tls,
  });
  let port = 0;
  beforeAll(async () => {
    port = await freePort();
    const names = ['--tlscert', file('server.pem'), '--tlskey', file('server.key'), '--tlscacert', file('client.pem')];
    await run(port, '/usr/sbin/nats-server', '-a', '127.0.0.1', '-p', String(port), '--tls', '--tlsverify', ...names);
  });

  it('takes a message', async () => {
    expect(await send('siem', settings(right), {})).toMatchObject({ status: 'done' });
  });

  it.for(wrong)('takes none with $what', async ({ tls }) => {
    expect(await send('siem', settings(tls), {}, { timeoutMs: 3_000 })).toMatchObject({
      status: 'failed',
      retry: true,
    });
  });

  it('takes none that is not encrypted', async () => {
    const plain = { ...settings(right), url: `nats://127.0.0.1:${port}` };
    expect(await send('siem', plain, {}, { timeoutMs: 3_000 })).not.toMatchObject({ status: 'done' });
  });
});

describe('rsyslog with certificates on both sides', () => {
  const out = join(folder, 'syslog.out');
  const lines = () => {
    try {
      return readFileSync(out, 'utf8').split('\n').slice(0, -1);
    } catch {
      return []; // It is made with the first line.
    }
  };
  const settings = (tls: object) => ({
    service: 'syslog',
    host: '127.0.0.1',
    port,
    transport: 'tls',
    format: 'cef',
    tls,
  });
  let port = 0;
  beforeAll(async () => {
    port = await freePort();
    const configuration = file(
      'rsyslog.conf',
      `global(workDirectory="${folder}" defaultNetstreamDriverCAFile="${file('client.pem')}" defaultNetstreamDriverCertFile="${file('server.pem')}" defaultNetstreamDriverKeyFile="${file('server.key')}")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="${port}" ruleset="out" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
ruleset(name="out") { action(type="omfile" file="${out}" asyncWriting="off" flushOnTXEnd="on") }
`,
    );
    await run(port, '/usr/sbin/rsyslogd', '-n', '-f', configuration, '-i', file('rsyslog.pid'));
  });

  it('writes what a known client sends, and nothing of others', async () => {
    for (const { tls } of wrong) await send('siem', settings(tls), {}, { timeoutMs: 3_000 });
    expect(await send('siem', settings(right), {})).toMatchObject({ status: 'done' });
    await eventually('a line', () => lines().length > 0 || undefined);
    expect(lines()).toEqual([expect.stringContaining('CEF:0|Lanner|')]);
  });
});

describe('s3rver', () => {
  const keys = { access_key_id: 'S3RVER', secret_access_key: 'S3RVER' };
  let s3: S3;
  beforeAll(async () => {
    s3 = await startS3('alerts');
  });
  afterAll(() => s3.close());
  const settings = (changes: object = {}) => ({
    service: 's3',
    url: s3.url,
    bucket: 'alerts',
    region: 'us-east-1',
    batch: 3,
    wait: '50ms',
    ...keys,
    ...changes,
  });
  const get = (path: string) => {
    const url = new URL(path, s3.url);
    const request = { method: 'GET', url, headers: {}, body: '', service: 's3', region: 'us-east-1' } as const;
    return fetch(url, { headers: signAws(request, keys, Date.now()) });
  };

  it('has each batch as one object, also when it is sent again', async () => {
    const batch = () =>
      Promise.all(['one', 'two', 'three'].map((idempotencyKey) => send('siem', settings(), {}, { idempotencyKey })));
    for (let turn = 0; turn < 2; turn += 1)
      expect(await batch()).toEqual(['one', 'two', 'three'].map(() => expect.objectContaining({ status: 'done' })));
    const listing = await (await get('/alerts')).text();
    const names = [...listing.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, name = '']) => name);
    expect(names).toEqual([expect.stringMatching(/^lanner\/2026\/11\/23\/14\/[0-9a-f]{32}\.jsonl\.gz$/)]);
    // It is unpacked on the way, by its content-encoding.
    const findings = (await (await get(`/alerts/${names[0]}`)).text()).trimEnd().split('\n');
    expect(findings.map((line) => JSON.parse(line).finding_info.title)).toEqual(findings.map(() => shellAlert.rule));
    expect(findings).toHaveLength(3);
  });

  it('refuses a key that it does not know, and a bucket that is not there', async () => {
    expect(await send('siem', settings({ access_key_id: 'other' }), {})).toMatchObject({
      status: 'failed',
      retry: false,
    });
    expect(await send('siem', settings({ bucket: 'none' }), {})).toMatchObject({ status: 'failed', retry: false });
  });
});
