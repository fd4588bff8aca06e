import { describe, expect, it } from 'vitest';
import { type ContainerDetails, makeDetails } from '../state/containers/container.ts';
import { container, read, record, sceneOf, second } from './sample.ts';

const inside = { container };
const open = record('file', 'openat', {
  numbers: { ret: 3, fd: 3 },
  texts: { path: 'shadow', resolved: '/etc/shadow' },
});

describe('fields of the container', () => {
  it.for([
    ['container.id', 'abcdef012345'],
    ['container.full_id', container.id],
    ['container.name', 'web'],
    ['container.type', 'docker'],
    ['container.image.repository', 'registry:5000/team/app'],
    ['container.image.tag', '1.2'],
    ['container.image.digest', undefined],
    ['container.privileged', false],
    ['container.mounts', '/etc:/host/etc:ro:false:rprivate /var/run/docker.sock:/sock::true:'],
    ['container.mount[0]', '/etc:/host/etc:ro:false:rprivate'],
    ['container.mount[2]', 'N/A'],
    ['container.mount.dest[/etc]', '/host/etc'],
    ['container.mount.dest[/proc]', 'N/A'],
    ['container.mount.dest[/var/run/*]', '/sock'],
    ['container.mount.source[/sock]', '/var/run/docker.sock'],
    ['container.mount.rdwr[/etc]', 'false'],
    ['container.mount.mode[/etc]', 'ro'],
    ['container.mount.propagation[/etc]', 'rprivate'],
    ['container.host_pid', false],
    ['container.host_ipc', false],
    ['container.host_network', false],
    ['container.ip', '172.17.0.2'],
    ['container.start_ts', 1_795_439_190_000_000_000n],
    ['container.duration', 10 * second],
    ['k8s.pod.name', 'web-1'],
    ['k8s.ns.name', undefined],
    ['fd.containername', 'abcdef012345:/etc/shadow'],
  ] as const)('reads %s', ([field, expected]) => {
    expect(read(field, sceneOf(open, inside))).toEqual(expected);
  });

  it('has the address of its first process where nobody told one, and none in the host’s network', () => {
    const of = (more: Partial<ContainerDetails>) =>
      read('container.ip', sceneOf(open, { container: { ...container, details: makeDetails(more) } }));
    expect(of({ ip: '172.17.0.2' })).toBe('172.17.0.2');
    expect(of({ hostNetwork: true })).toBeUndefined();
    expect(of({})).toBe('10.0.0.9');
  });

  it('shortens no name: of LXC and others it is all that there is', () => {
    const scene = sceneOf(open, { container: { ...container, id: 'a-long-machine-name', engine: 'lxc' } });
    expect(read('container.id', scene)).toBe('a-long-machine-name');
  });

  it('has nothing but the id while no engine has answered', () => {
    const scene = sceneOf(open, { container: { ...container, details: undefined, status: 'waiting' } });
    expect(read('container.id', scene)).toBe('abcdef012345');
    for (const field of ['container.name', 'container.image', 'container.privileged', 'container.mount[0]']) {
      expect(read(field, scene)).toBeUndefined();
    }
  });
});
