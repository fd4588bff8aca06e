import { CHANNEL_VERSION, type NodeCommand, type Receipt } from '#playbooks/command';
import type { Log } from '#rules/cli/log';
import type { NodeAction } from './action.ts';
import type { ReceiptJournal } from './journal.ts';

export type PerformerOptions = {
  readonly actions: ReadonlyMap<string, NodeAction>;
  readonly journal: ReceiptJournal;
  readonly log: Log;
  readonly nowMs: () => number;
};

/**
 * Carries commands out, each once: a repeat gets the receipt of the first time, also while the first is under way.
 * Never rejects: what goes wrong is the receipt's outcome.
 */
export function makePerformer({
  actions,
  journal,
  log,
  nowMs,
}: PerformerOptions): (command: NodeCommand) => Promise<Receipt> {
  const underWay = new Map<string, Promise<Receipt>>();

  const act = async (command: NodeCommand): Promise<Receipt> => {
    const startedMs = nowMs();
    const receipt = (outcome: Receipt['outcome'], detail: string, retry = false): Receipt => ({
      version: CHANNEL_VERSION,
      kind: 'receipt',
      command: command.id,
      outcome,
      detail: detail.slice(0, 4_096),
      retry,
      started_ms: startedMs,
      finished_ms: nowMs(),
    });
    const action = actions.get(command.action);
    if (action === undefined) return receipt('refused', `this agent knows no action ${JSON.stringify(command.action)}`);
    const leftMs = command.deadline_ms - startedMs;
    if (leftMs <= 0) return receipt('timed_out', 'the command reached this node after its deadline');
    try {
      const { outcome, detail, retry } = await action(command, AbortSignal.timeout(Math.min(leftMs, 600_000)));
      return receipt(outcome, detail, retry);
    } catch (error) {
      log('error', 'an action failed unexpectedly', { action: command.action, reason: String(error) });
      return receipt(
        'failed',
        `the action failed unexpectedly: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };

  const keep = (receipt: Receipt) => {
    try {
      journal.add(receipt);
    } catch (error) {
      // The answer still holds until the agent ends; only a repeat after that would act anew.
      log('error', 'the journal of receipts cannot be written', { reason: String(error) });
    }
  };

  return (command) => {
    const before = journal.find(command.id);
    if (before !== undefined) return Promise.resolve(before);
    const running = underWay.get(command.id);
    if (running !== undefined) return running;
    const done = act(command).then((receipt) => {
      underWay.delete(command.id);
      // A failure that may be tried again, and a dry run, leave nothing behind that a repeat could double.
      if (!receipt.retry && command.mode === 'enforce') keep(receipt);
      log('info', 'carried out a command', {
        action: command.action,
        outcome: receipt.outcome,
        detail: receipt.detail,
      });
      return receipt;
    });
    underWay.set(command.id, done);
    return done;
  };
}
