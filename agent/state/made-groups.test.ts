import { describe, expect, it } from 'vitest';
import { writeRecord } from '../events/write-record.ts';
import { makeGroupFinder } from './made-groups.ts';

const find = makeGroupFinder(['/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/unified']);
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
    expect(find(made('mkdirat', { path }))).toBe(expected);
    expect(find(made('mkdir', { path }))).toBe(expected);
  });

  it('are found below an open folder', () => {
    expect(find(made('mkdirat', { path: 'ab', base: '/sys/fs/cgroup/memory/docker' }))).toBe('/docker/ab');
  });

  it('are none when the call failed, or was another', () => {
    const path = '/sys/fs/cgroup/memory/docker/ab';
    expect(find(made('mkdir', { path }, -17))).toBeUndefined();
    expect(find(made('rmdir', { path }))).toBeUndefined();
    expect(find(made('mkdir', {}))).toBeUndefined();
  });
});
