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

const fields = [
  'proc.args proc.vpid container.id container.full_id container.name container.type container.image container.privileged',
  'container.mounts container.host_network container.ip container.start_ts k8s.pod.name',
].join(' ');
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
  return { fields: output_fields, delayMs: receivedMs - Date.parse(time) };
}

/** No engine is there to ask, so nothing is waited for. */
const machine = (name: string, type: string) => ({
  'proc.vpid': 1,
  'container.id': name,
  'container.full_id': name,
  'container.name': name,
  'container.type': type,
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
    'lxc.mount.entry = /usr usr none bind,ro 0 0',
  ];
  writeFileSync(join(folder, name, 'config'), `${config.join('\n')}\n`);
  const lxc = ['-F', '-P', folder, '-n', name, '-o', join(folder, 'lxc.log')];
  const begunMs = Date.now();
  // Its first program gives the network an address, and lives until the alert of the second is there.
  const lines = 'busybox ip addr add 10.231.78.9/24 dev lo; busybox sh -c true mark-lxc; busybox sleep 1';
  await run('lxc-start', [...lxc, '--', '/bin/busybox', 'sh', '-c', lines], { timeout: 30_000 });
  const { fields: alert, delayMs } = await alertOf('lxc');
  expect(alert).toMatchObject({
    ...machine(name, 'lxc'),
    'proc.vpid': expect.any(Number),
    // All of it is in its configuration but the address, which is the network's.
    'container.image': tree,
    'container.privileged': true,
    'container.mounts': '/usr:/usr:ro:false:',
    'container.host_network': false,
    'container.ip': '10.231.78.9',
  });
  expect(Math.abs(Number(alert['container.start_ts']) / 1e6 - begunMs)).toBeLessThan(2_000);
  expect(delayMs).toBeLessThan(450);
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
    const { fields: alert, delayMs } = await alertOf('nspawn');
    expect(alert).toMatchObject({ ...machine('lanner-nspawn', 'systemd-nspawn'), 'container.image': null });
    expect(delayMs).toBeLessThan(450);
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
    expect((await alertOf('inner')).fields).toMatchObject({
      'container.name': 'lanner-inner',
      'container.image': image,
    });
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
  expect((await alertOf('mapped')).fields).toMatchObject({
    'proc.vpid': 1,
    'container.name': 'lanner-mapped',
    'container.type': 'podman',
    'container.image': expect.stringContaining(image),
  });
});
