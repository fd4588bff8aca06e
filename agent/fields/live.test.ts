import { describe, expect, it } from 'vitest';
import { makeDetails, noProbes, type Probes } from '../state/containers/container.ts';
import { makeLiveProcess } from '../state/live-process.ts';
import type { Process } from '../state/process.ts';
import { sampleProcess } from '../state/sample-process.ts';
import { bootWallNs, container, read, record, sceneOf, second } from './sample.ts';
import type { Scene } from './scene.ts';

const event = record('call', 'ptrace');

describe('fields that are asked of the kernel', () => {
  it.for([
    ['proc.exe_ino.ctime', bootWallNs + 80n * BigInt(second)],
    ['proc.exe_ino.mtime', bootWallNs],
    // The process began 10 s after the change, its pid namespace 1 s after boot.
    ['proc.exe_ino.ctime_duration_proc_start', 10n * BigInt(second)],
    ['proc.exe_ino.ctime_duration_pidns_start', undefined],
    ['proc.pidns_init_start_ts', bootWallNs + 90n * BigInt(second)],
    ['proc.fdopencount', 16],
    ['proc.fdlimit', 64],
    ['proc.fdusage', 25],
    ['proc.vmsize', 2_000],
    ['proc.vmrss', 1_000],
    ['proc.vmswap', 3],
    ['proc.nthreads', 4],
    ['proc.nchilds', 3],
    ['proc.stdin.type', 'file'],
    ['proc.stdin.name', '/dev/pts/0'],
    ['proc.stdout.type', 'pipe'],
    ['proc.stderr.name', 'pipe:[7]'],
    ['thread.cpu', 25],
    ['thread.cpu.user', 20],
    ['thread.cpu.system', 5],
    ['thread.totexectime', 8_000_000],
    ['thread.pfmajor', 5],
    ['thread.pfminor', 6],
    ['thread.vmsize', 2_000],
    ['thread.vmrss.b', 1_024_000],
    ['thread.cgroups', 'cpu,cpuacct=/a =/b'],
    ['thread.cgroup.cpuacct', '/a'],
    ['thread.cgroup.memory', undefined],
  ] as const)('reads %s', ([field, expected]) => expect(read(field, sceneOf(event))).toEqual(expected));

  it('counts memory once a process', () => {
    const other = record('call', 'ptrace', { numbers: { tid: 43 } });
    expect(read('thread.vmrss', sceneOf(other))).toBe(0);
    expect(read('proc.vmrss', sceneOf(other))).toBe(1_000);
  });

  it('has none of a process that is gone', () => {
    const scene = sceneOf(event);
    const gone = { ...scene, around: { ...scene.around, live: makeLiveProcess('/nonexistent') } };
    for (const field of ['proc.vmrss', 'proc.fdusage', 'proc.stdin.type', 'proc.exe_ino.ctime', 'thread.cgroups']) {
      expect(read(field, gone), field).toBeUndefined();
    }
  });
});

function own(scene: Scene): Process {
  if (scene.process === undefined) throw new Error('the sample has a process');
  return scene.process;
}

describe('probes of a container', () => {
  const health = '/bin/sh -c curl localhost';
  const probed = (probes: Partial<Probes>) => ({
    ...container,
    details: makeDetails({ name: 'app', probes: { ...noProbes, ...probes } }),
  });

  /** The probe is process 42 of the sample, put into the container from outside; 43 is its child. */
  function sceneIn(probes: Partial<Probes>, change: Parameters<typeof sampleProcess>[0] = {}) {
    const scene = sceneOf(event, { container: probed(probes) });
    const parts = { cgroup: '/docker/x', vpid: 9, argv: health.split(' '), ...change };
    const inside = Object.assign(own(scene), sampleProcess(parts, own(scene)));
    const child = sampleProcess({ pid: 43, ppid: 42, vpid: 10, argv: ['curl', 'localhost'], parent: inside }, inside);
    return { probe: { ...scene, process: inside }, child: { ...scene, process: child } };
  }

  it('are the process that the engine put into it, and its children', () => {
    const { probe, child } = sceneIn({ health });
    expect(read('proc.is_container_healthcheck', probe)).toBe(true);
    expect(read('proc.is_container_healthcheck', child)).toBe(true);
    expect(read('proc.is_container_liveness_probe', probe)).toBe(false);
    expect(read('container.healthcheck', probe)).toBe(health);
  });

  it('are not a process that only looks like it', () => {
    const other = sceneIn({ health }, { argv: ['/bin/sh'] });
    expect(read('proc.is_container_healthcheck', other.probe)).toBe(false);
    const became = sceneIn({ health }, { argv: ['curl', 'localhost'], firstArgv: health.split(' ') });
    expect(read('proc.is_container_healthcheck', became.probe)).toBe(true);
    const first = sceneIn({ health }, { vpid: 1 });
    expect(read('proc.is_container_healthcheck', first.probe)).toBe(false);
    expect(read('proc.is_container_healthcheck', sceneOf(event))).toBe(false);
  });

  it('stand in the specification of the pod', () => {
    const { probe } = sceneIn({}, { argv: ['cat', '/alive'] });
    const spec = {
      containers: [
        {
          name: 'app',
          livenessProbe: { exec: { command: ['cat', '/alive'] } },
          readinessProbe: { exec: { command: ['cat', '/ready'] } },
        },
      ],
    };
    const pod = {
      uid: 'u',
      name: 'p',
      namespace: 'n',
      labels: new Map(),
      ip: undefined,
      serviceAccount: undefined,
      owner: undefined,
      spec,
    };
    const around = { ...probe.around, orchestrators: { ...probe.around.orchestrators, pod: () => pod } };
    const known = { ...probe, around, container: { ...probed({}), podUid: 'u' } };
    expect(read('container.liveness_probe', known)).toBe('cat /alive');
    expect(read('container.readiness_probe', known)).toBe('cat /ready');
    expect(read('proc.is_container_liveness_probe', known)).toBe(true);
    expect(read('proc.is_container_readiness_probe', known)).toBe(false);
  });
});
