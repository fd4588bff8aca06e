import { maskSecrets } from '../../playbooks/language/value-template.ts';
import { actionCatalogue } from '../../router/actions/all.ts';
import type { ActionContext, ActionResult } from '../../router/runs/action.ts';
import { alertSchema } from '../../rules/alert.ts';

/** An alert as an agent sends it. */
export const alert = alertSchema.parse({
  time: '2026-01-01T00:00:00Z',
  rule: 'Shell in container',
  priority: 'Notice',
  output: 'a shell',
  hostname: 'one',
  output_fields: { 'proc.name': 'sh' },
  lanner: {
    version: 1,
    id: '0190a0a0-0000-7000-8000-000000000000',
    node: 'one',
    boot_id: 'a-boot',
    process: { pid: 42, start_ns: '123456789' },
    container: { id: 'c'.repeat(64) },
  },
});

export type Performing = Partial<ActionContext> & { readonly timeoutMs?: number; readonly secrets?: readonly string[] };

/** Performs an action as a run does. */
export async function perform(name: string, params: unknown, options: Performing = {}): Promise<ActionResult> {
  const { timeoutMs = 5_000, secrets = [], ...changes } = options;
  const action = actionCatalogue.get(name);
  if (action === undefined) throw new Error(`there is no action ${name}`);
  return action.perform(params, {
    alert,
    alertId: 'an-alert',
    playbook: 'a-playbook',
    mode: 'enforce',
    idempotencyKey: 'an-alert/a-playbook/a-step',
    deadlineMs: Date.now() + timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
    mask: (text) => maskSecrets(text, secrets),
    sendToNode: () => Promise.reject(new Error('no node here')),
    hand: () => Promise.reject(new Error('no destination here')),
    pages: { start: async () => undefined, settled: async () => undefined },
    explainHand: () => ({ status: 'failed', retry: false, reason: 'no destination here' }),
    ...changes,
  });
}
