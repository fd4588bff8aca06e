import { maskSecrets } from '../../playbooks/language/value-template.ts';
import { outwardCatalogue } from '../../router/actions/all.ts';
import type { ActionResult } from '../../router/runs/action.ts';
import type { SendContext } from '../../router/runs/outward.ts';
import { type Alert, alertSchema } from '../../rules/alert.ts';

/** An alert as an agent sends it, with everything that people want to know. */
export const shellAlert: Alert = alertSchema.parse({
  time: '2026-11-23T14:00:00.123456789Z',
  rule: 'Terminal shell in container',
  priority: 'Critical',
  hostname: 'worker-1',
  output: 'A shell was opened (user=root shell=bash parent=runc cmdline=bash -c "id > /tmp/x")',
  output_fields: {
    'container.id': '0123456789ab',
    'container.name': 'shop',
    'container.image.repository': 'registry.example.com/shop',
    'container.image.tag': '1.4',
    'k8s.ns.name': 'web',
    'k8s.pod.name': 'shop-7d9',
    'user.name': 'root',
    'user.uid': 0,
    'proc.name': 'bash',
    'proc.pid': 4242,
    'proc.exepath': '/bin/bash',
    'proc.cmdline': 'bash -c "id > /tmp/x"',
    'proc.pname': 'runc',
    'proc.ppid': 4200,
    'evt.time': 1_795_442_400_123_456_789n,
    'fd.name': null,
  },
  tags: ['container', 'shell', 'T1059', 'mitre_execution'],
  lanner: {
    version: 1,
    id: '0190a0a0-0000-7000-8000-000000000000',
    node: 'worker-1',
    boot_id: 'a-boot',
    process: { pid: 4242, start_ns: '123456789' },
    container: { id: '0123456789ab'.padEnd(64, 'c') },
  },
});

export type Sending = Partial<SendContext> & { readonly timeoutMs?: number; readonly secrets?: readonly string[] };

/** Sends a message as the queue of a destination does. */
export async function send(
  kind: string,
  settings: object,
  params: object,
  { timeoutMs = 5_000, secrets = [], ...changes }: Sending = {},
): Promise<ActionResult> {
  const action = outwardCatalogue.get(kind);
  if (action === undefined) throw new Error(`nothing sends ${kind}`);
  return action.sender.send({ via: 'there', ...params }, settings, {
    destination: 'there',
    alert: shellAlert,
    alertId: shellAlert.lanner?.id ?? '',
    playbook: 'a-playbook',
    idempotencyKey: 'an-alert/a-playbook/a-step/a-target',
    deadlineMs: Date.now() + timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
    mask: (text) => maskSecrets(text, secrets),
    ...changes,
  });
}
