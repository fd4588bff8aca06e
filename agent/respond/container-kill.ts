import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NodeCommand, nodeActionParams } from '#playbooks/command';
import { containerOfCgroup, parseProcCgroup } from '../state/containers/cgroup.ts';
import type { Engine } from '../state/containers/engine.ts';
import type { ActionResult, NodeAction } from './action.ts';
import { type CgroupMounts, membersOf, mountOf, readCgroupMounts, writeGroupFile } from './cgroup.ts';
import { listPids, NS_PER_TICK, readStat } from './process.ts';

const ENGINE_TIMEOUT_MS = 5_000;
/** New children may appear between listing and killing; each pass kills what the one before let through. */
const MOST_PASSES = 20;

/**
 * runc's own first processes in a container start a little before the container's first process and may raise an
 * alert themselves; they still belong to it. 100 ticks a second.
 */
const RUNTIME_TICKS = 50n;

export type ContainerKillPorts = {
  readonly engines: () => readonly Engine[];
  /** The agent's own pid. */
  readonly self: number;
  readonly bootId: string;
};

/**
 * `container.kill`: SIGKILL to every process of the container at once, by its cgroup, and then the engine's own kill so
 * that the engine knows. The kernel's cgroup.kill is atomic; on v1 the group is frozen while its members are killed.
 * What runs in the container is asked of the kernel, never of a table, at the moment of acting.
 */
export function makeContainerKill({ engines, self, bootId }: ContainerKillPorts): NodeAction {
  return async (command, signal) => {
    const params = nodeActionParams['container.kill'].safeParse(command.params);
    if (!params.success) return { outcome: 'refused', detail: `wrong parameters: ${params.error.issues[0]?.message}` };
    const wanted = params.data.container;
    if (wanted === 'host') return { outcome: 'refused', detail: 'the alert comes from the host, not from a container' };
    if (!/^[0-9a-f]{12,64}$/.test(wanted)) {
      const detail = `${JSON.stringify(wanted)} is no container id (12 to 64 hexadecimal digits)`;
      return { outcome: 'refused', detail };
    }
    if (command.alert.boot_id !== undefined && command.alert.boot_id !== bootId) {
      return { outcome: 'gone', detail: 'the alert is from before this host was booted' };
    }
    const [container, another] = locate(wanted, command.alert.process?.pid);
    if (another !== undefined) return { outcome: 'refused', detail: `${wanted} names more than one container` };
    if (container === undefined) return { outcome: 'gone', detail: `container ${wanted} does not run here` };
    const pids = liveMembers(container);
    const guard = guardMembers(pids, self);
    if (guard !== undefined) return guard;
    const short = container.id.slice(0, 12);
    if (pids.length === 0) return { outcome: 'gone', detail: `container ${short} has no process left` };
    if (isRestarted(pids, command)) {
      return { outcome: 'gone', detail: `container ${short} was started anew since the alert` };
    }
    if (command.mode === 'dry-run') {
      const processes = pids.length === 1 ? '1 process' : `${pids.length} processes`;
      return { outcome: 'skipped', detail: `would kill container ${short} (${processes})` };
    }
    if (!(await killMembers(container, signal))) {
      return { outcome: 'failed', retry: true, detail: `processes of container ${short} are still alive` };
    }
    return { outcome: 'done', detail: `container ${short} killed${await tellEngines(engines(), container.id)}` };
  };
}

/** A container that has processes, and the folder of its group in each hierarchy. */
type Target = { readonly id: string; readonly groups: ReadonlyMap<string, string> };

/**
 * The running containers that `wanted` names: an id, or the first digits of one. The process that raised the alert is
 * asked first, which spares a full id the walk through all processes.
 */
function locate(wanted: string, hint: number | undefined): readonly Target[] {
  const mounts = readCgroupMounts();
  const isWhole = wanted.length === 64;
  const found = new Map<string, Target>();
  for (const pid of hint === undefined ? listPids() : [hint, ...listPids()]) {
    const target = targetOf(pid, wanted, mounts);
    if (target === undefined || found.has(target.id)) continue;
    found.set(target.id, target);
    if (isWhole || found.size > 1) break;
  }
  return [...found.values()];
}

function targetOf(pid: number, wanted: string, mounts: CgroupMounts): Target | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'latin1');
  } catch {
    return undefined; // Gone since it was listed.
  }
  if (!text.includes(wanted)) return undefined;
  const groups = new Map<string, string>();
  let id: string | undefined;
  for (const [hierarchy, path] of parseProcCgroup(text).paths) {
    const group = groupOfContainer(path, wanted);
    const mount = mountOf(mounts, hierarchy);
    if (group === undefined || mount === undefined) continue;
    id ??= group.id;
    if (id === group.id) groups.set(hierarchy, join(mount, group.path));
  }
  return id === undefined ? undefined : { id, groups };
}

/** `/docker/<id>/below` → `/docker/<id>`: the outermost group of this container, never a group above it. */
function groupOfContainer(path: string, wanted: string): { readonly id: string; readonly path: string } | undefined {
  const parts = path.split('/');
  for (let end = 2; end <= parts.length; end++) {
    const group = parts.slice(0, end).join('/');
    const id = containerOfCgroup(group)?.id;
    if (id?.startsWith(wanted)) return { id, path: group };
  }
  return undefined;
}

/** The processes in any of the container's groups that have not ended. */
function liveMembers({ groups }: Target): readonly number[] {
  const pids = new Set<number>();
  for (const folder of groups.values()) for (const pid of membersOf(folder)) pids.add(pid);
  return [...pids].filter((pid) => readStat(pid)?.isDead === false);
}

function guardMembers(pids: readonly number[], self: number): ActionResult | undefined {
  if (pids.includes(1)) return { outcome: 'refused', detail: 'the first process of the host is in that cgroup' };
  if (pids.includes(self)) return { outcome: 'refused', detail: 'the agent itself runs in that container' };
  return undefined;
}

/**
 * An engine that restarts a container keeps its id. Processes that all began after the one that raised the alert are
 * of a later start: a container's first process is its oldest.
 */
function isRestarted(pids: readonly number[], { alert }: NodeCommand): boolean {
  if (alert.process === undefined) return false;
  const raisedTicks = BigInt(alert.process.start_ns) / NS_PER_TICK;
  return pids.every((pid) => {
    const stat = readStat(pid);
    return stat === undefined || stat.startTicks > raisedTicks + RUNTIME_TICKS;
  });
}

/** Whether nothing of the container runs any more. */
async function killMembers(target: Target, signal: AbortSignal): Promise<boolean> {
  // Atomic and whole-tree since Linux 5.14 (Documentation/admin-guide/cgroup-v2.rst, cgroup.kill).
  const unified = target.groups.get('');
  if (unified !== undefined) writeGroupFile(unified, 'cgroup.kill', '1');
  const frozen = [...target.groups]
    .filter(([hierarchy, folder]) => hierarchy.split(',').includes('freezer') && freeze(folder))
    .map(([, folder]) => folder);
  try {
    for (const pid of liveMembers(target)) killMember(pid, target);
  } finally {
    // A frozen process (v1) dies only when it is thawed.
    for (const folder of frozen) writeGroupFile(folder, 'freezer.state', 'THAWED');
  }
  for (let pass = 0; pass < MOST_PASSES && !signal.aborted; pass++) {
    const pids = liveMembers(target);
    if (pids.length === 0) return true;
    for (const pid of pids) killMember(pid, target);
    await sleep(Math.min(2 ** pass, 200));
  }
  return liveMembers(target).length === 0;
}

const freeze = (folder: string): boolean => writeGroupFile(folder, 'freezer.state', 'FROZEN');

/**
 * Signals a process that is a member of the container at this moment. Its start time is read before and after its
 * membership, so that a pid which was given to another process in between is left alone. Between the last look and the
 * signal lie a few microseconds in which a pid would have to end, be reaped and come round again; only pidfd_send_signal
 * closes that gap too, and Node has no call for it.
 */
function killMember(pid: number, { id }: Target): void {
  const before = readStat(pid);
  if (pid <= 1 || before === undefined || !isMember(pid, id)) return;
  if (readStat(pid)?.startTicks !== before.startTicks) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ESRCH: it went by itself.
  }
}

function isMember(pid: number, id: string): boolean {
  try {
    const { paths } = parseProcCgroup(readFileSync(`/proc/${pid}/cgroup`, 'latin1'));
    return [...paths.values()].some((path) => groupOfContainer(path, id) !== undefined);
  } catch {
    return false; // Gone.
  }
}

/** What to add to the outcome: the engine that now knows, or why none does. */
async function tellEngines(engines: readonly Engine[], id: string): Promise<string> {
  for (const engine of engines) {
    const answer = await engine.kill(id, ENGINE_TIMEOUT_MS);
    if (answer.status === 'failed') return `; ${engine.name} did not confirm: ${answer.reason}`;
    if (answer.status !== 'unknown') return ` (${engine.name} agrees)`;
  }
  return '';
}
