import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { send, shellAlert } from '../support/sending.ts';

/** Programs that people really run. */
const folder = mkdtempSync(join(tmpdir(), 'lanner-outward-'));
const certificate = makeCertificate();
const children: ChildProcess[] = [];

function run(program: string, ...args: readonly string[]): void {
  children.push(spawn(program, args, { stdio: 'ignore' }));
}

async function whenListening(port: number): Promise<void> {
  await eventually(`something on port ${port}`, async () => {
    const socket = connect({ host: '127.0.0.1', port });
    return new Promise<true | undefined>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(undefined));
    }).finally(() => socket.destroy());
  });
}

function ownerOf(name: string) {
  const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

afterAll(async () => {
  for (const child of children) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGKILL')) await gone;
  }
  rmSync(folder, { recursive: true, force: true });
});

describe('rsyslog', () => {
  const file = join(folder, 'syslog.out');
  let port = 0;
  let tlsPort = 0;
  const lines = (): readonly string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);

  beforeAll(async () => {
    port = await freePort();
    tlsPort = await freePort();
    writeFileSync(join(folder, 'cert.pem'), certificate.cert);
    writeFileSync(join(folder, 'key.pem'), certificate.key);
    const fields = ['pri', 'protocol-version', 'timestamp:::date-rfc3339', 'hostname', 'app-name', 'msgid', 'msg'];
    const template = fields.map((name) => `%${name}%`).join('\\t');
    writeFileSync(
      join(folder, 'rsyslog.conf'),
      `global(workDirectory="${folder}" maxMessageSize="64k"
  defaultNetstreamDriverCAFile="${folder}/cert.pem" defaultNetstreamDriverCertFile="${folder}/cert.pem" defaultNetstreamDriverKeyFile="${folder}/key.pem")
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="127.0.0.1" port="${port}" ruleset="out")
input(type="imtcp" address="127.0.0.1" port="${port}" ruleset="out")
input(type="imtcp" address="127.0.0.1" port="${tlsPort}" ruleset="out" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="all" type="string" string="${template}\\n")
ruleset(name="out") { action(type="omfile" file="${file}" template="all" asyncWriting="off" flushOnTXEnd="on") }
`,
    );
    run('/usr/sbin/rsyslogd', '-n', '-f', join(folder, 'rsyslog.conf'), '-i', join(folder, 'rsyslog.pid'));
    await whenListening(port);
    await whenListening(tlsPort);
  });

  it.for([
    { transport: 'udp', format: 'json' },
    { transport: 'tcp', format: 'json' },
    { transport: 'tcp', format: 'cef', framing: 'lines' },
    { transport: 'tcp', format: 'leef' },
    { transport: 'tls', format: 'json' },
  ])('takes $format by $transport, each message wholly', async ({ transport, format, framing = 'octet-counted' }) => {
    const before = lines().length;
    const settings = {
      service: 'syslog',
      host: '127.0.0.1',
      port: transport === 'tls' ? tlsPort : port,
      transport,
      format,
      framing,
      ...(transport === 'tls' ? { tls: { ca: certificate.cert } } : {}),
    };
    // Long, and of several lines: nothing of it may become a message of its own.
    const alert = { ...shellAlert, output: `one\n<0>1 - - - - - - two ${'é'.repeat(2_000)}` };
    for (const idempotencyKey of ['one', 'two', 'three'])
      expect(await send('siem', settings, {}, { alert, idempotencyKey })).toMatchObject({ status: 'done' });
    await eventually('three messages', () => lines().length >= before + 3 || undefined);
    const seen = lines().slice(before);
    expect(seen).toHaveLength(3);
    for (const line of seen) {
      const [pri, version, time, host, app, id, message = ''] = line.split('\t');
      expect({ pri, version, host, app, id }).toEqual({
        pri: '130',
        version: '1',
        host: 'worker-1',
        app: 'lanner',
        id: 'syscall',
      });
      expect(Date.parse(time ?? '')).toBe(Date.parse('2026-11-23T14:00:00.123Z'));
      if (format === 'json') expect(JSON.parse(message.trim())).toMatchObject({ output: alert.output });
      else expect(message.trim()).toMatch(format === 'cef' ? /^CEF:0\|/ : /^LEEF:2\.0\|/);
    }
  });

  it('is not trusted with a certificate of its own', async () => {
    const settings = { service: 'syslog', host: '127.0.0.1', port: tlsPort, transport: 'tls' };
    expect(await send('siem', settings, {})).toMatchObject({ status: 'failed', retry: true });
  });
});

describe('postfix', () => {
  const home = join(folder, 'postfix');
  let port = 0;
  const settings = (changes: object = {}) => ({
    smtp: `smtp://127.0.0.1:${port}`,
    from: 'Lanner <lanner@example.com>',
    to: 'soc@example.com',
    ca: certificate.cert,
    ...changes,
  });

  beforeAll(async () => {
    port = await freePort();
    for (const name of ['', '/spool', '/data', '/mail']) mkdirSync(home + name);
    chmodSync(folder, 0o755);
    const { uid, gid } = ownerOf('postfix');
    chownSync(join(home, 'data'), uid, gid);
    chownSync(join(home, 'mail'), uid, gid);
    writeFileSync(join(home, 'cert.pem'), certificate.key + certificate.cert);
    writeFileSync(
      join(home, 'main.cf'),
      `compatibility_level = 3.6
queue_directory = ${home}/spool
data_directory = ${home}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
maillog_file = ${home}/mail.log
maillog_file_prefixes = ${home}
myhostname = mx.example.com
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_tls_chain_files = ${home}/cert.pem
smtpd_tls_security_level = encrypt
smtpd_recipient_restrictions = check_recipient_access inline:{{grey@example.com=450 4.2.0 later}, {gone@example.com=550 5.1.1 unknown}}, reject_unauth_destination
virtual_mailbox_domains = example.com
virtual_mailbox_base = ${home}/mail
virtual_mailbox_maps = static:inbox
virtual_minimum_uid = 1
virtual_uid_maps = static:${uid}
virtual_gid_maps = static:${gid}
`,
    );
    const services = [
      'cleanup unix n - n - 0',
      'qmgr unix n - n 300 1',
      'rewrite unix - - n - -',
      'bounce unix - - n - 0',
    ];
    const programs = ['cleanup', 'qmgr', 'trivial-rewrite', 'bounce'];
    const more = ['tlsmgr unix - - n 1000? 1 tlsmgr', 'virtual unix - n n - - virtual', 'defer unix - - n - 0 bounce'];
    const last = [
      'trace unix - - n - 0 bounce',
      'error unix - - n - - error',
      'anvil unix - - n - 1 anvil',
      'proxymap unix - - n - - proxymap',
    ];
    writeFileSync(
      join(home, 'master.cf'),
      [
        `127.0.0.1:${port} inet n - n - - smtpd`,
        'postlog unix-dgram n - n - 1 postlogd',
        ...services.map((line, at) => `${line} ${programs[at]}`),
        ...more,
        ...last,
        '',
      ].join('\n'),
    );
    run('/usr/sbin/postfix', '-c', home, 'start-fg');
    await whenListening(port);
  });

  // It is a tree of processes: it ends itself.
  afterAll(() => void spawnSync('/usr/sbin/postfix', ['-c', home, 'stop'], { stdio: 'ignore' }));

  it('takes an encrypted mail and delivers it', async () => {
    const text = 'a shell\r\n.\r\nBcc: eve@example.com\n\nFrom here on';
    expect(await send('email', settings(), { subject: 'A shell', text })).toMatchObject({ status: 'done' });
    const inbox = join(home, 'mail/inbox');
    const mail = await eventually(
      'the mail',
      () => (existsSync(inbox) ? readFileSync(inbox, 'utf8') : '') || undefined,
    );
    expect(mail).toContain('To: soc@example.com');
    expect(mail).toContain('Subject: A shell');
    expect(mail).toMatch(/with ESMTPS id/);
    expect(mail.match(/^From /gm)).toHaveLength(1);
    expect(mail.split('\n\n')[0]).not.toContain('eve@example.com');
  });

  it.for([
    { to: 'grey@example.com', retry: true, reason: '450 4.2.0' },
    { to: 'gone@example.com', retry: false, reason: '550 5.1.1' },
    { to: 'somebody@elsewhere.example', retry: false, reason: '554 5.7.1' },
  ])('is asked again for $to: $retry', async ({ to, retry, reason }) => {
    expect(await send('email', settings(), { to })).toMatchObject({
      status: 'failed',
      retry,
      reason: expect.stringContaining(reason),
    });
  });
});

describe('NATS', () => {
  let port = 0;
  const settings = (changes: object = {}) => ({
    service: 'nats',
    url: `nats://ann:p%40ss@127.0.0.1:${port}`,
    subject: 'alerts.lanner',
    ...changes,
  });

  beforeAll(async () => {
    port = await freePort();
    run(
      '/usr/sbin/nats-server',
      '-a',
      '127.0.0.1',
      '-p',
      String(port),
      '--user',
      'ann',
      '--pass',
      'p@ss',
      '-js',
      '-sd',
      join(folder, 'nats'),
    );
    await whenListening(port);
  });

  /** Says so many commands to the server and gives back what it says. */
  const ask = (text: string, until: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port });
      let said = '';
      socket.on('error', reject).on('data', (chunk) => {
        said += chunk.toString();
        if (!until.test(said)) return;
        socket.destroy();
        resolve(said);
      });
      socket.write(`CONNECT {"verbose":false,"headers":true,"user":"ann","pass":"p@ss"}\r\nSUB answer 1\r\n${text}`);
    });
  const api = async (name: string, body: object): Promise<string> => {
    const text = JSON.stringify(body);
    return ask(`PUB $JS.API.${name} answer ${text.length}\r\n${text}\r\n`, /MSG answer[^\r]*\r\n.*\r\n/);
  };

  it('stores each alert once, also when it is sent again', async () => {
    expect(await send('siem', settings(), {})).toMatchObject({
      status: 'failed',
      retry: true,
      reason: expect.stringContaining('no stream takes this subject'),
    });
    expect(await api('STREAM.CREATE.A', { name: 'A', subjects: ['alerts.>'], storage: 'memory' })).toContain(
      '"created"',
    );
    const keys = ['one', 'two', 'one', 'three', 'two'];
    const sent = await Promise.all(keys.map((idempotencyKey) => send('siem', settings(), {}, { idempotencyKey })));
    expect(sent.map(({ status }) => status)).toEqual(keys.map(() => 'done'));
    expect(await api('STREAM.INFO.A', {})).toMatch(/"messages":3,/);
    const last = await api('STREAM.MSG.GET.A', { last_by_subj: 'alerts.lanner' });
    const data = /"data":"([^"]*)"/.exec(last)?.[1] ?? '';
    const document: unknown = JSON.parse(Buffer.from(data, 'base64').toString());
    await expect(`${JSON.stringify(document, undefined, 2)}\n`).toMatchFileSnapshot('../golden/siem-nats.txt');
  });

  it('is told without a stream, too, and refuses who may not', async () => {
    expect(await send('siem', settings({ jetstream: false, subject: 'plain' }), {})).toMatchObject({ status: 'done' });
    const wrong = await send('siem', settings({ url: `nats://ann:no@127.0.0.1:${port}` }), {});
    expect(wrong).toMatchObject({ status: 'failed', retry: false });
    expect(await send('siem', settings({ url: 'nats://127.0.0.1:9' }), {})).toMatchObject({ retry: true });
  });
});

describe('Alertmanager', () => {
  it('has the page until it is resolved', async () => {
    const port = await freePort();
    writeFileSync(join(folder, 'am.yml'), 'route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n');
    const words = [
      `--config.file=${folder}/am.yml`,
      `--storage.path=${folder}/am`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    run('/usr/bin/prometheus-alertmanager', ...words, '--cluster.listen-address=');
    await whenListening(port);
    const settings = { service: 'alertmanager', url: `http://127.0.0.1:${port}` };
    const alerts = async (): Promise<readonly unknown[]> => {
      const answer: unknown = await (await fetch(`http://127.0.0.1:${port}/api/v2/alerts`)).json();
      return Array.isArray(answer) ? answer : [];
    };
    for (const idempotencyKey of ['one', 'two'])
      expect(await send('page', settings, { summary: 'wake up' }, { idempotencyKey })).toMatchObject({
        status: 'done',
      });
    expect(await alerts()).toMatchObject([
      {
        labels: { alertname: 'Terminal shell in container', severity: 'critical', pod: 'shop-7d9' },
        annotations: { summary: 'wake up' },
        status: { state: expect.stringMatching(/active|unprocessed/) },
      },
    ]);
    expect(await send('page', settings, { action: 'resolve' })).toMatchObject({ status: 'done' });
    await eventually('no alert', async () => ((await alerts()).length === 0 ? true : undefined));
    expect(await send('page', settings, { action: 'acknowledge' })).toMatchObject({ status: 'failed', retry: false });
  });
});
