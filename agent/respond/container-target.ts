import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeCommand } from '#playbooks/command';
import { type CgroupContainer, containerOfCgroup, parseProcCgroup } from '../state/containers/cgroup.ts';
import type { ContainerDetails } from '../state/containers/container.ts';
import type { ActionPorts, ActionResult } from './action.ts';
import { type CgroupMounts, membersOf, mountOf, readCgroupMounts } from './cgroup.ts';
import { type ContainerFacts, refuseContainer, refuseProcesses } from './guard.ts';
import { listPids, NS_PER_TICK, readStat } from './process.ts';
import { readFacts } from './process-facts.ts';

/**
 * runc's own first processes in a container start a little before the container's first process and may raise an
 * alert themselves; they still belong to it. 100 ticks a second.
 */
const RUNTIME_TICKS = 50n;

/** A container that has processes, and the folder of its group in each hierarchy. */
export type ContainerTarget = {
  readonly named: CgroupContainer;
  readonly id: string;
  readonly groups: ReadonlyMap<string, string>;
};

export type FoundContainer = {
  readonly ok: true;
  readonly target: ContainerTarget;
  /** Its processes when it was found. */
  readonly pids: readonly number[];
  /** For people. */
  readonly short: string;
};
type Missed = {
  readonly ok: false;
  readonly result: ActionResult;
  /** No process of it runs here; an engine may know it still. */
  readonly isEnded: boolean;
};

/**
 * Finds the running container that a command means, by its cgroup, and asks the guard rails. What runs in it is asked of
 * the kernel, never of a table, at the moment of acting.
 */
export async function findContainer(
  command: NodeCommand,
  wanted: string,
  ports: ActionPorts,
): Promise<FoundContainer | Missed> {
  const missed = (outcome: 'refused' | 'gone', detail: string, isEnded = false): Missed => ({
    ok: false,
    result: { outcome, detail },
    isEnded,
  });
  const wrong = refuseId(wanted);
  if (wrong !== undefined) return missed('refused', wrong);
  if (command.alert.boot_id !== undefined && command.alert.boot_id !== ports.bootId) {
    return missed('gone', 'the alert is from before this host was booted');
  }
  const [target, another] = locate(wanted, command.alert.process?.pid);
  if (another !== undefined) return missed('refused', `${wanted} names more than one container`);
  if (target === undefined) return missed('gone', `container ${wanted} does not run here`, true);
  const pids = liveMembers(target);
  const refusal =
    refuseMembers(pids, ports) ??
    refuseContainer(toFacts(target.named, await ports.describe(target.named)), ports.protection);
  if (refusal !== undefined) return missed('refused', refusal);
  const short = target.id.slice(0, 12);
  if (pids.length === 0) return missed('gone', `container ${short} has no process left`, true);
  if (isRestarted(pids, command)) return missed('gone', `container ${short} was started anew since the alert`);
  return { ok: true, target, pids, short };
}

/** Why this can be no container that is acted upon. Engines' ids are hexadecimal; containerd's own may be any word. */
function refuseId(wanted: string): string | undefined {
  if (wanted === 'host') return 'the alert comes from the host, not from a container';
  if (/^[0-9a-f]{12,64}$/.test(wanted)) return undefined;
  return `${JSON.stringify(wanted)} is no container id (12 to 64 hexadecimal digits)`;
}

function refuseMembers(pids: readonly number[], { self, protection }: ActionPorts): string | undefined {
  if (pids.includes(1)) return 'the first process of the host is in that cgroup';
  if (pids.some((pid) => self.pids.has(pid))) return 'the agent itself runs in that container';
  const facts = pids.map(readFacts).filter((each) => each !== undefined);
  return refuseProcesses(facts, self, protection);
}

export function toFacts(named: Pick<CgroupContainer, 'id' | 'podUid'>, told?: ContainerDetails): ContainerFacts {
  // Who runs the container around it could name it as he likes, so that it would be spared.
  const details = told?.isClaimed === true ? undefined : told;
  const pod = details?.pod;
  const isOfPod = pod !== undefined || named.podUid !== undefined;
  return {
    id: named.id,
    name: details?.name,
    image: details?.image ?? details?.repository,
    labels: details?.labels ?? new Map(),
    pod: isOfPod ? { namespace: pod?.namespace, labels: pod?.labels ?? new Map() } : undefined,
    isUnknown: details === undefined,
  };
}

/**
 * The running containers that `wanted` names: an id, or the first digits of one. The process that raised the alert is
 * asked first, which spares a full id the walk through all processes.
 */
function locate(wanted: string, hint: number | undefined): readonly ContainerTarget[] {
  const mounts = readCgroupMounts();
  const isWhole = wanted.length === 64;
  const found = new Map<string, ContainerTarget>();
  for (const pid of candidates(hint)) {
    const target = targetOf(pid, wanted, mounts);
    if (target === undefined || found.has(target.id)) continue;
    found.set(target.id, target);
    if (isWhole || found.size > 1) break;
  }
  return [...found.values()];
}

function* candidates(hint: number | undefined): Generator<number> {
  if (hint !== undefined) yield hint;
  yield* listPids();
}

function targetOf(pid: number, wanted: string, mounts: CgroupMounts): ContainerTarget | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'latin1');
  } catch {
    return undefined; // Gone since it was listed.
  }
  if (!text.includes(wanted)) return undefined;
  const groups = new Map<string, string>();
  let named: CgroupContainer | undefined;
  for (const [hierarchy, path] of parseProcCgroup(text).paths) {
    const group = groupOfContainer(path, wanted);
    const mount = mountOf(mounts, hierarchy);
    if (group === undefined || mount === undefined) continue;
    named ??= group.named;
    if (named.id === group.named.id) groups.set(hierarchy, join(mount, group.path));
  }
  return named === undefined ? undefined : { named, id: named.id, groups };
}

/** `/docker/<id>/below` → `/docker/<id>`: the outermost group of this container, never a group above it. */
function groupOfContainer(
  path: string,
  wanted: string,
): { readonly named: CgroupContainer; readonly path: string } | undefined {
  const parts = path.split('/');
  for (let end = 2; end <= parts.length; end++) {
    const group = parts.slice(0, end).join('/');
    const named = containerOfCgroup(group);
    if (named?.id.startsWith(wanted)) return { named, path: group };
  }
  return undefined;
}

/** The processes in any of the container's groups that have not ended. */
export function liveMembers({ groups }: ContainerTarget): readonly number[] {
  const pids = new Set<number>();
  for (const folder of groups.values()) for (const pid of membersOf(folder)) pids.add(pid);
  return [...pids].filter((pid) => readStat(pid)?.isDead === false);
}

/** Whether the process is in the container now. */
export function isMember(pid: number, { id }: ContainerTarget): boolean {
  try {
    const { paths } = parseProcCgroup(readFileSync(`/proc/${pid}/cgroup`, 'latin1'));
    return [...paths.values()].some((path) => groupOfContainer(path, id) !== undefined);
  } catch {
    return false; // Gone.
  }
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
