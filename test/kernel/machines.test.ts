import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { docker, image } from '../support/docker.ts';
import { makeHostGroup } from '../support/host-group.ts';

const run = promisify(execFile);

const fields =
  'proc.args proc.vpid container.id container.full_id container.name container.type container.image k8s.pod.name';
const rules = `- rule: marked
  desc: a program that the test started in a container
  condition: evt.type=execve and proc.args startswith "sh -c true mark-"
  output: "%${fields.split(' ').join(' %')}"
  priority: INFO
`;

const folder = mkdtempSync(join(tmpdir(), 'lanner-machines-'));
const tree = join(folder, 'tree');
let agent: Agent;

beforeAll(async () => {
  for (const name of ['bin', 'dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp', 'usr', 'var']) {
    mkdirSync(join(tree, name), { recursive: true });
  }
  copyFileSync('/bin/busybox', join(tree, 'bin/busybox'));
  for (const applet of ['sh', 'sleep']) symlinkSync('busybox', join(tree, 'bin', applet));
  writeFileSync(join(tree, 'etc/os-release'), 'ID=test\n');
  agent = await startAgent(rules);
}, 60_000);

afterAll(async () => {
  await agent?.close();
  rmSync(folder, { recursive: true });
});

async function alertOf(mark: string) {
  const { output_fields, time, receivedMs } = await agent.alert(
    mark,
    (alert) => alert.output_fields['proc.args'] === `sh -c true mark-${mark}`,
  );
  return { ...output_fields, delayMs: receivedMs - Date.parse(time) };
}

/** The name is all that is known of such a container, so nothing is waited for. */
const machine = (name: string, type: string) => ({
  'proc.vpid': 1,
  'container.id': name,
  'container.full_id': name,
  'container.name': name,
  'container.type': type,
  'container.image': null,
  'k8s.pod.name': null,
});

test('a container of LXC', async () => {
  const name = 'lanner-lxc';
  mkdirSync(join(folder, name));
  const config = [
    `lxc.rootfs.path = dir:${tree}`,
    `lxc.uts.name = ${name}`,
    'lxc.net.0.type = empty',
    'lxc.apparmor.profile = unconfined',
  ];
  writeFileSync(join(folder, name, 'config'), `${config.join('\n')}\n`);
  const lxc = ['-F', '-P', folder, '-n', name, '-o', join(folder, 'lxc.log')];
  await run('lxc-start', [...lxc, '--', '/bin/busybox', 'sh', '-c', 'true', 'mark-lxc'], { timeout: 30_000 });
  const alert = await alertOf('lxc');
  expect(alert).toMatchObject(machine(name, 'lxc'));
  expect(alert.delayMs).toBeLessThan(450);
});

test('a container of systemd-nspawn, in the scope that machined makes for it', async () => {
  // There is no systemd here that would make it: nspawn finds itself in it, as after registering.
  const group = makeHostGroup('/machine.slice/machine-lanner\\x2dnspawn.scope');
  const nspawn = ['-q', '--register=no', '--keep-unit', '-D', tree, '-M', 'lanner-nspawn'];
  const words = [...nspawn, '/bin/busybox', 'sh', '-c', 'true', 'mark-nspawn'].join(' ');
  try {
    await run('/bin/sh', ['-c', `${group.enter}; systemd-nspawn ${words}`], {
      timeout: 30_000,
    });
    const alert = await alertOf('nspawn');
    expect(alert).toMatchObject(machine('lanner-nspawn', 'systemd-nspawn'));
    expect(alert.delayMs).toBeLessThan(450);
  } finally {
    group.remove();
  }
});

test('a container below a container: the inner one', async () => {
  const outer = await docker('run', '-d', '--rm', '--network', 'none', image, '/bin/busybox', 'sleep', '60');
  try {
    // The group that an engine inside the outer container would make.
    const parent = `--cgroup-parent=/docker/${outer}/docker`;
    const asked = ['run', '--rm', '--network', 'none', '--name', 'lanner-inner', parent, image];
    await docker(...asked, '/bin/busybox', 'sh', '-c', 'true', 'mark-inner');
    expect(await alertOf('inner')).toMatchObject({ 'container.name': 'lanner-inner', 'container.image': image });
  } finally {
    await docker('rm', '-f', outer);
  }
});

test('a container in a user namespace of its own', async () => {
  const saved = join(folder, 'image.tar');
  await docker('save', '-o', saved, image);
  await run('podman', ['load', '-i', saved], { timeout: 60_000 });
  const engine = ['--runtime', 'runc', '--cgroup-manager=cgroupfs', 'run', '--rm', '--name', 'lanner-mapped'];
  const limits = ['--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=4096:4096'];
  const asked = [...engine, ...limits, '--network', 'none', '--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536'];
  await run('podman', [...asked, image, '/bin/busybox', 'sh', '-c', 'true', 'mark-mapped'], { timeout: 60_000 });
  expect(await alertOf('mapped')).toMatchObject({
    'proc.vpid': 1,
    'container.name': 'lanner-mapped',
    'container.type': 'podman',
    'container.image': expect.stringContaining(image),
  });
});
