import { randomUUID } from 'node:crypto';
import type { Decision } from '#playbooks/language/gate';
import type { Playbook } from '#playbooks/language/playbook';
import type { Run } from '#playbooks/language/run';
import type { Alert } from '#rules/alert';
import { performRun } from './perform.ts';
import type { Ledger, RunPorts } from './ports.ts';

/** A journal that nobody keeps. */
function makeLedger(): Ledger {
  let kept: Run | undefined;
  return {
    load: async () => kept,
    save: async (run) => {
      kept = run;
    },
    begin: async () => 'fresh',
    record: async (run) => {
      kept = run;
    },
  };
}

export type DryRun = { readonly decision: Decision | 'no match'; readonly run: Run };

/** Runs it in the whole as if it had started, and asks whom a dry run asks; nothing is done, counted or written down. */
export async function dryRun(
  playbook: Playbook,
  placed: { readonly id: string; readonly alert: Alert },
  decision: DryRun['decision'],
  ports: RunPorts,
  signal: AbortSignal,
): Promise<DryRun> {
  const { id: alertId, alert } = placed;
  const started = typeof decision === 'object' && decision.kind === 'start' ? decision : undefined;
  const { trigger, guards } = started ?? {};
  const request = { runId: 'dry-run', alertId, alert, playbook, mode: 'dry-run', trigger, guards } as const;
  // A node answers a repeat as it did the first time; a person who asks again wants to know what is so now.
  const once = randomUUID();
  const own: RunPorts = {
    ...ports,
    ledger: makeLedger(),
    sendToNode: (node, command, given) => ports.sendToNode(node, { ...command, id: `${command.id}/${once}` }, given),
  };
  const performed = await performRun(request, own, signal);
  return { decision, run: performed.run };
}
