import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeEnginesGuest } from './engines-guest.ts';
import { boot, type GuestReport, listKernels } from './guest.ts';

const hex64 = expect.stringMatching(/^[0-9a-f]{64}$/);
/** What the rule prints of a container that an engine with images made. */
const engines = {
  podman: { type: 'podman', 'image.tag': '1', 'image.id': hex64, mounts: '/etc:/host:ro:false:rprivate' },
  cgroupfs: { type: 'podman', 'image.tag': '1', 'image.id': hex64, mounts: '/etc:/host:ro:false:rprivate' },
  docker: { type: 'docker', 'image.tag': '1', 'image.id': hex64, mounts: '/etc:/host:ro:false:rprivate' },
  ctr: { type: 'containerd', 'image.tag': '1', 'image.id': null, mounts: '' },
  lxc: { type: 'lxc', image: '/tmp/tree', privileged: true },
  nspawn: { type: 'systemd-nspawn', image: null },
  machined: { type: 'systemd-nspawn', image: '/tmp/tree' },
};

/**
 * A host as most are now: systemd, cgroup v2 and nothing of v1, engines with the drivers that they choose there by themselves, and
 * podman once more with groups that it makes without systemd.
 */
describe('on a host with cgroup v2 alone', () => {
  let guest: ReturnType<typeof makeEnginesGuest>;
  let report: GuestReport;

  beforeAll(async () => {
    guest = makeEnginesGuest();
    const kernel = listKernels().find(({ version }) => version.startsWith('6.12'));
    if (kernel === undefined) throw new Error('Debian 13 has Linux 6.12');
    report = await boot(kernel, { initrd: guest.initrd, memoryMb: 3_072, parameters: 'cgroup_no_v1=all' });
  }, 300_000);
  afterAll(() => guest?.remove());

  it('is such a host', () => {
    expect(report.said).toContain('cgroups of the first process: 0::/init.scope');
    expect(report.said).toContain('hierarchies: 1\n');
    expect(report.said).toContain("docker's driver of groups: systemd 2");
  });

  it.for(Object.entries(engines))('knows a container of %s at its first program', ([mark, expected]) => {
    const wanted = `sh -c true mark-${mark}`;
    const found = report.alerts.filter(({ output_fields: fields }) => fields['proc.args'] === wanted);
    const known = Object.entries(expected).map(([field, value]) => [`container.${field}`, value]);
    const named = { 'container.name': `in-${mark}`, 'proc.vpid': 1 };
    expect(found, report.said).toMatchObject([{ output_fields: { ...named, ...Object.fromEntries(known) } }]);
  });

  it('kills a whole container by its group, and the engine knows', () => {
    expect(report.said).toContain("victim's processes: 4");
    expect(report.said).toContain('victim: exited 137');
    expect(report.said).toMatch(/"outcome":"done","detail":"container [0-9a-f]{12} killed \(docker agrees\)"/);
    expect(report.said).toContain('the agent ended with 0');
  });
});
