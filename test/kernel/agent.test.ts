import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { docker, image, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);
const root = new URL('../..', import.meta.url).pathname;

/** Everything happens in this folder, so that a rule can tell the test's doings from all others. */
const folder = mkdtempSync(join(tmpdir(), 'lanner-doings-'));
const rules = `
- rule: Exec
  desc: d
  condition: evt.type in (execve, execveat) and proc.args contains "${folder}"
  output: "exec name=%proc.name exe=%proc.exe path=%proc.exepath line=%proc.cmdline cwd=%proc.cwd parent=%proc.pname grand=%proc.aname[2]
    pid=%proc.pid tty=%proc.tty user=%user.name uid=%user.uid group=%group.name container=%container.id"
  priority: NOTICE
  tags: [b, a]
- rule: Write
  desc: d
  condition: evt.type in (open, openat, openat2, creat) and evt.is_open_write=true and fd.name startswith "${folder}"
  output: write name=%fd.name raw=%fd.nameraw dir=%fd.directory file=%fd.filename num=%fd.num type=%fd.typechar flags=%evt.arg.flags res=%evt.res created=%evt.is_open_create
  priority: WARNING
- rule: Path
  desc: d
  condition: evt.type in (unlink, unlinkat, mkdir, mkdirat, rmdir, chmod, fchmodat) and fs.path.name startswith "${folder}"
  output: "%evt.type path=%fs.path.name args=%evt.args"
  priority: INFO
- rule: Rename
  desc: d
  condition: evt.type in (rename, renameat, renameat2) and fs.path.source startswith "${folder}"
  output: from=%fs.path.source to=%fs.path.target
  priority: INFO
- rule: Connect
  desc: d
  condition: evt.type = connect and fd.sport = 29871
  output: name=%fd.name sip=%fd.sip sport=%fd.sport cport=%fd.cport proto=%fd.l4proto res=%evt.res
  priority: ERROR
- rule: Container
  desc: d
  condition: evt.type = execve and container.id != host and container.image.repository = lanner-busybox and proc.args contains lanner-marker
  output: "name=%container.name image=%container.image.repository:%container.image.tag id=%container.id full=%container.full_id vpid=%proc.vpid
    mount=%container.mount.dest[${folder}] privileged=%container.privileged user=%user.name"
  priority: CRITICAL
`;

let agent: Agent;
beforeAll(async () => {
  agent = await startAgent(rules);
});
afterAll(async () => {
  await agent.close();
  rmSync(folder, { recursive: true, force: true });
});

const shell = (script: string) => run('/bin/sh', ['-c', script], { cwd: folder });

describe('the agent on this kernel', () => {
  it('tells all about a program that was started', async () => {
    await shell(`/bin/ls -l '${folder}' >/dev/null; true`);
    const { output, output_fields, ...rest } = await agent.alert('the exec of ls', ({ output_fields: fields }) =>
      String(fields['proc.cmdline']).startsWith('ls -l'),
    );
    expect(rest).toMatchObject({
      hostname: hostname(),
      priority: 'Notice',
      rule: 'Exec',
      source: 'syscall',
      tags: ['a', 'b'],
    });
    expect(output_fields).toMatchObject({
      'proc.name': 'ls',
      'proc.exe': '/bin/ls',
      'proc.exepath': execFileSync('readlink', ['-f', '/bin/ls'], { encoding: 'utf8' }).trim(),
      'proc.cmdline': `ls -l ${folder}`,
      'proc.cwd': `${folder}/`,
      'proc.pname': 'sh',
      'proc.tty': 0,
      'user.name': 'root',
      'user.uid': 0,
      'group.name': 'root',
      'container.id': 'host',
    });
    expect(output).toMatch(/^\d\d:\d\d:\d\d\.\d{9}: Notice exec name=ls exe=\/bin\/ls /);
    const eventMs = Date.parse(rest.time);
    expect(Math.abs(Date.now() - eventMs)).toBeLessThan(60_000);
    // The field counts nanoseconds, the text is cut to milliseconds by Date.parse.
    expect(Math.abs(Number(output_fields['evt.time']) / 1e6 - eventMs)).toBeLessThan(1.001);
  });

  it('resolves what is relative, and tells a new file from an old one', async () => {
    await shell(`mkdir deep; cd deep; echo 1 > ../note; echo 2 >> ../note`);
    const writes = () => agent.alerts().filter(({ rule }) => rule === 'Write');
    await agent.alert('the second write', ({ output_fields }) =>
      String(output_fields['evt.arg.flags']).includes('O_APPEND'),
    );
    expect(writes()[0]?.output_fields).toMatchObject({
      'fd.name': `${folder}/note`,
      'fd.nameraw': '../note',
      'fd.directory': folder,
      'fd.filename': 'note',
      'fd.typechar': 'f',
      'evt.res': 'SUCCESS',
      'evt.is_open_create': true,
    });
    expect(String(writes()[0]?.output_fields['evt.arg.flags'])).toContain('O_TRUNC|O_CREAT|O_WRONLY');
  });

  it('names the paths of calls without a descriptor', async () => {
    await shell(`touch a; chmod 4755 a; mv a b; rm b`);
    const removed = await agent.alert(
      'the removal',
      ({ rule, output }) => rule === 'Path' && output.includes('unlink'),
    );
    expect(removed.output_fields['fs.path.name']).toBe(`${folder}/b`);
    const renamed = await agent.alert('the renaming', ({ rule }) => rule === 'Rename');
    expect(renamed.output_fields).toMatchObject({ 'fs.path.source': `${folder}/a`, 'fs.path.target': `${folder}/b` });
    const changed = await agent.alert('the mode', ({ output }) => output.includes('S_ISUID'));
    expect(changed.output_fields['fs.path.name']).toBe(`${folder}/a`);
  });

  it('tells both ends of a connection', async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(29_871, '127.0.0.1', resolve));
    await run('python3', ['-c', 'import socket; socket.create_connection(("127.0.0.1", 29871)).recv(1)']);
    server.close();
    const { output_fields } = await agent.alert('the connection', ({ rule }) => rule === 'Connect');
    expect(output_fields).toMatchObject({
      'fd.sip': '127.0.0.1',
      'fd.sport': 29_871,
      'fd.l4proto': 'tcp',
      'evt.res': 'SUCCESS',
    });
    expect(output_fields['fd.name']).toBe(`127.0.0.1:${output_fields['fd.cport']}->127.0.0.1:29871`);
  });

  it('knows name, image and mounts of a container at its very first program, every time', async () => {
    const names = Array.from({ length: 10 }, (_, number) => `lanner-first-${number}`);
    for (const name of names) {
      // One that an interrupted run of the tests left behind.
      await remove(name);
      const id = await docker(
        'run',
        '-d',
        '--name',
        name,
        '--network',
        'none',
        '-v',
        `${folder}:/mnt`,
        image,
        'sleep',
        '0.01',
        'lanner-marker',
      ).catch(() => docker('inspect', '--format', '{{.Id}}', name));
      const { output_fields } = await agent.alert(
        `the first program of ${name}`,
        ({ output_fields: fields }) => fields['container.name'] === name,
      );
      await remove(name);
      expect(output_fields).toMatchObject({
        'container.image.repository': 'lanner-busybox',
        'container.image.tag': '1',
        'container.id': id.slice(0, 12),
        'container.full_id': id,
        [`container.mount.dest[${folder}]`]: '/mnt',
        'container.privileged': false,
        'proc.vpid': 1,
        'user.name': 'root',
      });
    }
  });

  it('prints nothing but alerts on standard output, and loses nothing', async () => {
    const before = agent.alerts().filter(({ rule }) => rule === 'Write').length;
    await shell(`for i in $(seq 2000); do : > "f$i"; done`);
    await agent.alert('the last of many', ({ output_fields }) => output_fields['fd.filename'] === 'f2000');
    expect(agent.said()).not.toContain('dropped');
    expect(agent.alerts().filter(({ rule }) => rule === 'Write').length - before).toBe(2_000);
  });
});

describe('starting and stopping the agent', () => {
  it.for(['SIGTERM', 'SIGINT'] as const)('ends within a second after %s', async (signal) => {
    const other = await startAgent(
      '- rule: R\n  desc: d\n  condition: evt.type=execve\n  output: o\n  priority: INFO\n',
    );
    const { code, tookMs } = await other.close(signal);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(1_000);
  });

  it('goes on watching when nobody reads its output, and still ends', async () => {
    const path = join(folder, 'stuck.yaml');
    const alertsFile = join(folder, 'alerts.jsonl');
    const mark = join(folder, 'stuck-');
    writeFileSync(
      path,
      `- rule: R\n  desc: d\n  condition: evt.type=openat and fd.name startswith "${mark}"\n  output: "%fd.name ${'x'.repeat(1_000)}"\n  priority: INFO\n`,
    );
    const pidFile = join(folder, 'stuck.pid');
    const errorFile = join(folder, 'stuck.err');
    const agentCommand = `lanner.ts agent --json --rules ${path} --alerts-file ${alertsFile} 2> ${errorFile}`;
    // script(1) gives the agent a terminal, and stops reading it when nobody reads script's own output.
    const terminal = spawn(
      'script',
      ['-q', '-c', `echo $$ > ${pidFile}; exec ${process.execPath} ${agentCommand}`, '/dev/null'],
      { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    terminal.stdout.pause();
    await eventually('the agent to watch', () => readIfThere(errorFile).includes('watching') || undefined);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await shell(`for i in $(seq 500); do : > "${mark}$i"; done`);
    await eventually(
      'the last alert in the file',
      () => readIfThere(alertsFile).includes(`${mark}500 `) || undefined,
    ).finally(() => process.kill(pid, 'SIGTERM'));
    await eventually('the end of the agent', () => !existsSync(`/proc/${pid}/exe`) || undefined, 1_000).finally(() => {
      terminal.kill('SIGKILL');
    });
  });

  it('says every mistake in the rules with its place', async () => {
    const file = join(folder, 'broken.yaml');
    writeFileSync(
      file,
      '- rule: A\n  desc: d\n  condition: proc.nmae = x\n  output: o\n  priority: INFO\n- rule: B\n  desc: d\n  condition: evt.type = (\n  output: o\n  priority: INFO\n',
    );
    const { code, stderr, stdout } = await lanner(['agent', '--json', '--rules', file]);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(`${file}:3:14: error`);
    expect(stderr).toContain('did you mean proc.name?');
    expect(stderr).toContain(`${file}:8:`);
  });

  it('says in one sentence that it needs root, and what runs without', async () => {
    const { code, stderr } = await lanner(
      ['agent'],
      ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all', '--reuid', '65534', '--clear-groups'],
    );
    expect(code).toBe(77);
    expect(stderr).toMatch(/^lanner agent: cannot watch this host: .*needs root.*\n.*`lanner router`.*\n$/);
  });

  it('says that the token is missing', async () => {
    const { code, stderr } = await lanner(['agent', '--router', 'http://127.0.0.1:1', '--data', join(folder, 'none')]);
    expect(code).toBe(1);
    expect(stderr).toContain('--token-file');
  });
});

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function lanner(args: readonly string[], prefix: readonly string[] = []) {
  const [program = '', ...words] = [...prefix, process.execPath, 'lanner.ts', ...args];
  const child = spawn(program, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += chunk));
  child.stderr.on('data', (chunk) => (said.stderr += chunk));
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, ...said })),
  );
}
