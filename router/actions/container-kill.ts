import { CHANNEL_VERSION, nodeActionParams } from '#playbooks/command';
import { type ActionContext, type ActionResult, defineAction } from '../runs/action.ts';

/** A dry run waits no longer than this for a node that may be away. */
const DRY_RUN_MS = 2_000;

export const containerKill = defineAction({
  name: 'container.kill',
  side: 'node',
  doc: 'Kills every process of a container at once, on the node that raised the alert, and then tells its engine. Safe to repeat.',
  params: nodeActionParams['container.kill'],
  idempotent: true,
  target: ({ container }) => container,
  run: (params, context) => send(params, context, context.signal),
  async dryRun(params, context) {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(DRY_RUN_MS)]);
    const result = await send(params, context, signal);
    if (result.status !== 'failed' && result.status !== 'timed_out') return result;
    return {
      status: 'skipped',
      detail: `would kill container ${params.container}; its node did not answer within ${DRY_RUN_MS} ms`,
    };
  },
});

async function send(params: { container: string }, context: ActionContext, signal: AbortSignal): Promise<ActionResult> {
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
        action: 'container.kill',
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
