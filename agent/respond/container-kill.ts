import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeActionParams } from '#playbooks/command';
import { parseProcCgroup } from '../state/containers/cgroup.ts';
import type { Engine } from '../state/containers/engine.ts';
import type { ActionResult, NodeAction } from './action.ts';
import { type CgroupMounts, groupsBelow, membersOf, readCgroupMounts, writeGroupFile } from './cgroup.ts';
import { readStartTicks } from './process.ts';

const ENGINE_TIMEOUT_MS = 5_000;
/** New children may appear between listing and killing; each pass kills what the one before let through. */
const MOST_PASSES = 20;

export type ContainerKillPorts = {
  /** Full id of the container that an id or a unique prefix of at least 12 digits names, as the agent saw it. */
  readonly findContainer: (id: string) => { readonly id: string } | undefined;
  readonly engines: () => readonly Engine[];
  /** /proc/PID/cgroup of every process of the host: where a container's groups are. */
  readonly listPids: () => readonly number[];
  readonly self: number;
  readonly bootId: string;
};

/**
 * `container.kill`: SIGKILL to every process of the container at once, by its cgroup, and then the engine's own kill so
 * that the engine knows. The kernel's cgroup.kill is atomic; on v1 the group is frozen while its members are killed.
 */
export function makeContainerKill(ports: ContainerKillPorts): NodeAction {
  return async (command, signal) => {
    const params = nodeActionParams['container.kill'].safeParse(command.params);
    if (!params.success) return { outcome: 'refused', detail: `wrong parameters: ${params.error.issues[0]?.message}` };
    const wanted = params.data.container;
    if (wanted === 'host') return { outcome: 'refused', detail: 'the alert comes from the host, not from a container' };
    if (!/^[0-9a-f]{12,64}$/.test(wanted)) {
      return {
        outcome: 'refused',
        detail: `${JSON.stringify(wanted)} is no container id (12 to 64 hexadecimal digits)`,
      };
    }
    if (command.alert.boot_id !== undefined && command.alert.boot_id !== ports.bootId) {
      return { outcome: 'gone', detail: 'the alert is from before this host was booted' };
    }
    const id = ports.findContainer(wanted)?.id ?? wanted;
    const target = findTarget(ports.listPids(), id);
    const guard = guardTarget(target, ports);
    if (guard !== undefined) return guard;
    if (target.pids.length === 0) return await settleWithEngine(ports.engines(), id, command.mode, 'gone');
    if (command.mode === 'dry-run') {
      return {
        outcome: 'skipped',
        detail: `would kill container ${id.slice(0, 12)} with ${target.pids.length} processes`,
      };
    }
    const killed = await killGroups(target, id, ports.listPids, signal);
    if (!killed)
      return { outcome: 'failed', retry: true, detail: `processes of container ${id.slice(0, 12)} are still alive` };
    return await settleWithEngine(ports.engines(), id, command.mode, 'done');
  };
}

type Target = {
  readonly pids: readonly number[];
  /** Hierarchy (v1 controllers, or '' for the unified tree) → path of the container's group. */
  readonly groups: ReadonlyMap<string, string>;
};

/** The processes whose cgroup says that they are in this container, and the group's path in each hierarchy. */
function findTarget(pids: readonly number[], id: string): Target {
  const members: number[] = [];
  const groups = new Map<string, string>();
  for (const pid of pids) {
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/cgroup`, 'latin1');
    } catch {
      continue; // Gone since it was listed.
    }
    if (!text.includes(id)) continue;
    const { paths } = parseProcCgroup(text);
    let inside = false;
    for (const [hierarchy, path] of paths) {
      const group = groupOfContainer(path, id);
      if (group === undefined) continue;
      inside = true;
      groups.set(hierarchy, group);
    }
    if (inside) members.push(pid);
  }
  return { pids: members, groups };
}

/** `/docker/<id>/below` → `/docker/<id>`: the outermost group of this container, never a group above it. */
function groupOfContainer(path: string, id: string): string | undefined {
  const parts = path.split('/');
  const at = parts.findIndex(
    (part) =>
      part === id ||
      new RegExp(`^(docker|cri-containerd|crio|libpod)-${id}(\\.scope)?$`).test(part) ||
      part.endsWith(`:cri-containerd:${id}`),
  );
  return at < 1 ? undefined : parts.slice(0, at + 1).join('/');
}

function guardTarget({ pids }: Target, { self }: ContainerKillPorts): ActionResult | undefined {
  if (pids.includes(1)) return { outcome: 'refused', detail: 'the first process of the host is in that cgroup' };
  if (pids.includes(self)) return { outcome: 'refused', detail: 'the agent itself runs in that container' };
  return undefined;
}

async function killGroups(
  target: Target,
  id: string,
  listPids: () => readonly number[],
  signal: AbortSignal,
): Promise<boolean> {
  const mounts = readCgroupMounts();
  const unified = target.groups.get('');
  if (mounts.unified !== undefined && unified !== undefined) {
    // Atomic and whole-tree since Linux 5.14 (Documentation/admin-guide/cgroup-v2.rst, cgroup.kill).
    for (const group of groupsBelow(mounts.unified, unified).slice(0, 1)) writeGroupFile(group, 'cgroup.kill', '1');
  }
  const frozen = freeze(mounts, target);
  try {
    for (const pid of findTarget(target.pids, id).pids) killMember(pid, id);
  } finally {
    // A frozen process (v1) dies only when it is thawed.
    for (const group of frozen) writeGroupFile(group, 'freezer.state', 'THAWED');
  }
  for (let pass = 0; pass < MOST_PASSES && !signal.aborted; pass++) {
    const { pids } = findTarget(listPids(), id);
    if (pids.every(isDying)) return true;
    for (const pid of pids) killMember(pid, id);
    await sleep(Math.min(5 * 2 ** pass, 200));
  }
  return findTarget(listPids(), id).pids.every(isDying);
}

function freeze(mounts: CgroupMounts, { groups }: Target): readonly string[] {
  const mount = mounts.controllers.get('freezer');
  const path = [...groups].find(([controllers]) => controllers.split(',').includes('freezer'))?.[1];
  if (mount === undefined || path === undefined) return [];
  const [group] = groupsBelow(mount, path);
  return group !== undefined && membersOf(group).length > 0 && writeGroupFile(group, 'freezer.state', 'FROZEN')
    ? [group]
    : [];
}

/**
 * Signals a process that is a member of the container now. Its start time is read before and its membership after, so
 * that a pid which was given to another process in between is left alone unless that one is a member as well.
 */
function killMember(pid: number, id: string): void {
  const ticks = readStartTicks(pid);
  if (ticks === undefined || pid <= 1 || !isMember(pid, id) || readStartTicks(pid) !== ticks) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ESRCH: it went by itself.
  }
}

function isMember(pid: number, id: string): boolean {
  return findTarget([pid], id).pids.length === 1;
}

/** A zombie, or a process on its way there: nothing of it runs any more. */
function isDying(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return true;
  }
}

async function settleWithEngine(
  engines: readonly Engine[],
  id: string,
  mode: 'enforce' | 'dry-run',
  outcome: 'done' | 'gone',
): Promise<ActionResult> {
  const short = id.slice(0, 12);
  const gone = {
    outcome,
    detail: outcome === 'done' ? `container ${short} killed` : `container ${short} does not run here`,
  } as const;
  if (mode === 'dry-run') return gone;
  for (const engine of engines) {
    const answer = await engine.kill(id, ENGINE_TIMEOUT_MS);
    if (answer.status === 'killed' && outcome === 'gone')
      return { outcome: 'done', detail: `container ${short} killed by ${engine.name}` };
    if (answer.status === 'failed')
      return { ...gone, detail: `${gone.detail}; ${engine.name} did not confirm: ${answer.reason}` };
    if (answer.status !== 'unknown') return { ...gone, detail: `${gone.detail} (${engine.name} agrees)` };
  }
  return gone;
}
