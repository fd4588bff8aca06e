import { openPidfds } from '#native';
import { commandSchema, type NodeActionName, type NodeCommand } from '#playbooks/command';
import { usualResponse } from '../../agent/config/protection.ts';
import type { ActionPorts } from '../../agent/respond/action.ts';
import { openEvidenceFolder } from '../../agent/respond/evidence-folder.ts';
import { makeDescribe, readBootId } from '../../agent/respond/open.ts';
import { NS_PER_TICK, readStat } from '../../agent/respond/process.ts';
import { readSelf } from '../../agent/respond/process-facts.ts';
import { findEngines } from '../../agent/state/containers/engine.ts';

export const bootId = readBootId();

/** What actions need, with the engines of this machine; `self`: the process that they take for the agent. */
export function portsOf({
  self = process.pid,
  ...changes
}: Partial<Omit<ActionPorts, 'self'>> & { readonly self?: number } = {}): ActionPorts {
  const found = findEngines();
  const engines = changes.engines ?? (() => found);
  const { dataFolder = '/nonexistent' } = changes;
  return {
    engines,
    describe: makeDescribe({
      engines,
      see: ({ id, engine }) => ({ id, engine, details: undefined, status: 'unknown' }),
    }),
    descendants: () => [],
    history: () => [],
    self: readSelf(self, '/no/lanner.ts'),
    protection: usualResponse.protection,
    bootId,
    pidfds: openPidfds(),
    dataFolder,
    node: 'test',
    evidence: openEvidenceFolder(dataFolder),
    sendEvidence: async () => 'stays here',
    ...changes,
  };
}

/** A process as an alert names it: with a start time that is finer than /proc's. */
export function identityOf(pid: number) {
  const stat = readStat(pid);
  if (stat === undefined) throw new Error(`process ${pid} has ended`);
  return { pid, start_ns: String(stat.startTicks * NS_PER_TICK + 3_141_592n) };
}

export type CommandChanges = {
  readonly mode?: NodeCommand['mode'];
  readonly process?: { readonly pid: number; readonly start_ns: string };
  readonly boot?: string;
};

export function commandOf(action: NodeActionName, params: object, changes: CommandChanges = {}): NodeCommand {
  const { mode = 'enforce', process, boot = bootId } = changes;
  return commandSchema.parse({
    version: 1,
    kind: 'command',
    id: 'alert/playbook/step',
    action,
    params,
    mode,
    deadline_ms: Date.now() + 60_000,
    alert: { id: 'alert', rule: 'Shell in container', boot_id: boot, ...(process && { process }) },
  });
}
