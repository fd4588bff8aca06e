import { fieldCatalogue } from '#rules/fields';
import type { Event } from '../events/event.ts';
import type { Kind } from '../events/kinds.ts';
import { type RecordParts, writeRecord } from '../events/write-record.ts';
import { type Container, makeDetails } from '../state/containers/container.ts';
import type { LiveProcess } from '../state/live-process.ts';
import { joinOrchestrators } from '../state/orchestrators/orchestrators.ts';
import { ProcessTable } from '../state/process-table.ts';
import { sampleProcess } from '../state/sample-process.ts';
import { bindField } from './bind.ts';
import type { Scene } from './scene.ts';

/** A small world for the tests of this folder: systemd → bash → sh, and a container. */
export const second = 1_000_000_000;
export const bootWallNs = 1_795_439_100_000_000_000n;

/** A record of the process `42`, whose parent is `7`. */
export function record(kind: Kind, call: string, { numbers = {}, texts = {} }: RecordParts = {}): Event {
  const header = { time_ns: 100 * second, start_ns: 90 * second, pid: 42, tid: 42, ppid: 7, vpid: 1 };
  return writeRecord(kind, call, { numbers: { ...header, ...numbers }, texts });
}

const shell = sampleProcess({
  pid: 42,
  startNs: 90 * second,
  ppid: 7,
  comm: 'sh',
  exePath: '/bin/busybox',
  argv: ['/bin/sh', '-c', 'cat "/etc/shadow"'],
  cwd: '/root',
  tty: 34_816,
  sid: 42,
  pgid: 42,
  vpid: 1,
  vsid: 1,
  vpgid: 1,
  uid: 0,
  gid: 0,
  loginUid: 0xffff_ffff,
  inode: 99,
  device: 0,
  fileMode: 0o100755,
  fileUid: 0,
  capEffective: 0b100001n,
  capPermitted: 0n,
  capInheritable: 0n,
  upperLayer: true,
  lowerLayer: false,
  memfd: false,
  execNs: 91 * second,
});

export const container: Container = {
  id: 'abcdef0123456789'.repeat(4),
  engine: 'docker',
  status: 'known',
  details: makeDetails({
    name: 'web',
    image: 'registry:5000/team/app:1.2',
    imageId: 'ff'.repeat(32),
    repository: 'registry:5000/team/app',
    tag: '1.2',
    privileged: false,
    mounts: [
      { source: '/etc', destination: '/host/etc', mode: 'ro', writable: false, propagation: 'rprivate' },
      { source: '/var/run/docker.sock', destination: '/sock', mode: '', writable: true, propagation: '' },
    ],
    labels: new Map([['io.kubernetes.pod.name', 'web-1']]),
    pod: {
      name: 'web-1',
      namespace: undefined,
      uid: 'uid-1',
      sandboxId: '0123456789abcdef'.repeat(4),
      labels: new Map([['app', 'web']]),
      ip: '10.1.2.3',
      cniJson: undefined,
    },
    ip: '172.17.0.2',
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    createdMs: 1_795_439_190_000,
  }),
};

/** What /proc would tell of the process 42 and its one thread. */
const live: LiveProcess = {
  status: (_, key) => ({ VmSize: 2_000, VmRSS: 1_000, VmSwap: 3, Threads: 4 })[key],
  faults: () => ({ major: 5, minor: 6 }),
  descriptors: () => 16,
  descriptorLimit: () => 64,
  descriptor: (_, fd) => (fd === 0 ? { type: 'file', name: '/dev/pts/0' } : { type: 'pipe', name: 'pipe:[7]' }),
  descriptorTypes: () => ['file', 'pipe'],
  cgroups: () =>
    new Map([
      ['cpu,cpuacct', '/a'],
      ['', '/b'],
    ]),
  address: () => '10.0.0.9',
  programTimes: () => ({ ctimeNs: bootWallNs + 80_000_000_000n, mtimeNs: bootWallNs }),
};

export function sceneOf(event: Event, changes: Partial<Scene> = {}): Scene {
  const processes = new ProcessTable(() => undefined);
  const init = sampleProcess(
    { pid: 1, startNs: second, ppid: 0, comm: 'systemd', argv: ['/sbin/init'], sid: 1, pgid: 1 },
    shell,
  );
  const login = sampleProcess(
    { pid: 7, startNs: 60 * second, ppid: 1, comm: 'bash', argv: ['-bash'], sid: 7, pgid: 7 },
    shell,
  );
  const process = { ...shell };
  for (const each of [init, login, process]) processes.put(each);
  const { kind } = event;
  if (kind === undefined) throw new Error('a record has a kind');
  return {
    event,
    kind,
    type: event.type,
    process,
    container: undefined,
    number: 5,
    previousNs: 99 * second,
    around: {
      processes,
      users: {
        user: (uid) => (uid === 0 ? { name: 'root', home: '/root', shell: '/bin/bash' } : undefined),
        groupName: (gid) => (gid === 0 ? 'root' : undefined),
      },
      live,
      threads: { total: () => 8_000_000, rate: () => ({ user: 20, system: 5 }) },
      usersOf: (id) =>
        id === container.id
          ? {
              user: (uid) => (uid === 1000 ? { name: 'web', home: '/srv', shell: '/bin/false' } : undefined),
              groupName: (gid) => (gid === 33 ? 'www' : undefined),
            }
          : undefined,
      orchestrators: joinOrchestrators(undefined, undefined),
      namesOf: (address) => (address.join('.') === '10.0.2.8' ? ['a.example', 'b.example'] : []),
      hostname: 'host-1',
      wallNs: (ns) => bootWallNs + BigInt(ns),
      offsetMinutes: () => 60,
      startedNs: 80 * second,
      environment: ({ pid }) => (pid === 42 ? 'PATH=/bin\0HOME=/root\0' : undefined),
    },
    ...changes,
  };
}

/** The value of a field as a rule would name it. */
export function read(text: string, scene: Scene): unknown {
  const bracket = /^(.*)\[(.*)\]$/.exec(text);
  const found = fieldCatalogue.lookup(bracket?.[1] ?? text, bracket?.[2]);
  if (!found.ok) throw new Error(found.explain());
  const reader = bindField(found.use);
  if (reader === undefined) throw new Error(`${text} has no reader`);
  return reader(scene);
}
