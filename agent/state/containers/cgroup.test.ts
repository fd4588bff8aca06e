import { describe, expect, it } from 'vitest';
import { containerOfCgroup, parseProcCgroup } from './cgroup.ts';

const id = 'a1b2c3d4'.repeat(8);
const other = '0f1e2d3c'.repeat(8);

describe('containerOfCgroup', () => {
  it.for([
    { name: 'docker by cgroupfs', path: `/docker/${id}`, expected: { id, engine: 'docker' } },
    { name: 'docker by systemd', path: `/system.slice/docker-${id}.scope`, expected: { id, engine: 'docker' } },
    { name: 'docker with a parent of its own', path: `/mine/${id}`, expected: { id, engine: 'containerd' } },
    { name: 'a pod by cgroupfs', path: `/kubepods/burstable/pod12-34/${id}`, expected: { id, engine: 'cri' } },
    {
      name: 'a pod of containerd by systemd',
      path: `/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`,
      expected: { id, engine: 'containerd' },
    },
    { name: 'CRI-O', path: `/kubepods.slice/crio-${id}.scope`, expected: { id, engine: 'cri-o' } },
    { name: 'podman', path: `/libpod_parent/libpod-${id}`, expected: { id, engine: 'podman' } },
    { name: 'podman by systemd', path: `/user.slice/libpod-${id}.scope/container`, expected: { id, engine: 'podman' } },
    { name: 'a group inside the container', path: `/docker/${id}/init.scope`, expected: { id, engine: 'docker' } },
    {
      name: 'docker in docker: the inner one',
      path: `/docker/${id}/docker/${other}`,
      expected: { id: other, engine: 'docker' },
    },
    {
      name: 'systemd notation under cgroupfs',
      path: `/x/kubepods-pod1.slice:cri-containerd:${id}`,
      expected: { id, engine: 'containerd' },
    },
    { name: 'the root group', path: '/', expected: undefined },
    { name: 'a service', path: '/system.slice/ssh.service', expected: undefined },
    { name: 'a bare group of 32 digits', path: '/process_api/c4e5f43ab4029b22887a99043e69888b', expected: undefined },
    { name: 'the monitor of a container', path: `/libpod_parent/libpod-conmon-${id}`, expected: undefined },
    { name: 'an id in capitals', path: `/docker/${id.toUpperCase()}`, expected: undefined },
  ])('reads $name', ({ path, expected }) => {
    expect(containerOfCgroup(path)).toEqual(expected);
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
