import type { Alert, LannerPart } from '#rules/alert';
import type { ActionResult } from './action.ts';

const results: Readonly<Record<NonNullable<LannerPart['reflex']>['verdict'], ActionResult>> = {
  killed: { status: 'done', detail: 'the kernel killed it before its first instruction' },
  'dry-run': { status: 'skipped', detail: 'the kernel would have killed it before its first instruction' },
  stopped: { status: 'refused', detail: 'responding is stopped; lanner resume-responding' },
  capped: {
    status: 'refused',
    detail: 'the kernel of this node has killed as many programs within a minute as it may',
  },
  spared: { status: 'refused', detail: 'it is protected, or could be' },
  denied: { status: 'done', detail: 'the kernel denied its exec' },
  failed: { status: 'failed', retry: false, reason: 'the kernel refused to send the signal' },
};

/** A step in the kernel has happened before the router hears of it: the alert says how. `step`: `PLAYBOOK/STEP`. */
export function ofKernel({ lanner }: Alert, step: string): ActionResult {
  const reflex = lanner?.reflex;
  if (reflex?.steps.includes(step) !== true) return { status: 'skipped', detail: 'it did not fire in the kernel' };
  return results[reflex.verdict];
}
