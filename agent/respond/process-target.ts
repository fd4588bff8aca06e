import { readFileSync } from 'node:fs';
import type { NodeCommand } from '#playbooks/command';
import { containerOfCgroup, parseProcCgroup } from '../state/containers/cgroup.ts';
import type { ActionPorts, ActionResult } from './action.ts';
import { toFacts } from './container-target.ts';
import { refuseContainer, refuseProcesses } from './guard.ts';
import { listPids, NS_PER_TICK, type ProcessStat, readStat } from './process.ts';
import { readFacts } from './process-facts.ts';
import type { ProcessIdentity } from './signal.ts';

export type Scope = 'process' | 'tree' | 'session';

export type FoundProcess = { readonly ok: true; readonly identity: ProcessIdentity; readonly name: string };
type Missed = { readonly ok: false; readonly result: ActionResult };

/** The process that raised the alert, if it is still the same one. */
export function findProcess({ alert }: NodeCommand, { bootId }: ActionPorts): FoundProcess | Missed {
  if (alert.process === undefined) {
    return { ok: false, result: { outcome: 'refused', detail: 'the alert names no process' } };
  }
  const gone = (detail: string): Missed => ({ ok: false, result: { outcome: 'gone', detail } });
  if (alert.boot_id !== undefined && alert.boot_id !== bootId) {
    return gone('the alert is from before this host was booted');
  }
  const { pid, start_ns: startNs } = alert.process;
  const startTicks = BigInt(startNs) / NS_PER_TICK;
  const stat = readStat(pid);
  if (stat === undefined || stat.startTicks !== startTicks) return gone(`process ${pid} has ended`);
  if (stat.isDead) return gone(`process ${pid} has ended and waits for its parent`);
  return { ok: true, identity: { pid, startTicks }, name: stat.name };
}

/** The living processes in the scope, the one it is about first. */
export function inScope(
  { pid, startTicks }: ProcessIdentity,
  scope: Scope,
  descendants: ActionPorts['descendants'],
): readonly ProcessIdentity[] {
  const itself = readStat(pid);
  const first = itself === undefined || itself.startTicks !== startTicks ? [] : [{ pid, startTicks }];
  if (scope === 'process') return first;
  const all = new Map<number, ProcessStat>();
  for (const each of listPids()) {
    const stat = readStat(each);
    if (stat !== undefined && !stat.isDead) all.set(each, stat);
  }
  const wanted =
    scope === 'session'
      ? [...all].filter(([, { sid }]) => sid === itself?.sid).map(([each]) => each)
      : treeOf([pid, ...descendants({ pid, startTicks })], all);
  const others = wanted.filter((each) => each !== pid);
  return [
    ...first,
    ...others.flatMap((each) => {
      const stat = all.get(each);
      return stat === undefined ? [] : [{ pid: each, startTicks: stat.startTicks }];
    }),
  ];
}

/** These processes and all below them, as /proc has it. */
function treeOf(roots: readonly number[], all: ReadonlyMap<number, ProcessStat>): readonly number[] {
  const tree = new Set(roots);
  for (let size = -1; size !== tree.size; ) {
    size = tree.size;
    for (const [pid, { ppid }] of all) if (tree.has(ppid)) tree.add(pid);
  }
  return [...tree];
}

/** What the guard rails say of these processes and the containers that they are in. */
export async function refuseTargets(
  targets: readonly ProcessIdentity[],
  ports: ActionPorts,
): Promise<string | undefined> {
  const facts = targets.map(({ pid }) => readFacts(pid)).filter((each) => each !== undefined);
  const refusal = refuseProcesses(facts, ports.self, ports.protection);
  if (refusal !== undefined) return refusal;
  const containers = new Map(targets.flatMap(({ pid }) => containersOf(pid)).map((named) => [named.id, named]));
  for (const named of containers.values()) {
    const reason = refuseContainer(toFacts(named, await ports.describe(named)), ports.protection);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function containersOf(pid: number) {
  try {
    const { paths } = parseProcCgroup(readFileSync(`/proc/${pid}/cgroup`, 'latin1'));
    return [...paths.values()].flatMap((path) => containerOfCgroup(path) ?? []);
  } catch {
    return []; // Gone.
  }
}
