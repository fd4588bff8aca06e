import type { NodeActionName } from '#playbooks/command';
import type { ActionPorts, NodeAction } from './action.ts';
import { makeContainerKill } from './container-kill.ts';
import { makeContainerPause, makeContainerUnpause } from './container-pause.ts';
import { makeContainerRemove } from './container-remove.ts';
import { makeContainerStop } from './container-stop.ts';
import { makeEvidenceCollect } from './evidence-collect.ts';
import { makeFileQuarantine } from './file-quarantine.ts';
import { makeNetworkIsolate, makeNetworkRestore } from './network-isolate.ts';
import { makeProcessKill, makeProcessResume, makeProcessStop } from './process-signal.ts';

/** Every node action that this agent carries out, and whether the off switch and the cap hold it back. */
const table = {
  'process.kill': { make: makeProcessKill, isDestructive: true },
  'process.stop': { make: makeProcessStop, isDestructive: true },
  'process.resume': { make: makeProcessResume, isDestructive: false },
  'container.kill': { make: makeContainerKill, isDestructive: true },
  'container.stop': { make: makeContainerStop, isDestructive: true },
  'container.pause': { make: makeContainerPause, isDestructive: true },
  'container.unpause': { make: makeContainerUnpause, isDestructive: false },
  'container.remove': { make: makeContainerRemove, isDestructive: true },
  'network.isolate': { make: makeNetworkIsolate, isDestructive: true },
  'network.restore': { make: makeNetworkRestore, isDestructive: false },
  'file.quarantine': { make: makeFileQuarantine, isDestructive: true },
  'evidence.collect': { make: makeEvidenceCollect, isDestructive: false },
} as const satisfies Record<
  NodeActionName,
  { readonly make: (ports: ActionPorts) => NodeAction; readonly isDestructive: boolean }
>;

export function makeActions(ports: ActionPorts): ReadonlyMap<string, NodeAction> {
  return new Map(Object.entries(table).map(([name, { make }]) => [name, make(ports)]));
}

const destructive: ReadonlySet<string> = new Set(
  Object.entries(table).flatMap(([name, { isDestructive }]) => (isDestructive ? [name] : [])),
);

export const isDestructive = (action: string): boolean => destructive.has(action);
