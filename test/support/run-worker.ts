import { loadPlaybooks } from '../../playbooks/language/load.ts';
import type { Run } from '../../playbooks/language/run.ts';
import { actionCatalogue } from '../../router/actions/all.ts';
import { connect, whenReady } from '../../router/redis/connection.ts';
import { performRun } from '../../router/runs/perform.ts';
import { makeAuditLog } from '../../router/store/audit.ts';
import { makeRunStore } from '../../router/store/runs.ts';
import { alert } from './action.ts';

const noPeople = () => Promise.reject(new Error('no people here'));

/** A run to perform, by whichever process comes to it. */
export type Work = { readonly socket: string; readonly runId: string; readonly playbook: string };

/** Performs the run over the Redis behind the socket, as a worker of the router does, waits included. */
export async function work({ socket, runId, playbook: text }: Work): Promise<Run> {
  const { playbooks, errors } = loadPlaybooks([{ path: 'test.yaml', text }], actionCatalogue);
  const [playbook] = playbooks;
  if (playbook === undefined) throw new Error(errors.map(({ message }) => message).join('; '));
  const redis = connect({ kind: 'socket', path: socket }, 'request', () => undefined);
  try {
    await whenReady(redis, 5_000);
    const ports = {
      actions: actionCatalogue,
      ledger: makeRunStore(redis, makeAuditLog(redis, Date.now).append),
      sendToNode: () => Promise.reject(new Error('no node here')),
      hand: () => Promise.reject(new Error('no destination here')),
      approvals: { ask: noPeople, look: noPeople, taken: noPeople, drop: noPeople },
      pages: { start: noPeople, settled: noPeople },
      explainHand: () => ({ status: 'failed', retry: false, reason: 'no destination here' }) as const,
      secrets: () => undefined,
      nowMs: () => Date.now(),
      random: () => 0,
    };
    const request = { runId, alertId: 'an-alert', alert, playbook, mode: 'enforce' } as const;
    for (;;) {
      const performed = await performRun(request, ports, AbortSignal.timeout(60_000));
      if (performed.kind === 'finished') return performed.run;
      if (performed.kind === 'wait')
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, performed.untilMs - Date.now())));
    }
  } finally {
    redis.disconnect();
  }
}
