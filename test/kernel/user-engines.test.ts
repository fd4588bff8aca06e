import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { docker, image, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { makeHostGroup } from '../support/host-group.ts';
import { numberIn, type PrivateFiles, startPrivateFiles, tester } from '../support/private-files.ts';

const run = promisify(execFile);
const root = new URL('../..', import.meta.url).pathname;

const fields =
  'proc.args proc.vpid user.uid container.id container.full_id container.name container.type container.image container.image.tag container.image.digest container.mounts container.privileged';
const rules = `- rule: marked
  desc: a program that the test started in a container
  condition: evt.type=execve and proc.args startswith "sh -c true mark-"
  output: "%${fields.split(' ').join(' %')}"
  priority: INFO
`;

const folder = mkdtempSync(join(tmpdir(), 'lanner-users-'));
const saved = join(folder, 'image.tar');
const socket = join(folder, 'docker.sock');
const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
let files: PrivateFiles;
let agent: Agent;

beforeAll(async () => {
  chmodSync(folder, 0o755);
  files = await startPrivateFiles(folder);
  closers.push(() => files.close());
  await docker('save', '-o', saved, image);
  chmodSync(saved, 0o644);
  agent = await startAgent(rules, ['--engine', `docker=${socket}`], files.within(root));
  closers.push(() => agent.close());
}, 60_000);

afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

const say = (mark: string) => ['/bin/busybox', 'sh', '-c', 'true', `mark-${mark}`] as const;

async function alertOf(mark: string) {
  const isIt = (alert: { output_fields: Record<string, unknown> }) =>
    alert.output_fields['proc.args'] === `sh -c true mark-${mark}`;
  const { output_fields, time, receivedMs } = await agent.alert(mark, isIt);
  return { ...output_fields, delayMs: receivedMs - Date.parse(time) };
}

async function asUser(...words: readonly string[]): Promise<string> {
  const [program = '', ...rest] = [...files.asUser, ...words];
  return (await run(program, rest, { encoding: 'utf8', timeout: 60_000 })).stdout.trim();
}

/** Rootless podman keeps its user namespace by a process that stays. */
function endPodman(): void {
  const pause = files.path(`/run/user/${tester.uid}/libpod/tmp/pause.pid`);
  if (existsSync(pause)) process.kill(numberIn(pause), 'SIGKILL');
}

test('podman of an ordinary user, by the files in the user’s home', async () => {
  const runtime = join(folder, 'runtime/runc');
  const podman = ['podman', '--runtime', runtime, '--cgroup-manager=cgroupfs'];
  mkdirSync(join(folder, 'runtime'));
  writeFileSync(runtime, '#!/bin/sh\nexec runc "$@"\n', { mode: 0o755 });
  closers.push(endPodman);
  await asUser(...podman, 'load', '-i', saved);
  const named = await asUser(...podman, 'images', '--format', '{{.Repository}}:{{.Tag}}');
  const digest = await asUser(...podman, 'images', '--format', '{{.Digest}}');
  const limits = ['--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=4096:4096'];
  const asked = ['create', '--name', 'lanner-user', '--network', 'none', '-v', '/usr:/host:ro', ...limits];
  const id = await asUser(...podman, ...asked, named, ...say('user'));
  // On cgroup v1 no groups are made for a user. These are what systemd makes on v2; the runtime enters them.
  const slice = `/user.slice/user-${tester.uid}.slice/user@${tester.uid}.service/user.slice`;
  const group = makeHostGroup(`${slice}/libpod-${id}.scope`);
  for (const file of group.procs) chownSync(file, tester.uid, tester.uid);
  const enter = group.procs.map((file) => `echo $$ > ${file} || :`).join('\n');
  writeFileSync(runtime, `#!/bin/sh\ncase "$*" in *create*)\n${enter}\nesac 2>/dev/null\nexec runc "$@"\n`);
  try {
    await asUser(...podman, 'start', '-a', id);
    const alert = await alertOf('user');
    expect(alert).toMatchObject({
      'proc.vpid': 1,
      'user.uid': tester.uid,
      'container.id': id.slice(0, 12),
      'container.full_id': id,
      'container.name': 'lanner-user',
      'container.type': 'podman',
      'container.image': named,
      'container.image.digest': digest,
      'container.mounts': '/usr:/host:ro:false:rprivate',
    });
    expect(alert.delayMs).toBeLessThan(450);
    await asUser(...podman, 'rm', '-f', id);
  } finally {
    await eventually('the group to be left', () => group.isEmpty() || undefined);
    group.remove();
  }
});

/** A dockerd beside the machine's own, in a network of its own: with --bridge=none it deletes the machine's docker0. */
async function startDockerd(...args: readonly string[]): Promise<void> {
  const [program = '', ...rest] = [...files.within('/'), 'unshare', '--net', 'dockerd', ...args];
  const log = openSync(join(folder, 'dockerd.log'), 'w');
  const state = [
    '--exec-root',
    join(folder, 'exec'),
    '--pidfile',
    join(folder, 'dockerd.pid'),
    '-H',
    `unix://${socket}`,
  ];
  const daemon = spawn(program, [...rest, ...state], { stdio: ['ignore', log, log] });
  const ended = once(daemon, 'exit');
  closers.push(async () => {
    daemon.kill('SIGTERM');
    await ended;
  });
  const answers = () => docker('-H', `unix://${socket}`, 'version').then(Boolean, () => undefined);
  await eventually('dockerd to answer', answers, 30_000);
}

test('docker with its containers in user namespaces (userns-remap)', async () => {
  await startDockerd(`--userns-remap=${tester.name}`, '--bridge=none', '--iptables=false');
  const remapped = (...args: readonly string[]) => docker('-H', `unix://${socket}`, ...args);
  await remapped('load', '-i', saved);
  const asked = ['run', '--rm', '--name', 'lanner-remapped', '--network', 'none', '-v', '/usr:/host:ro'];
  await remapped(...asked, image, ...say('remapped'));
  const alert = await alertOf('remapped');
  expect(alert).toMatchObject({
    'proc.vpid': 1,
    'user.uid': tester.firstSubordinate,
    'container.name': 'lanner-remapped',
    'container.type': 'docker',
    'container.image': image,
    'container.mounts': '/usr:/host:ro:false:rprivate',
  });
});

test('docker in docker: the inner container', async () => {
  const hosts = ['usr', 'lib', 'lib64', 'bin', 'sbin', 'etc'].flatMap((name) => ['-v', `/${name}:/${name}:ro`]);
  const own = ['/run', '/tmp', '/var/lib/docker'].flatMap((name) => ['--tmpfs', name]);
  // What --privileged gives, without the capability that this class of machine lacks.
  const can = ['--cap-add', 'ALL', '--cap-drop', 'SYS_RESOURCE'];
  const may = ['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'];
  const lines = `for group in /sys/fs/cgroup /sys/fs/cgroup/*; do
      [ -L $group ] || mount -o remount,bind,rw $group
    done
    exec dockerd --bridge=none --iptables=false`;
  const given = ['-d', '--network', 'none', ...can, ...may, ...hosts, ...own, '-v', `${saved}:/image.tar:ro`];
  const outer = await docker('run', ...given, image, '/bin/sh', '-c', lines);
  closers.push(() => remove(outer));
  const inner = (...args: readonly string[]) => docker('exec', outer, 'docker', ...args);
  await eventually('the inner dockerd', () => inner('version').then(Boolean, () => undefined), 30_000);
  await inner('load', '-i', '/image.tar');
  const id = await inner('create', '--network', 'none', '--name', 'lanner-inner', image, ...say('inner'));
  await inner('start', '-a', id);
  // Who runs the outer container decides what its engine says: it is believed about names, and about nothing else.
  expect(await alertOf('inner')).toMatchObject({
    'proc.vpid': 1,
    'container.id': id.slice(0, 12),
    'container.type': 'docker',
    'container.name': 'lanner-inner',
    'container.image': image,
    'container.image.tag': '1',
    'container.mounts': null,
    'container.privileged': null,
  });
});
