import { describe, expect, it } from 'vitest';
import { mountOf, parseCgroupMounts } from './cgroup.ts';

describe('parseCgroupMounts', () => {
  const hybrid = parseCgroupMounts(
    [
      'tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0',
      'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0',
      'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0',
      'cgroup /sys/fs/cgroup/my\\040freezer cgroup rw,relatime,freezer 0 0',
      'cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,xattr,name=systemd 0 0',
    ].join('\n'),
  );
  it.for([
    { hierarchy: '', mount: '/sys/fs/cgroup/unified' },
    { hierarchy: 'cpuacct', mount: '/sys/fs/cgroup/cpu,cpuacct' },
    { hierarchy: 'cpu,cpuacct', mount: '/sys/fs/cgroup/cpu,cpuacct' },
    { hierarchy: 'freezer', mount: '/sys/fs/cgroup/my freezer' },
    { hierarchy: 'name=systemd', mount: '/sys/fs/cgroup/systemd' },
    { hierarchy: 'memory', mount: undefined },
  ])('finds "$hierarchy" at $mount', ({ hierarchy, mount }) => {
    expect(mountOf(hybrid, hierarchy)).toBe(mount);
  });
});
