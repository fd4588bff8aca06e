import { describe, expect, it } from 'vitest';
import { containerOfCgroup, parseProcCgroup } from './cgroup.ts';

const id = 'a1b2c3d4'.repeat(8);
const third = 'ef'.repeat(32);
const other = '0f1e2d3c'.repeat(8);

const uid = '0a1b2c3d-1111-4222-8333-444455556666';
const uidSystemd = uid.replaceAll('-', '_');
const user = '/user.slice/user-1000.slice/user@1000.service/user.slice';
const podSlice = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uidSystemd}.slice`;
const task = 'b3e1d0f2-7a5c-4e0e-9d59-6a8f1c2d3e4f';

describe('containerOfCgroup', () => {
  it.for([
    { name: 'docker by cgroupfs', path: `/docker/${id}`, expected: { id, engine: 'docker' } },
    { name: 'docker by systemd', path: `/system.slice/docker-${id}.scope`, expected: { id, engine: 'docker' } },
    { name: 'rootless docker', path: `${user}/docker-${id}.scope`, expected: { id, engine: 'docker' } },
    { name: 'docker with a parent of its own', path: `/mine/${id}`, expected: { id, engine: 'unknown' } },
    {
      name: 'docker in a slice of its own',
      path: `/mine.slice/docker-${id}.scope`,
      expected: { id, engine: 'docker' },
    },
    { name: 'a task of ECS', path: `/ecs/0123abcd/${id}`, expected: { id, engine: 'unknown' } },
    { name: 'a group inside the container', path: `/docker/${id}/init.scope`, expected: { id, engine: 'docker' } },
    {
      name: 'docker in docker: the inner one',
      path: `/docker/${id}/docker/${other}`,
      expected: { id: other, engine: 'docker' },
    },
    {
      name: 'a pod by cgroupfs',
      path: `/kubepods/burstable/pod${uid}/${id}`,
      expected: { id, engine: 'cri', podUid: uid },
    },
    { name: 'a guaranteed pod', path: `/kubepods/pod${uid}/${id}`, expected: { id, engine: 'cri', podUid: uid } },
    {
      name: 'a static pod, whose uid is a hash',
      path: `/kubepods/burstable/pod${'0a'.repeat(16)}/${id}`,
      expected: { id, engine: 'cri', podUid: '0a'.repeat(16) },
    },
    {
      name: 'a pod of containerd by systemd',
      path: `${podSlice}/cri-containerd-${id}.scope`,
      expected: { id, engine: 'containerd', podUid: uid },
    },
    {
      name: 'a pod of docker by systemd',
      path: `${podSlice}/docker-${id}.scope`,
      expected: { id, engine: 'docker', podUid: uid },
    },
    {
      name: 'a pod in kind: the inner one',
      path: `/docker/${other}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${uidSystemd}.slice/cri-containerd-${id}.scope`,
      expected: { id, engine: 'containerd', podUid: uid },
    },
    {
      name: 'a pod in kind by cgroupfs',
      path: `/docker/${other}/kubelet/kubepods/besteffort/pod${uid}/${id}`,
      expected: { id, engine: 'cri', podUid: uid },
    },
    {
      name: 'systemd notation under cgroupfs',
      path: `/system.slice/containerd.service/kubepods-besteffort-pod${uidSystemd}.slice:cri-containerd:${id}`,
      expected: { id, engine: 'containerd', podUid: uid },
    },
    { name: 'docker, that notation', path: `/system.slice:docker:${id}`, expected: { id, engine: 'docker' } },
    { name: 'nerdctl', path: `/system.slice/nerdctl-${id}.scope`, expected: { id, engine: 'containerd' } },
    { name: 'CRI-O', path: `${podSlice}/crio-${id}.scope`, expected: { id, engine: 'cri-o', podUid: uid } },
    { name: 'CRI-O with crun', path: `${podSlice}/crio-${id}.scope/container`, expected: { id, engine: 'cri-o' } },
    {
      name: 'CRI-O by cgroupfs',
      path: `/kubepods/besteffort/pod${uid}/crio-${id}`,
      expected: { id, engine: 'cri-o', podUid: uid },
    },
    { name: 'podman by cgroupfs', path: `/libpod_parent/libpod-${id}`, expected: { id, engine: 'podman' } },
    { name: 'podman', path: `/machine.slice/libpod-${id}.scope/container`, expected: { id, engine: 'podman' } },
    { name: 'rootless podman', path: `${user}/libpod-${id}.scope`, expected: { id, engine: 'podman', user: 1000 } },
    {
      name: 'a pod of podman',
      path: `/machine.slice/machine-libpod_pod_${other}.slice/libpod-${id}.scope/container`,
      expected: { id, engine: 'podman' },
    },
    { name: 'Quadlet', path: `/system.slice/web.service/libpod-payload-${id}`, expected: { id, engine: 'podman' } },
    { name: 'LXC 4', path: '/lxc.payload.web-1/init.scope', expected: { id: 'web-1', engine: 'lxc' } },
    { name: 'LXC 2', path: '/lxc/web-1', expected: { id: 'web-1', engine: 'lxc' } },
    { name: 'Proxmox', path: '/lxc/101/ns/system.slice/cron.service', expected: { id: '101', engine: 'lxc' } },
    {
      name: 'an unprivileged LXC container',
      path: '/user.slice/user-1000.slice/session-3.scope/lxc.payload.web',
      expected: { id: 'web', engine: 'lxc' },
    },
    {
      name: 'docker in LXC: the inner one',
      path: `/lxc.payload.a/docker/${id}`,
      expected: { id, engine: 'docker', outer: '/lxc.payload.a' },
    },
    {
      name: 'containerd in docker: the inner one',
      path: `/system.slice/docker-${other}.scope/kubelet.slice/cri-containerd-${id}.scope/below`,
      expected: { id, engine: 'containerd', outer: `/system.slice/docker-${other}.scope` },
    },
    {
      name: 'docker in docker in docker: the innermost one, in the second',
      path: `/docker/${third}/docker/${other}/docker/${id}`,
      expected: { id, engine: 'docker', outer: `/docker/${third}/docker/${other}` },
    },
    {
      name: 'systemd-nspawn as a service',
      path: '/machine.slice/systemd-nspawn@debian\\x2d12.service/payload/system.slice/ssh.service',
      expected: { id: 'debian-12', engine: 'systemd-nspawn' },
    },
    {
      name: 'systemd-nspawn from a shell',
      path: '/machine.slice/machine-debian\\x2d12.scope/payload',
      expected: { id: 'debian-12', engine: 'systemd-nspawn' },
    },
    {
      name: 'systemd-nspawn that does not register',
      path: '/machine.slice/debian-12.scope/payload/system.slice/ssh.service',
      expected: { id: 'debian-12', engine: 'systemd-nspawn' },
    },
    {
      name: 'libvirt’s LXC',
      path: '/machine.slice/machine-lxc\\x2d4711\\x2dweb.scope',
      expected: { id: 'web', engine: 'libvirt-lxc' },
    },
    { name: 'Mesos', path: `/mesos/${task}`, expected: { id: task, engine: 'mesos' } },
    { name: 'outside our cgroup namespace', path: `/../${id}`, expected: { id, engine: 'unknown' } },
  ])('reads $name', ({ path, expected }) => {
    expect(containerOfCgroup(path)).toMatchObject(expected);
  });

  it.for([
    { name: 'the root group', path: '/' },
    { name: 'no group', path: '' },
    { name: 'a service', path: '/system.slice/ssh.service' },
    { name: 'a bare group of 32 digits', path: '/process_api/c4e5f43ab4029b22887a99043e69888b' },
    { name: 'a pod without a container', path: `/kubepods/burstable/pod${uid}` },
    { name: 'the monitor of a podman container', path: `/machine.slice/libpod-conmon-${id}.scope` },
    { name: 'the monitor of a CRI-O container', path: `/system.slice/crio-conmon-${id}.scope` },
    { name: 'the monitor of a Quadlet container', path: '/system.slice/web.service/supervisor' },
    { name: 'the monitor of an LXC container', path: '/lxc.monitor.web-1' },
    { name: 'the monitor of a Proxmox container', path: '/lxc.monitor/101' },
    { name: 'systemd-nspawn itself', path: '/machine.slice/machine-debian.scope/supervisor' },
    { name: 'systemd-nspawn itself that does not register', path: '/machine.slice/debian-12.scope/supervisor' },
    { name: 'a virtual machine of systemd-vmspawn', path: '/machine.slice/debian-12.scope' },
    { name: 'systemd-nspawn itself in a service', path: '/machine.slice/systemd-nspawn@debian.service' },
    { name: 'a virtual machine', path: '/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator' },
    { name: 'an id in capitals', path: `/docker/${id.toUpperCase()}` },
    { name: 'an id with a digit too many', path: `/docker/0${id}` },
    { name: 'a word that only looks like an engine', path: `/mydocker-${id}` },
    { name: 'a group of mesos’ own', path: '/mesos/slave' },
  ])('takes $name for the host', ({ path }) => {
    expect(containerOfCgroup(path)).toBeUndefined();
  });

  it('takes a name for a container of containerd only when containerd runs it', () => {
    const isTask = (namespace: string, name: string) => namespace === 'default' && name === 'redis';
    const expected = { id: 'redis', engine: 'containerd', namespace: 'default' };
    expect(containerOfCgroup('/default/redis', isTask)).toEqual(expected);
    expect(containerOfCgroup('/default/redis/below', isTask)).toEqual(expected);
    expect(containerOfCgroup('/default/other', isTask)).toBeUndefined();
    expect(containerOfCgroup('/default', isTask)).toBeUndefined();
    expect(containerOfCgroup('/../redis', () => true)).toBeUndefined();
  });
});

describe('parseProcCgroup', () => {
  it('reads each hierarchy of a hybrid host', () => {
    const { container, paths } = parseProcCgroup(`9:name=systemd:/docker/${id}\n4:memory:/docker/${id}\n0::/\n`);
    expect(container?.id).toBe(id);
    expect(paths.get('memory')).toBe(`/docker/${id}`);
    expect(paths.get('')).toBe('/');
  });
});
