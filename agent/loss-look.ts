import { type InternalAlert, LossWatch } from './engine/loss.ts';
import type { Losses } from './events/losses.ts';
import type { AgentCounters } from './metrics/facts.ts';

/** What is lost is said, and the state is compared with the kernel. */
export function makeLossLook(
  counters: () => AgentCounters,
  losses: () => Losses,
  raise: (alert: InternalAlert) => void,
  heal: () => void,
): () => void {
  const watch = new LossWatch(performance.now());
  return () => {
    const { capture, engine, outputs } = counters();
    const lostAlerts = Object.values(outputs).reduce((sum, { lost }) => sum + lost, 0);
    const { lifecycle, bulk, dropped } = capture;
    const now = { events: lifecycle + bulk, dropped, losses, lostAlerts, pending: engine.pending };
    const found = watch.look(now, performance.now());
    for (const alert of found.alerts) raise(alert);
    if (!found.isStateStale) return;
    heal();
  };
}
