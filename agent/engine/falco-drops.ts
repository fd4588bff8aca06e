import type { Losses } from '../events/losses.ts';
import type { InternalAlert, LossCounters } from './loss.ts';

/** Falco's groups of system calls (`syscall_event_drops`); the others are in none. */
const groups: Readonly<Record<string, string>> = {
  clone_fork: 'clone clone3 fork vfork',
  execve: 'execve execveat',
  connect: 'connect',
  open: 'open creat openat openat2 open_by_handle_at',
  dir_file: `dup chmod fchmod fchmodat chown lchown fchown fchownat link linkat mkdir mkdirat mount umount2 rename renameat
    renameat2 rmdir symlink symlinkat unlink unlinkat`,
  other_interest: 'bpf setpgid ptrace seccomp setns setresgid setresuid setsid unshare capset',
  close: 'close',
  proc: 'procexit',
};
const groupOf: ReadonlyMap<string, string> = new Map(
  Object.entries(groups).flatMap(([group, types]) => types.split(/\s+/).map((type) => [type, group] as const)),
);

/** Events that a full ring lost, by Falco's groups. */
export type GroupedDrops = Readonly<Record<string, number>>;

export function groupDrops({ lifecycle_ring_full, bulk_ring_full }: Losses): GroupedDrops {
  const sums: Record<string, number> = Object.fromEntries(Object.keys(groups).map((group) => [group, 0]));
  for (const [type, count] of [lifecycle_ring_full, bulk_ring_full].flatMap((by) => Object.entries(by ?? {}))) {
    const group = groupOf.get(type);
    if (group !== undefined) sums[group] = (sums[group] ?? 0) + count;
  }
  return sums;
}

/**
 * The alert that Falco makes of drops, with its rule's name, text, fields and priority, so that whatever looks for it
 * goes on to find it. Falco writes all values as text.
 */
export function falcoDropAlert(dropped: LossCounters['dropped'], events: number, byGroup: GroupedDrops): InternalAlert {
  const { lifecycleFull, bulkFull, noScratch, recursion } = dropped;
  const drops = lifecycleFull + bulkFull + noScratch + recursion;
  const ofGroups = Object.entries(byGroup).map(([group, count]) => [`n_drops_buffer_${group}_exit`, count] as const);
  const numbers = {
    ...Object.fromEntries(ofGroups),
    ebpf_enabled: 1,
    n_evts: events,
    n_drops: drops,
    n_drops_buffer_total: lifecycleFull + bulkFull,
    n_drops_bug: recursion,
    n_drops_page_faults: 0,
    n_drops_scratch_map: noScratch,
  };
  return {
    whose: 'Falco',
    what: 'syscall event drop',
    priority: 'Debug',
    message: `${drops} system calls dropped in last second.`,
    fields: Object.fromEntries(
      Object.entries(numbers)
        .toSorted(([one], [other]) => (one < other ? -1 : 1))
        .map(([key, value]) => [key, String(value)]),
    ),
  };
}
