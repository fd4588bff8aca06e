import { CHANNEL_VERSION, type NodeCommand, type Receipt } from '#playbooks/command';
import type { Log } from '#rules/cli/log';
import type { NodeAction } from './action.ts';
import type { ActionCap } from './cap.ts';
import type { ReceiptJournal } from './journal.ts';
import type { OffSwitch } from './off-switch.ts';

export type PerformerOptions = {
  readonly actions: ReadonlyMap<string, NodeAction>;
  /** Those that the off switch and the cap hold back; what undoes another, or only looks, is none. */
  readonly isDestructive: (action: string) => boolean;
  readonly offSwitch: Pick<OffSwitch, 'stop'>;
  readonly cap: ActionCap;
  /** Called for each refusal by the cap. */
  readonly capped: (command: NodeCommand) => void;
  readonly journal: ReceiptJournal;
  readonly log: Log;
  readonly nowMs: () => number;
};

/**
 * Carries commands out, each once: a repeat gets the receipt of the first time, also while the first is under way.
 * Never rejects: what goes wrong is the receipt's outcome.
 */
export function makePerformer(options: PerformerOptions): (command: NodeCommand) => Promise<Receipt> {
  const { actions, isDestructive, offSwitch, cap, capped, journal, log, nowMs } = options;
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
    const isGuarded = isDestructive(command.action);
    const stop = isGuarded ? offSwitch.stop() : undefined;
    if (stop !== undefined) {
      return receipt('refused', `responding is stopped (by ${stop.by}: ${stop.reason}); lanner resume-responding`);
    }
    const isCounted = isGuarded && command.mode === 'enforce';
    if (isCounted && !cap.take(startedMs)) {
      capped(command);
      return receipt('refused', `this node has carried out ${cap.most} destructive actions within a minute, its most`);
    }
    try {
      const { outcome, detail, retry } = await action(command, AbortSignal.timeout(Math.min(leftMs, 600_000)));
      if (isCounted && (outcome === 'refused' || outcome === 'gone')) cap.giveBack(startedMs);
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
