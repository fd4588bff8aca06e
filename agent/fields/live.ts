import type { LiveProcess } from '../state/live-process.ts';
import type { Process } from '../state/process.ts';
import { firstOfNamespace } from './pid-namespace.ts';
import type { Reader, ReaderTable, Scene } from './scene.ts';

type OfLive = (live: LiveProcess, process: Process, scene: Scene) => ReturnType<Reader>;

const live =
  (read: OfLive): Reader =>
  (scene) =>
    scene.process === undefined ? undefined : read(scene.around.live, scene.process, scene);

const status = (key: string): Reader => live((of, process) => of.status(process, key));

/** Memory belongs to the process: other threads than the first have none, so that sums are right. */
const ofFirstThread =
  (key: string, unit: number): Reader =>
  (scene) => {
    const { event, process, around } = scene;
    if (process === undefined) return undefined;
    if (event.tid !== event.pid) return 0;
    const kilobytes = around.live.status(process, key);
    return kilobytes === undefined ? undefined : kilobytes * unit;
  };

const descriptor = (fd: number, part: 'type' | 'name'): Reader =>
  live((of, process) => of.descriptor(process, fd)?.[part]);

const programTime = (part: 'ctimeNs' | 'mtimeNs'): Reader => live((of, process) => of.programTimes(process)?.[part]);

/** How long the file had been as it is when something began; missing when it changed after that. */
const sinceChange = (beganNs: (process: Process, scene: Scene) => bigint | undefined): Reader =>
  live((of, process, scene) => {
    const changed = of.programTimes(process)?.ctimeNs;
    const began = beganNs(process, scene);
    return changed === undefined || began === undefined || began < changed ? undefined : began - changed;
  });

/** Of the last second, in percent of a CPU. */
const cpuUse =
  (...parts: readonly ('user' | 'system')[]): Reader =>
  ({ process, event, around }) => {
    const rate = process && around.threads.rate(process, event.tid);
    return rate && parts.reduce((sum, part) => sum + rate[part], 0);
  };

const threadCgroups = ({ process, event, around }: Scene): ReadonlyMap<string, string> | undefined =>
  process && around.live.cgroups(process, event.tid);

/** One controller's group; where all controllers share the unified tree (cgroup v2), its group. */
function groupOf(groups: ReadonlyMap<string, string> | undefined, subsystem: string): string | undefined {
  if (groups === undefined) return undefined;
  for (const [names, path] of groups) if (names.split(',').includes(subsystem)) return path;
  return groups.size === 1 ? groups.get('') : undefined;
}

/** Fields that are read of the kernel when a rule asks, and tell how things are then. */
export const liveFields = {
  'proc.exe_ino.ctime': { read: programTime('ctimeNs') },
  'proc.exe_ino.mtime': { read: programTime('mtimeNs') },
  'proc.exe_ino.ctime_duration_proc_start': { read: sinceChange(({ startNs }, { around }) => around.wallNs(startNs)) },
  // The other way round: how long the namespace had been there when the file was changed.
  'proc.exe_ino.ctime_duration_pidns_start': {
    read: live((of, process, scene) => {
      const changed = of.programTimes(process)?.ctimeNs;
      const first = firstOfNamespace(scene);
      if (changed === undefined || first === undefined) return undefined;
      const began = scene.around.wallNs(first.startNs);
      return began > changed ? undefined : changed - began;
    }),
  },
  'proc.pidns_init_start_ts': {
    read: (scene) => {
      const first = firstOfNamespace(scene);
      return first && scene.around.wallNs(first.startNs);
    },
  },
  'proc.fdopencount': { read: live((of, process) => of.descriptors(process)) },
  'proc.fdlimit': { read: live((of, process) => of.descriptorLimit(process)) },
  'proc.fdusage': {
    read: live((of, process) => {
      const open = of.descriptors(process);
      const limit = of.descriptorLimit(process);
      return open === undefined || limit === undefined || limit === 0 ? undefined : (open * 100) / limit;
    }),
  },
  'proc.vmsize': { read: status('VmSize') },
  'proc.vmrss': { read: status('VmRSS') },
  'proc.vmswap': { read: status('VmSwap') },
  'proc.nthreads': { read: status('Threads') },
  'proc.nchilds': {
    read: live((of, process) => {
      const threads = of.status(process, 'Threads');
      return threads === undefined ? undefined : threads - 1;
    }),
  },
  'fd.types': {
    bind: (number) => {
      if (typeof number === 'string') return undefined;
      return live((of, process) => {
        if (number === undefined) return of.descriptorTypes(process);
        const type = of.descriptor(process, number)?.type;
        return type === undefined ? undefined : [type];
      });
    },
  },
  'proc.stdin.type': { read: descriptor(0, 'type') },
  'proc.stdout.type': { read: descriptor(1, 'type') },
  'proc.stderr.type': { read: descriptor(2, 'type') },
  'proc.stdin.name': { read: descriptor(0, 'name') },
  'proc.stdout.name': { read: descriptor(1, 'name') },
  'proc.stderr.name': { read: descriptor(2, 'name') },
  'thread.cpu': { read: cpuUse('user', 'system') },
  'thread.cpu.user': { read: cpuUse('user') },
  'thread.cpu.system': { read: cpuUse('system') },
  'thread.totexectime': {
    read: ({ process, event, around }) => process && around.threads.total(process, event.tid),
  },
  'thread.pfmajor': { read: live((of, process, { event }) => of.faults(process, event.tid)?.major) },
  'thread.pfminor': { read: live((of, process, { event }) => of.faults(process, event.tid)?.minor) },
  'thread.vmsize': { read: ofFirstThread('VmSize', 1) },
  'thread.vmrss': { read: ofFirstThread('VmRSS', 1) },
  'thread.vmsize.b': { read: ofFirstThread('VmSize', 1_024) },
  'thread.vmrss.b': { read: ofFirstThread('VmRSS', 1_024) },
  'thread.cgroups': {
    read: (scene) => {
      const groups = threadCgroups(scene);
      return groups && [...groups].map(([name, path]) => `${name}=${path}`).join(' ');
    },
  },
  'thread.cgroup': {
    bind: (subsystem) =>
      subsystem === undefined ? undefined : (scene) => groupOf(threadCgroups(scene), String(subsystem)),
  },
} as const satisfies ReaderTable;
