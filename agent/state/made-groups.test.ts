import { describe, expect, it } from 'vitest';
import { writeRecord } from '../events/write-record.ts';
import { makeMadeFinder } from './made-groups.ts';

const tasks = '/run/containerd/io.containerd.runtime.v2.task';
const find = makeMadeFinder(['/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/unified'], [tasks]);
const group = (path: string | undefined) => path && { kind: 'group', path };
const made = (call: string, texts: Readonly<Record<string, string>>, ret = 0) =>
  writeRecord('file', call, { numbers: { ret }, texts });

describe('groups that somebody makes', () => {
  it.for([
    { name: 'in a hierarchy of cgroup v1', path: '/sys/fs/cgroup/memory/docker/ab', expected: '/docker/ab' },
    {
      name: 'in the unified one',
      path: '/sys/fs/cgroup/system.slice/docker-ab.scope',
      expected: '/system.slice/docker-ab.scope',
    },
    { name: 'elsewhere', path: '/sys/fs/cgroups/docker', expected: undefined },
    { name: 'the mount itself', path: '/sys/fs/cgroup/memory', expected: '/memory' },
  ])('are found $name', ({ path, expected }) => {
    expect(find(made('mkdirat', { path }))).toEqual(group(expected));
    expect(find(made('mkdir', { path }))).toEqual(group(expected));
  });

  it('are found below an open folder', () => {
    expect(find(made('mkdirat', { path: 'ab', base: '/sys/fs/cgroup/memory/docker' }))).toEqual(group('/docker/ab'));
  });

  it('are none when the call failed, or was another', () => {
    const path = '/sys/fs/cgroup/memory/docker/ab';
    expect(find(made('mkdir', { path }, -17))).toBeUndefined();
    expect(find(made('rmdir', { path }))).toBeUndefined();
    expect(find(made('mkdir', {}))).toBeUndefined();
  });
});

describe('tasks of containerd', () => {
  it.for([
    { name: 'are found by their folder', path: `${tasks}/default/web`, expected: { namespace: 'default', id: 'web' } },
    { name: 'are not the folder of a namespace', path: `${tasks}/default`, expected: undefined },
    { name: 'are not what lies below', path: `${tasks}/default/web/rootfs`, expected: undefined },
    { name: 'have a name', path: `${tasks}/default/`, expected: undefined },
    { name: 'lie in no other folder', path: `/tmp${tasks}/default/web`, expected: undefined },
  ])('$name', ({ path, expected }) => {
    expect(find(made('mkdir', { path }))).toEqual(expected && { kind: 'task', ...expected });
  });
});
