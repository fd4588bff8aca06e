import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { groupOfMonitor } from './lxc-config.ts';
import { readMachine } from './machine-files.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function lay(documents: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-machines-'));
  folders.push(folder);
  for (const [path, text] of Object.entries(documents)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text.replaceAll('HERE', folder));
  }
  const places = { lxc: 'lxc', machines: 'machines', proc: 'proc' };
  const at = (name: string) => join(folder, name);
  const known = Object.entries(places).map(([key, name]) => [key, at(name)]);
  return { ...Object.fromEntries(known), groups: [at('groups')] } as Parameters<typeof readMachine>[1];
}

const web = { id: 'web', engine: 'lxc', group: '/lxc.payload.web' } as const;

describe('a container of LXC', () => {
  it('is what its configuration and what that includes say', () => {
    const config = `# comment
lxc.include = HERE/common
lxc.include = HERE/more
lxc.rootfs.path = dir:/srv/web/rootfs
lxc.idmap = u 0 100000 65536
lxc.net.0.type = veth
lxc.net.0.ipv4.address = 10.0.3.7/24 10.0.3.255
lxc.mount.entry = /srv/my\\040data data none bind,ro,rslave 0 0
lxc.mount.entry = tmpfs tmp tmpfs defaults 0 0
`;
    const places = lay({
      'lxc/web/config': config,
      common: 'lxc.rootfs.path = /overwritten\n',
      'more/a.conf': 'lxc.mount.fstab = HERE/fstab\n',
      'more/b.txt': 'lxc.net.0.type = none\n',
      fstab: '# none\n/opt opt none rbind 0 0\n',
    });
    expect(readMachine(web, places)).toMatchObject({
      name: 'web',
      image: '/srv/web/rootfs',
      repository: undefined,
      privileged: false,
      ip: '10.0.3.7',
      hostNetwork: false,
      hostPid: false,
      mounts: [
        { source: '/opt', destination: '/opt', mode: '', writable: true, propagation: '' },
        { source: '/srv/my data', destination: '/data', mode: 'ro', writable: false, propagation: 'rslave' },
      ],
    });
  });

  it.for([
    { name: 'its root is the host’s', config: 'lxc.rootfs.path = overlay:/a:/b\n', expected: { privileged: true } },
    { name: 'it shares the host’s network', config: 'lxc.net.0.type = none\n', expected: { hostNetwork: true } },
    {
      name: 'it keeps the host’s pids',
      config: 'lxc.namespace.keep = pid ipc\n',
      expected: { hostPid: true, hostIpc: true },
    },
    {
      name: 'it joins another’s network',
      config: 'lxc.net.0.type = empty\nlxc.namespace.share.net = db\n',
      expected: { hostNetwork: undefined },
    },
    { name: 'no network is spoken of', config: '', expected: { hostNetwork: undefined } },
    {
      name: 'LXC 2',
      config: 'lxc.rootfs = /r\nlxc.id_map = u 0 1 2\nlxc.network.type = none\n',
      expected: { image: '/r', privileged: false, hostNetwork: true },
    },
  ])('$name', ({ config, expected }) => {
    expect(readMachine(web, lay({ 'lxc/web/config': config }))).toMatchObject(expected);
  });

  it('is where its monitor says, under the name that the monitor has', () => {
    const places = lay({
      'lxc/web/config': 'lxc.rootfs.path = /wrong\n',
      'home/web/config': 'lxc.rootfs.path = /right\n',
      'groups/user.slice/lxc.monitor.web-1/cgroup.procs': '17\n18\n',
      'proc/17/cmdline': '[lxc monitor] HERE/home web\0\0',
    });
    const found = readMachine({ id: 'web-1', engine: 'lxc', group: '/user.slice/lxc.payload.web-1' }, places);
    expect(found).toMatchObject({ name: 'web', image: '/right' });
  });

  it.for([
    { line: 'lxc-start -F -P HERE/home -n web', name: 'web' },
    { line: 'lxc-start --lxcpath=HERE/home --name web -F', name: 'web' },
    { line: 'lxc-execute -f HERE/home/web/config -- sh -n other', name: 'web-1' },
  ])('is where its monitor in the foreground was told: $line', ({ line, name }) => {
    const places = lay({
      'home/web/config': 'lxc.rootfs.path = /right\n',
      'groups/lxc.monitor.web-1/cgroup.procs': '17\n',
      'proc/17/cmdline': `${line.replaceAll(' ', '\0')}\0`,
    });
    expect(readMachine({ id: 'web-1', engine: 'lxc', group: '/lxc.payload.web-1' }, places)).toMatchObject({
      name,
      image: '/right',
    });
  });

  it('has its name alone where nothing is found, and an endless configuration ends', () => {
    expect(readMachine(web, lay({}))).toMatchObject({ name: 'web', image: undefined, privileged: undefined });
    const loop = 'lxc.include = HERE/lxc/web/config\n'.repeat(100);
    expect(readMachine(web, lay({ 'lxc/web/config': loop }))).toMatchObject({ name: 'web', privileged: true });
  });

  it.for([
    ['/lxc.payload.web', '/lxc.monitor.web'],
    ['/user.slice/a.scope/lxc.payload.web', '/user.slice/a.scope/lxc.monitor.web'],
    ['/lxc/101', '/lxc.monitor/101'],
    ['/x/lxc.payload/101', '/x/lxc.monitor/101'],
  ] as const)('of %s the monitor is in %s', ([group, monitor]) => {
    expect(groupOfMonitor(group)).toBe(monitor);
  });
});

describe('a container of systemd-nspawn', () => {
  const box = { id: 'box', engine: 'systemd-nspawn' } as const;
  it('is what machined noted', () => {
    const noted = 'NAME=box\nROOT=/var/lib/machines/box\nLEADER=17\nCLASS=container\nREALTIME=1795865748477247\n';
    expect(readMachine(box, lay({ 'machines/box': noted }))).toMatchObject({
      name: 'box',
      image: '/var/lib/machines/box',
      startedMs: 1_795_865_748_477,
    });
  });

  it.for([
    { name: 'machined does not know it', id: 'box', files: {} },
    { name: 'a virtual machine has the name', id: 'box', files: { 'machines/box': 'ROOT=/x\nCLASS=vm\n' } },
    { name: 'its name is a path', id: '../box', files: { box: 'ROOT=/x\nCLASS=container\n' } },
  ])('has its name alone: $name', ({ id, files }) => {
    expect(readMachine({ id, engine: 'systemd-nspawn' }, lay(files))).toMatchObject({ name: id, image: undefined });
  });
});
