import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Agent, startAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const rule = `
- rule: Marked
  desc: A file of the test was opened.
  condition: evt.type in (open, openat) and fd.name startswith FOLDER/mark-
  output: mark=%fd.name by=%proc.name
  priority: WARNING
  tags: [marked]
- rule: Other
  desc: Another file of the test was opened.
  condition: evt.type in (open, openat) and fd.name startswith FOLDER/other-
  output: other=%fd.name
  priority: INFO
`;

/** Exactly what Falcosidekick reads: Falco's keys and nothing else. */
const falcoAlert = z.strictObject({
  hostname: z.string(),
  output: z.string().min(1),
  output_fields: z.record(z.string(), z.unknown()),
  priority: z.enum(['Warning', 'Informational']),
  rule: z.string().min(1),
  source: z.literal('syscall'),
  tags: z.array(z.string()),
  time: z.iso.datetime({ precision: 9 }),
});

let folder: string;
let rsyslog: ChildProcess;
let sidekick: Server;
let blocked: Server;
let agent: Agent;
const posted: z.output<typeof falcoAlert>[] = [];
const wrong: string[] = [];
const at = (name: string): string => join(folder, name);
const text = (name: string): string => (existsSync(at(name)) ? readFileSync(at(name), 'utf8') : '');
const lines = (name: string, wanted: string): readonly string[] =>
  text(name)
    .split('\n')
    .filter((line) => line.includes(wanted));
const seen = (name: string, wanted: string, count = 1) =>
  eventually(`${wanted} in ${name}`, () => (lines(name, wanted).length >= count ? lines(name, wanted) : undefined));

function listen(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : 0);
    }),
  );
}

/** A certificate of the test's own, for 127.0.0.1. */
function makeCertificate(): void {
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('key.pem')];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', at('cert.pem'), ...subject], { stdio: 'ignore' });
}

async function startRsyslog(ports: { readonly udp: number; readonly tcp: number; readonly tls: number }) {
  const gtls = 'StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"';
  writeFileSync(
    at('rsyslog.conf'),
    `global(workDirectory="${folder}" maxMessageSize="64k"
  defaultNetstreamDriverCAFile="${at('cert.pem')}" defaultNetstreamDriverCertFile="${at('cert.pem')}" defaultNetstreamDriverKeyFile="${at('key.pem')}")
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" SysSock.Use="off")
input(type="imudp" address="127.0.0.1" port="${ports.udp}" ruleset="udp")
input(type="imtcp" address="127.0.0.1" port="${ports.tcp}" ruleset="tcp")
input(type="imtcp" address="127.0.0.1" port="${ports.tls}" ruleset="tls" ${gtls})
input(type="imuxsock" Socket="${at('log.sock')}" ruleset="local")
template(name="parts" type="string" string="%syslogfacility-text% %syslogseverity-text% %hostname% %app-name% %msgid% %msg%\\n")
${['udp', 'tcp', 'tls', 'local'].map((name) => `ruleset(name="${name}") { action(type="omfile" file="${at(name)}" template="parts") }`).join('\n')}
`,
  );
  rsyslog = spawn('/usr/sbin/rsyslogd', ['-n', '-f', at('rsyslog.conf'), '-i', at('rsyslog.pid')], { stdio: 'ignore' });
  await eventually('rsyslogd to listen', () => existsSync(at('log.sock')) || undefined);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-outputs-'));
  chmodSync(folder, 0o755);
  makeCertificate();
  const ports = { udp: await freePort(), tcp: await freePort(), tls: await freePort() };
  await startRsyslog(ports);
  sidekick = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const read = falcoAlert.safeParse(JSON.parse(body));
    if (read.success && request.method === 'POST' && request.headers['content-type'] === 'application/json')
      posted.push(read.data);
    else wrong.push(body);
    response.writeHead(200).end('ok');
  });
  // It takes each request and never answers.
  blocked = createServer(() => undefined);
  writeFileSync(
    at('outputs.yaml'),
    `
- stdout: {}
- file: {path: ${at('alerts')}}
  format: text
- name: marked
  file: {path: ${at('marked')}}
  tags: [marked]
  format: '%alert.priority %proc.name %fd.name'
- name: udp
  syslog: {to: 'udp://127.0.0.1:${ports.udp}', facility: local0}
- name: tcp
  syslog: {to: 'tcp://127.0.0.1:${ports.tcp}', facility: local1}
  format: text
- name: tls
  syslog: {to: 'tls://127.0.0.1:${ports.tls}', facility: local2, app_name: guard, ca_file: ${at('cert.pem')}}
  format: text
- name: local
  syslog: {to: 'unix:${at('log.sock')}', facility: auth}
  format: text
  priority: warning
- program: {argv: [/usr/bin/tee, -a, ${at('program')}]}
- name: each
  program: {argv: [/bin/sh, -c, 'cat >>${at('each')}'], keep_running: false}
- http: {url: 'http://127.0.0.1:${await listen(sidekick)}/'}
- name: blocked
  http: {url: 'http://127.0.0.1:${await listen(blocked)}/'}
- name: full
  file: {path: /dev/full}
- name: asleep
  program: {argv: [/bin/sleep, '3600']}
`,
  );
  writeFileSync(at('agent.yaml'), 'outputs_file: outputs.yaml\nappend_output: []\n');
  agent = await startAgent(rule.replaceAll('FOLDER', folder), ['--config', at('agent.yaml')]);
}, 60_000);

afterAll(async () => {
  await agent?.close();
  rsyslog?.kill('SIGKILL');
  for (const server of [sidekick, blocked]) {
    server?.closeAllConnections();
    server?.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Opens a file that is not there: that raises the alert. */
function touch(name: string): void {
  try {
    readFileSync(at(name));
  } catch {
    // It never is.
  }
}

/** Field 19 of /proc/PID/stat (proc_pid_stat(5)): the 17th after the name. */
const niceOf = (process: string | number): number =>
  Number(readFileSync(`/proc/${process}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[16]);

describe('the outputs of the agent', () => {
  it('get each alert once and in their own form, though three of them take nothing', async () => {
    for (let number = 0; number < 20; number++) touch(`mark-a${number}-`);
    touch('other-a');
    for (const name of ['alerts', 'program', 'each', 'udp', 'tcp', 'tls']) {
      await seen(name, 'other-a');
      for (let number = 0; number < 20; number++)
        expect({ name, number, seen: (await seen(name, `mark-a${number}-`)).length }).toMatchObject({ seen: 1 });
    }
    await eventually('the posts', () => posted.length >= 21 || undefined);
    expect(wrong).toEqual([]);
    expect(lines('alerts', 'mark-a7-')[0]).toMatch(/^[\d:.]+: Warning mark=\S+mark-a7- by=MainThread$/);
    expect(lines('marked', 'mark-a7-')).toEqual([`Warning MainThread ${at('mark-a7-')}`]);
    expect(lines('marked', 'other-a')).toEqual([]);
    expect(falcoAlert.parse(JSON.parse(lines('program', 'mark-a7-')[0] ?? '')).rule).toBe('Marked');
    expect(agent.said()).toMatch(/"output":"full","reason":"ENOSPC/);
  });

  it('are written by threads that go before others, and by programs that do not', async () => {
    touch('mark-n');
    await seen('local', 'mark-n');
    const threads = readdirSync(`/proc/${agent.pid}/task`).map((thread) => niceOf(`${agent.pid}/task/${thread}`));
    // Whoever gave us another priority has given it to the agent.
    const ours = niceOf('self');
    const raised = ours === 0 ? -10 : ours;
    expect(niceOf(agent.pid)).toBe(raised);
    // What came later, such as the pool that reads and writes files, is as others.
    expect(new Set(threads)).toEqual(new Set([raised, ours]));
    const programs = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, 'latin1').trim().split(' ');
    expect(programs.map(niceOf)).toEqual(programs.map(() => ours));
  });

  it('reach rsyslog by UDP, TCP, TLS and a socket, with facility, severity, host and name', async () => {
    touch('mark-b');
    touch('other-b');
    expect((await seen('udp', 'mark-b'))[0]).toMatch(/^local0 warning \S+ lanner alert \{"hostname"/);
    expect((await seen('tcp', 'mark-b'))[0]).toMatch(/^local1 warning \S+ lanner alert [\d:.]+: Warning mark=/);
    expect((await seen('tls', 'other-b'))[0]).toMatch(/^local2 info \S+ guard alert [\d:.]+: Informational other=/);
    expect((await seen('local', 'mark-b'))[0]).toMatch(/^auth warning \S+ lanner - +[\d:.]+: Warning mark=/);
    expect(lines('local', 'other-b')).toEqual([]);
  });

  it('begin a file anew at SIGUSR1, and open no debugger', async () => {
    touch('mark-c');
    await seen('alerts', 'mark-c');
    renameSync(at('alerts'), at('alerts.old'));
    process.kill(agent.pid, 'SIGUSR1');
    await eventually('a new file', () => {
      touch('mark-d');
      return lines('alerts', 'mark-d').length > 0 || undefined;
    });
    expect(text('alerts.old')).toContain('mark-c');
    expect(agent.said()).not.toContain('Debugger');
  });
});
