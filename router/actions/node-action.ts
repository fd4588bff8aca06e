import type * as z from 'zod';
import { CHANNEL_VERSION, type NodeActionName } from '#playbooks/command';
import { nodeTarget } from '#playbooks/idempotency';
import { type Action, type ActionContext, type ActionResult, defineAction } from '../runs/action.ts';

/** A dry run waits no longer than this for a node that may be away. */
const DRY_RUN_MS = 2_000;

type Definition<P extends object> = {
  readonly name: NodeActionName;
  readonly doc: string;
  readonly params: z.ZodType<P>;
  /** What a dry run says that it would do, when the node does not answer: `kill container abc`. */
  readonly would: (params: P) => string;
  /** The action that undoes it. */
  readonly undo?: NodeActionName;
  /** The kernel can carry it out as well. */
  readonly kernel?: true;
};

/** An action that the node carries out which raised the alert. All of them are safe to repeat: the node knows repeats. */
export function defineNodeAction<P extends object>({ name, doc, params, would, undo, kernel }: Definition<P>): Action {
  return defineAction({
    name,
    side: 'node',
    doc,
    params,
    idempotent: true,
    target: (filled) => nodeTarget(filled),
    ...(undo !== undefined && { undo }),
    ...(kernel !== undefined && { kernel }),
    run: (filled, context) => send(name, filled, context, context.signal),
    async dryRun(filled, context) {
      const signal = AbortSignal.any([context.signal, AbortSignal.timeout(DRY_RUN_MS)]);
      const result = await send(name, filled, context, signal);
      if (result.status !== 'failed' && result.status !== 'timed_out') return result;
      return {
        status: 'skipped',
        detail: `would ${would(filled)}; its node did not answer within ${DRY_RUN_MS} ms`,
      };
    },
  });
}

async function send(
  action: NodeActionName,
  params: object,
  context: ActionContext,
  signal: AbortSignal,
): Promise<ActionResult> {
  const { alert, alertId, mode, idempotencyKey, deadlineMs } = context;
  const node = alert.lanner?.node;
  if (node === undefined) {
    return { status: 'refused', detail: 'the alert was not raised by a Lanner agent, so there is no node to act on' };
  }
  const process = alert.lanner?.process;
  try {
    const receipt = await context.sendToNode(
      node,
      {
        version: CHANNEL_VERSION,
        kind: 'command',
        id: mode === 'enforce' ? idempotencyKey : `${idempotencyKey}/dry-run`,
        action,
        params: { ...params },
        mode,
        deadline_ms: deadlineMs,
        alert: {
          id: alertId,
          rule: alert.rule,
          ...(process === undefined ? {} : { process: { pid: process.pid, start_ns: process.start_ns } }),
          ...(alert.lanner?.boot_id === undefined ? {} : { boot_id: alert.lanner.boot_id }),
        },
      },
      signal,
    );
    if (receipt.outcome === 'failed') return { status: 'failed', retry: receipt.retry, reason: receipt.detail };
    return { status: receipt.outcome, detail: receipt.detail };
  } catch (error) {
    if (!signal.aborted)
      return { status: 'failed', retry: true, reason: error instanceof Error ? error.message : String(error) };
    return { status: 'timed_out', detail: `node ${node} did not answer in time` };
  }
}
