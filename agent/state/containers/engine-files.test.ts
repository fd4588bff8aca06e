import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openEngineFiles } from './engine-files.ts';

const id = 'ab'.repeat(32);
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Engines' folders with these documents in them. */
function lay(documents: Readonly<Record<string, unknown>>) {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-files-'));
  folders.push(folder);
  for (const [path, document] of Object.entries(documents)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof document === 'string' ? document : JSON.stringify(document));
  }
  const places = {
    docker: [join(folder, 'docker')],
    tasks: [join(folder, 'tasks')],
    storage: [join(folder, 'storage')],
  };
  return openEngineFiles(places, (user) => (user === 1000 ? join(folder, 'home') : undefined));
}

const spec = {
  ociVersion: '1.0.2',
  process: { args: ['/bin/app', '-v'], capabilities: { bounding: ['CAP_CHOWN'] } },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/etc/hosts', type: 'bind', source: '/run/x/hosts', options: ['bind', 'rprivate'] },
    { destination: '/host', type: 'bind', source: '/etc', options: ['ro', 'rbind', 'rprivate'] },
  ],
  linux: {
    namespaces: [{ type: 'mount' }, { type: 'pid' }, { type: 'network' }],
    maskedPaths: ['/proc/kcore'],
    seccomp: {},
  },
};

describe('where a container’s users stand', () => {
  const bundle = `tasks/default/${id}`;
  const usersOf = (changes: object) => {
    const files = lay({ [`${bundle}/config.json`]: { ...spec, root: { path: 'rootfs' }, ...changes } });
    return files.usersOf({ id, engine: 'unknown' });
  };
  const bind = (destination: string, source: string) => ({ destination, source, type: 'bind', options: ['rbind'] });
  const etc = { passwd: ['etc', 'passwd'], group: ['etc', 'group'] };

  it('is below its root, relative to the bundle or not', () => {
    const found = usersOf({});
    expect(found).toMatchObject({ passwd: { parts: etc.passwd }, group: { parts: etc.group } });
    expect(found?.passwd?.folder).toMatch(new RegExp(`/${bundle}/rootfs$`));
    expect(found?.uids).toEqual([{ inside: 0, outside: 0, length: 0xffff_ffff }]);
    expect(usersOf({ root: { path: '/var/ü' } })?.group).toEqual({ folder: '/var/ü', parts: etc.group });
  });

  it('is where a mount leads, and not known if that is no folder of the host', () => {
    expect(usersOf({ mounts: [bind('/etc', '/a'), bind('/etc/passwd', '/b/users')] })).toMatchObject({
      passwd: { folder: '/b', parts: ['users'] },
      group: { folder: '/a', parts: ['group'] },
    });
    expect(usersOf({ mounts: [{ destination: '/etc', source: 'tmpfs', type: 'tmpfs' }] })).toMatchObject({
      passwd: undefined,
      group: undefined,
    });
  });

  it('is not known where there are more mounts than are kept', () => {
    const mounts = new Array(300).fill(bind('/data', '/d'));
    expect(usersOf({ mounts: [...mounts, bind('/etc/passwd', '/b/users')] })).toBeUndefined();
  });

  it('has the numbers of its user namespace, and is not known in another’s', () => {
    const uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const own = { namespaces: [{ type: 'user' }], uidMappings, gidMappings: uidMappings };
    expect(usersOf({ linux: own })?.uids).toEqual([{ inside: 0, outside: 100_000, length: 65_536 }]);
    expect(usersOf({ linux: { namespaces: [{ type: 'user', path: '/proc/7/ns/user' }] } })).toBeUndefined();
  });
});

describe('what engines keep in files', () => {
  it('reads a docker container below the user that root becomes, and the digest its image was pulled by', () => {
    const digest = `sha256:${'ef'.repeat(32)}`;
    const files = lay({
      [`docker/200000.200000/containers/${id}/config.v2.json`]: {
        ID: id,
        Name: '/web',
        Driver: 'overlay2',
        Image: `sha256:${'cd'.repeat(32)}`,
        Config: { Image: 'docker.io/library/nginx:1.27' },
      },
      [`docker/200000.200000/containers/${id}/hostconfig.json`]: {},
      'docker/200000.200000/image/overlay2/repositories.json': {
        Repositories: {
          nginx: {
            'nginx:1.27': `sha256:${'cd'.repeat(32)}`,
            [`nginx@sha256:${'01'.repeat(32)}`]: `sha256:${'02'.repeat(32)}`,
            [`nginx@${digest}`]: `sha256:${'cd'.repeat(32)}`,
          },
        },
      },
    });
    expect(files.read({ id, engine: 'docker' })).toMatchObject({ details: { name: 'web', tag: '1.27', digest } });
  });

  it('reads all of a docker container', () => {
    const files = lay({
      [`docker/containers/${id}/config.v2.json`]: {
        ID: id,
        Name: '/web',
        Created: '2026-11-23T14:00:00.5Z',
        State: { StartedAt: '0001-01-01T00:00:00Z' },
        Path: '/bin/sh',
        Args: ['-c', 'true'],
        Image: `sha256:${'cd'.repeat(32)}`,
        Config: { Image: 'nginx:1.27', Labels: { a: 'b' }, Healthcheck: { Test: ['CMD-SHELL', 'curl -f localhost'] } },
        MountPoints: {
          '/host': { Source: '/etc', Destination: '/host', RW: false, Relabel: 'ro', Propagation: 'rprivate' },
        },
        NetworkSettings: { Networks: { bridge: { IPAddress: '' } } },
      },
      [`docker/containers/${id}/hostconfig.json`]: { Privileged: true, NetworkMode: 'default', PidMode: 'host' },
    });
    expect(files.read({ id, engine: 'docker' })).toMatchObject({
      engine: 'docker',
      isComplete: true,
      details: {
        name: 'web',
        image: 'nginx:1.27',
        repository: 'nginx',
        tag: '1.27',
        imageId: 'cd'.repeat(32),
        privileged: true,
        hostPid: true,
        hostNetwork: false,
        ip: undefined,
        createdMs: Date.parse('2026-11-23T14:00:00.5Z'),
        startedMs: undefined,
        command: ['/bin/sh', '-c', 'true'],
        mounts: [{ source: '/etc', destination: '/host', mode: 'ro', writable: false, propagation: 'rprivate' }],
        labels: new Map([['a', 'b']]),
        probes: { health: '/bin/sh -c curl -f localhost' },
      },
    });
  });

  it.for(['containers.json', 'volatile-containers.json'])('reads names and images of podman from %s', (list) => {
    const metadata = JSON.stringify({ 'image-name': 'localhost/app:1', name: 'web' });
    const files = lay({
      [`storage/overlay-containers/${id}/userdata/config.json`]: {
        ...spec,
        annotations: { 'io.podman.annotations.privileged': 'FALSE' },
      },
      [`storage/overlay-containers/${list}`]: [
        { id: 'other', names: ['no'] },
        { id, names: ['web'], image: 'ef'.repeat(32), created: '2026-11-23T14:00:00Z', metadata },
      ],
    });
    expect(files.read({ id, engine: 'podman' })).toMatchObject({
      engine: 'podman',
      isComplete: false,
      details: { name: 'web', image: 'localhost/app:1', tag: '1', imageId: 'ef'.repeat(32), privileged: false },
    });
  });

  it('reads a container of a user’s own podman from that user’s home', () => {
    const storage = 'home/.local/share/containers/storage/vfs-containers';
    const files = lay({
      [`${storage}/${id}/userdata/config.json`]: spec,
      [`${storage}/containers.json`]: [{ id, names: ['mine'], image: 'ef'.repeat(32) }],
    });
    const mine = { engine: 'podman', details: { name: 'mine', imageId: 'ef'.repeat(32), command: ['/bin/app', '-v'] } };
    expect(files.read({ id, engine: 'podman', user: 1000 })).toMatchObject(mine);
    expect(files.read({ id, engine: 'podman', user: 1001 })).toBeUndefined();
    expect(files.read({ id, engine: 'podman' })).toBeUndefined();
  });

  it('reads a pod’s container of CRI-O', () => {
    // Named in CRI-O, pkg/annotations.
    const annotations = {
      'io.kubernetes.cri-o.ContainerType': 'container',
      'io.kubernetes.cri-o.ImageName': 'registry:5000/team/app:1.2',
      'io.kubernetes.cri-o.SandboxID': 'cd'.repeat(32),
      'io.kubernetes.cri-o.IP.0': '10.85.0.4',
      'io.kubernetes.container.name': 'app',
      'io.kubernetes.pod.name': 'web-1',
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.uid': 'u-1',
    };
    const files = lay({ [`storage/overlay-containers/${id}/userdata/config.json`]: { ...spec, annotations } });
    expect(files.read({ id, engine: 'cri-o', podUid: 'u-1' })).toMatchObject({
      engine: 'cri-o',
      details: {
        name: 'app',
        repository: 'registry:5000/team/app',
        tag: '1.2',
        privileged: false,
        pod: { name: 'web-1', namespace: 'shop', uid: 'u-1', sandboxId: 'cd'.repeat(32), ip: '10.85.0.4' },
      },
    });
  });

  it('reads a pod’s container of containerd', () => {
    const annotations = {
      'io.kubernetes.cri.container-type': 'container',
      'io.kubernetes.cri.container-name': 'app',
      'io.kubernetes.cri.image-name': 'docker.io/library/app:1',
      'io.kubernetes.cri.sandbox-id': 'cd'.repeat(32),
      'io.kubernetes.cri.sandbox-name': 'web-1',
      'io.kubernetes.cri.sandbox-namespace': 'shop',
      'io.kubernetes.cri.sandbox-uid': 'u-1',
    };
    const files = lay({
      'tasks/other/x/config.json': spec,
      [`tasks/k8s.io/${id}/config.json`]: { ...spec, annotations },
    });
    expect(files.read({ id, engine: 'cri' })).toMatchObject({
      engine: 'containerd',
      isComplete: false,
      details: {
        name: 'app',
        repository: 'docker.io/library/app',
        command: ['/bin/app', '-v'],
        mounts: [{ source: '/etc', destination: '/host', mode: 'ro', writable: false, propagation: 'rprivate' }],
        pod: { name: 'web-1', namespace: 'shop', uid: 'u-1', sandboxId: 'cd'.repeat(32) },
        hostNetwork: false,
        hostIpc: true,
      },
    });
  });

  it('knows which names are containerd’s', () => {
    const files = lay({ 'tasks/default/redis/config.json': spec });
    expect(files.isContainerdTask('default', 'redis')).toBe(true);
    expect(files.isContainerdTask('default', 'other')).toBe(false);
    expect(files.read({ id: 'redis', engine: 'containerd', namespace: 'default' })).toMatchObject({
      engine: 'containerd',
    });
    expect(files.read({ id: '../default/redis', engine: 'containerd', namespace: 'default' })).toBeUndefined();
  });

  it('knows LXC and nspawn by their names', () => {
    const known = { engine: 'lxc', isComplete: true, details: { name: 'web' } };
    expect(lay({}).read({ id: 'web', engine: 'lxc' })).toMatchObject(known);
  });

  it.for([
    { name: 'nothing', documents: {} },
    { name: 'a file that was cut off', documents: { [`docker/containers/${id}/config.v2.json`]: '{"ID": "a' } },
    { name: 'another document', documents: { [`tasks/k8s.io/${id}/config.json`]: [1] } },
  ])('knows nothing of a container with $name', ({ documents }) => {
    expect(lay(documents).read({ id, engine: 'unknown' })).toBeUndefined();
  });
});
