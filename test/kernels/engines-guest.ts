import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { copyLinked, makeGuest, pack } from './guest.ts';

const own = join(import.meta.dirname, 'engines');
const applets = ['sh', 'sleep', 'setsid', 'true'];

/** Engines and what they run, by the names of Debian's packages, beside what the other guests have. */
const programs = [
  ...['podman', 'crun', 'runc', 'conmon', 'containerd', 'containerd-shim-runc-v2', 'ctr', 'dockerd', 'docker'],
  ...['lxc-start', 'systemd-nspawn', 'dbus-daemon'],
];
/** These have their places; the second came with systemd 255. */
const placed = ['systemd', 'systemd-executor', 'systemd-machined'].map((name) => `/lib/systemd/${name}`);
/** The last two say that systemd and machined may have their names on the bus. */
const configuration = [
  ...['/etc/containers/policy.json', '/usr/share/containers', '/usr/share/dbus-1/system.conf'],
  ...['systemd1', 'machine1'].map((name) => `/usr/share/dbus-1/system.d/org.freedesktop.${name}.conf`),
];

/** The guest of all kernels, with systemd, D-Bus and container engines added. `remove` it at the end. */
export function makeEnginesGuest(): { readonly initrd: string; remove(): void } {
  const guest = makeGuest();
  const folder = mkdtempSync(join(tmpdir(), 'lanner-engines-'));
  const tree = join(folder, 'tree');
  for (const name of ['bin', 'etc/systemd/system', 'lib/systemd/system', 'mnt', 'root', 'run', 'usr', 'var'])
    mkdirSync(join(tree, name), { recursive: true });
  for (const name of programs) copyLinked(tree, find(name), `bin/${name}`);
  for (const path of placed.filter(existsSync)) copyLinked(tree, path, path);
  for (const path of configuration) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    cpSync(path, join(tree, path), { recursive: true });
  }
  for (const unit of ['default.target', 'inside.service', 'dbus.socket', 'dbus.service'])
    copyFileSync(join(own, unit), join(tree, 'etc/systemd/system', unit));
  writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nmessagebus:x:100:100::/:/bin/false\n');
  writeFileSync(join(tree, 'etc/group'), 'root:x:0:\nmessagebus:x:100:\n');
  writeFileSync(join(tree, 'etc/machine-id'), '');
  writeFileSync(join(tree, 'etc/os-release'), 'ID=guest\n');
  makeImage(folder, join(tree, 'image.tar'));
  for (const name of ['inside.sh', 'rules.yaml', 'playbooks.yaml']) copyFileSync(join(own, name), join(tree, name));
  copyFileSync(join(own, 'init.sh'), join(tree, 'init'));
  const added = join(folder, 'added');
  pack(tree, added);
  // The kernel unpacks one archive after the other.
  const initrd = join(folder, 'initrd');
  execFileSync('sh', ['-c', 'cat "$0" "$1" >"$2"', guest.initrd, added, initrd]);
  guest.remove();
  return { initrd, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const find = (program: string): string =>
  execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin:/usr/bin command -v "$0"', program], { encoding: 'utf8' }).trim();

/** The root of a container with busybox alone, which also serves nspawn and LXC. */
function makeImage(folder: string, archive: string): void {
  const image = join(folder, 'image');
  for (const name of ['bin', 'dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp', 'usr', 'var'])
    mkdirSync(join(image, name), { recursive: true });
  copyFileSync('/bin/busybox', join(image, 'bin/busybox'));
  for (const applet of applets) symlinkSync('busybox', join(image, 'bin', applet));
  writeFileSync(join(image, 'etc/os-release'), 'ID=container\n');
  execFileSync('tar', ['-C', image, '-cf', archive, '.']);
  rmSync(image, { recursive: true });
}
