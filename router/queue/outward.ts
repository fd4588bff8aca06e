import type { Secrets } from '#playbooks/language/playbook';
import { maskSecrets } from '#playbooks/language/value-template';
import type { Alert } from '#rules/alert';
import { alertSchema } from '#rules/alert';
import type { Log } from '#rules/cli/log';
import type { Destination } from '../config/router-file.ts';
import type { Redis } from '../redis/connection.ts';
import type { ActionResult } from '../runs/action.ts';
import type { Ask, Asked, Message, OutwardAction } from '../runs/outward.ts';
import type { AuditEntry, RunPorts } from '../runs/ports.ts';
import { fillSecrets } from '../runs/secrets.ts';
import { within } from '../runs/within.ts';
import type { DestinationHealth, DestinationStore } from '../store/destinations.ts';
import { type Attempted, type Deliveries, type Delivery, type DeliveryCounts, makeDeliveries } from './deliveries.ts';

/** How one destination does. */
export type DestinationState = DestinationHealth &
  DeliveryCounts & {
    /** Messages that wait for its next digest. */
    readonly gathered: number;
    readonly name: string;
    readonly kind: string;
    readonly isWell: boolean;
  };

export type Outward = Pick<RunPorts, 'hand' | 'explainHand'> &
  Pick<Deliveries, 'deadLetters' | 'replay' | 'purge' | 'reclaim' | 'close'> & {
    readonly names: readonly string[];
    /** Into the destination's queue, also where it gathers messages for digests. */
    readonly handNow: RunPorts['hand'];
    states(): Promise<readonly DestinationState[]>;
    /** Sends a message that says it is a test, past the queue. `undefined`: there is no such destination. */
    test(name: string, by: string): Promise<ActionResult | undefined>;
  };

/** `hasButtons`: answers of services' own buttons are taken. */
export type Signed = { readonly token: string; readonly url: string | undefined; readonly hasButtons: boolean };

export type OutwardPorts = {
  readonly destinations: readonly Destination[];
  readonly actions: ReadonlyMap<string, OutwardAction>;
  readonly store: DestinationStore;
  readonly secrets: Secrets;
  readonly audit: (entry: AuditEntry) => Promise<unknown>;
  /** Keeps a message for the next digest of its destination. */
  readonly gather: (message: Message, digest: NonNullable<Destination['digest']>) => Promise<ActionResult>;
  readonly gathered: (destination: string) => Promise<number>;
  /** Makes the link of a message that asks people. */
  readonly sign: (ask: Ask) => Signed;
  readonly nowMs: () => number;
  readonly log: Log;
  /** For the metrics: `delivered`, `again` or `dead`, and the time since the message was handed over. */
  readonly counted: (destination: string, outcome: 'delivered' | 'again' | 'dead', waitedMs: number) => void;
};

/** A message that the destination's queue cannot take now: the step's own retry comes back. */
const FULL_RETRY_MS = 5_000;

/** Everything that leaves the router by way of a destination. */
export function makeOutward(requests: Redis, jobs: Redis, ports: OutwardPorts): Outward {
  const { destinations, actions, store, nowMs } = ports;
  const byName = new Map(destinations.map((destination) => [destination.name, destination]));
  const deliveries = makeDeliveries(requests, jobs, {
    destinations,
    log: ports.log,
    concurrencyOf: ({ kind, concurrency }) => concurrency ?? actions.get(kind)?.sender.concurrency ?? 1,
    attempt: (delivery, to, signal) => attempt(delivery, to, ports, signal),
  });
  const explain = (via: string, uses: string): ActionResult | undefined => {
    const destination = byName.get(via);
    if (destination === undefined) {
      const there = [...byName.keys()].join(', ') || 'none';
      return { status: 'failed', retry: false, reason: `there is no destination ${via}; there are: ${there}` };
    }
    if (destination.kind === uses) return undefined;
    return { status: 'failed', retry: false, reason: `${via} is a destination for ${destination.kind}, not ${uses}` };
  };
  const handNow = async (message: Message): Promise<ActionResult> => {
    const wrong = explain(message.via, message.uses);
    if (wrong !== undefined) return wrong;
    const handed = await deliveries.hand(message);
    if (handed.kind === 'handed') return { status: 'done', detail: `handed to ${message.via} as ${handed.id}` };
    const reason = `the queue of ${message.via} is full`;
    return { status: 'failed', retry: true, reason, retryAfterMs: FULL_RETRY_MS };
  };
  return {
    names: [...byName.keys()],
    async hand(message) {
      const wrong = explain(message.via, message.uses);
      if (wrong !== undefined) return wrong;
      const digest = byName.get(message.via)?.digest;
      // Whoever is asked or paged is told now.
      if (digest !== undefined && message.ask === undefined) return ports.gather(message, digest);
      return handNow(message);
    },
    handNow,
    explainHand: (via, uses) => explain(via, uses) ?? { status: 'skipped', detail: `would hand a message to ${via}` },
    states: () =>
      Promise.all(
        destinations.map(async ({ name, kind, breaker }) => {
          const [health, counts, gathered] = await Promise.all([
            store.health(name),
            deliveries.counts(name),
            ports.gathered(name),
          ]);
          return { name, kind, ...health, ...counts, gathered, isWell: health.failuresInARow < breaker.failures };
        }),
      ),
    async test(name, by) {
      const destination = byName.get(name);
      const action = actions.get(destination?.kind ?? '');
      if (destination === undefined || action === undefined) return undefined;
      const message = testMessage(name, action, by, nowMs());
      return send(message, destination, ports, AbortSignal.timeout(destination.timeoutMs));
    },
    deadLetters: deliveries.deadLetters,
    replay: deliveries.replay,
    purge: deliveries.purge,
    reclaim: deliveries.reclaim,
    close: deliveries.close,
  };
}

async function attempt(
  delivery: Delivery,
  to: Destination,
  ports: OutwardPorts,
  stop: AbortSignal,
): Promise<Attempted> {
  const { store, nowMs, counted } = ports;
  const { name, breaker, retry, timeoutMs } = to;
  const waitedMs = nowMs() - delivery.sinceMs;
  const die = async (reason: string): Promise<Attempted> => {
    counted(name, 'dead', waitedMs);
    await tell(delivery, 'dead', reason, ports);
    return { kind: 'dead', reason };
  };
  if (waitedMs > retry.giveUpMs) {
    const { lastFailure } = await store.health(name);
    return die(`not delivered within ${retry.giveUpMs / 1_000} s; the last failure: ${lastFailure ?? 'none'}`);
  }
  const restMs = await store.admit(name, breaker, timeoutMs + 1_000);
  if (restMs > 0) return { kind: 'rest', restMs };
  const result = await within(timeoutMs, stop, (signal) => send(delivery, to, ports, signal));
  // Not the destination's fault; whoever takes over sends it again.
  if (stop.aborted) return { kind: 'again', reason: 'the router stopped meanwhile', restMs: 0 };
  if (result.status === 'done') {
    await Promise.all([store.answered(name, 'sent'), tell(delivery, 'delivered', result.detail, ports)]);
    counted(name, 'delivered', nowMs() - delivery.sinceMs);
    return { kind: 'delivered' };
  }
  const reason = result.status === 'failed' ? result.reason : result.detail;
  const canHelp = result.status === 'failed' ? result.retry : result.status === 'timed_out';
  if (!canHelp) {
    await store.answered(name, 'refused', reason);
    return die(reason);
  }
  counted(name, 'again', nowMs() - delivery.sinceMs);
  // It asked for patience: it is well, and the message has not failed.
  if (result.status === 'failed' && result.retryAfterMs !== undefined)
    return { kind: 'rest', restMs: Math.max(1, result.retryAfterMs) };
  return { kind: 'again', reason, restMs: await store.failed(name, breaker, reason) };
}

/** Only ends are told: that a destination is away is its health's to say, not that of each of its messages. */
async function tell(delivery: Delivery, outcome: string, detail: string, { audit }: OutwardPorts): Promise<void> {
  const { id, via, uses, alertId, playbook, key, attempts } = delivery;
  const about = { delivery: id, destination: via, uses, alert: alertId, playbook, key };
  await audit({ kind: 'delivery_ended', ...about, outcome, attempts: attempts + 1, detail });
}

async function send(
  message: Message,
  to: Destination,
  ports: OutwardPorts,
  signal: AbortSignal,
): Promise<ActionResult> {
  const { actions, secrets, nowMs } = ports;
  const action = actions.get(message.uses);
  if (action === undefined) return { status: 'failed', retry: false, reason: `there is no action ${message.uses}` };
  const filled = fillSecrets(to.settings, secrets);
  if (!filled.ok) return { status: 'failed', retry: false, reason: filled.reason };
  const { alert, alertId, playbook, key, params } = message;
  const signed = message.ask && ports.sign(message.ask);
  const mask = (text: string): string => maskSecrets(text, [...filled.secrets, ...(signed ? [signed.token] : [])]);
  const result = await action.sender.send(params, filled.value, {
    destination: to.name,
    alert,
    alertId,
    playbook,
    idempotencyKey: key,
    signal,
    deadlineMs: nowMs() + to.timeoutMs,
    mask,
    ...(message.table && { table: message.table }),
    ...(message.ask && signed && { asked: askedOf(message.ask, signed) }),
  });
  return result.status === 'failed'
    ? { ...result, reason: mask(result.reason) }
    : { ...result, detail: mask(result.detail) };
}

function askedOf({ kind }: Ask, { url, token, hasButtons }: Signed): Asked {
  return { kind, url, token: hasButtons ? token : undefined };
}

function testMessage(name: string, action: OutwardAction, by: string, nowMs: number): Message {
  const alert: Alert = alertSchema.parse({
    time: new Date(nowMs).toISOString(),
    rule: 'Lanner test message',
    priority: 'Informational',
    source: 'internal',
    output: `This is a test of the destination ${name}, asked for by ${by}. Nothing has happened.`,
    tags: ['test'],
  });
  const alertId = `test-${name}-${nowMs}`;
  const params = { ...action.sender.test, via: name };
  return { via: name, uses: action.name, params, alert, alertId, playbook: 'test', key: `${alertId}/test/test/test` };
}
