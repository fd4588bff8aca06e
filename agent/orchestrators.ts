import type { Log } from '#rules/cli/log';
import type { AgentOptions } from './config/options.ts';
import type { InternalAlert } from './engine/loss.ts';
import { openKubernetes } from './state/orchestrators/kubernetes.ts';
import { openMesos } from './state/orchestrators/mesos.ts';

/** Watches those that are configured; what goes wrong with one is an alert. */
export function openOrchestrators(
  { kubernetes, mesosAgent, marathon }: AgentOptions['orchestrators'],
  toLog: Log,
  raise: (alert: InternalAlert) => void,
) {
  const log: typeof toLog = (level, message, fields) => {
    if (level !== 'warn') toLog(level, message, fields);
    else
      raise({
        what: 'orchestrator',
        priority: 'Warning',
        message: `${message}.`,
        fields: { reason: String(fields?.['reason']) },
      });
  };
  const nowMs = () => performance.now();
  const api = (url: URL | undefined) => (url === undefined ? undefined : { url });
  return {
    kubernetes: kubernetes && openKubernetes({ api: kubernetes.access, node: kubernetes.node, log, nowMs }),
    mesos:
      mesosAgent === undefined && marathon === undefined
        ? undefined
        : openMesos({ agent: api(mesosAgent), marathon: api(marathon), log, nowMs }),
  };
}
