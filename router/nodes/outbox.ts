import { commandSchema, type NodeCommand, type Receipt, receiptSchema } from '#playbooks/command';
import type { Redis } from '../redis/connection.ts';
import type { AuditLog } from '../store/audit.ts';
import { keys } from '../store/keys.ts';

/** Commands that wait for one node; the oldest have passed their deadlines long before this many wait. */
const MOST_WAITING = 1_000;
const RECEIPT_S = 24 * 3_600;
/** Pub/sub only wakes; whoever missed the word looks by himself so often. */
const SWEEP_MS = 1_000;

export type OutboxEntry = { readonly entry: string; readonly command: NodeCommand };

type Wake = (command?: NodeCommand) => void;

/**
 * The durable way to a node and back. Commands lie in a stream per node until their receipt has come, receipts under
 * the command's id; so any replica may send, any other hold the node's socket, and each may die in between.
 */
export type Outbox = {
  /** Puts the command into the outbox and resolves with its receipt. Rejects with the signal's reason. */
  send(node: string, command: NodeCommand, signal: AbortSignal): Promise<Receipt>;
  /** What waits for this node, the oldest first; what is past its deadline is dropped. */
  waiting(node: string): Promise<readonly OutboxEntry[]>;
  /** Stores the receipt and takes the command out of the outbox. */
  settle(node: string, receipt: Receipt): Promise<void>;
  /** Calls back when something was put into this node's outbox, by whichever replica; with the command, if by this one. */
  onWake(node: string, wake: Wake): () => void;
  close(): void;
};

/**
 * `redis` asks and tells, `subscriber` is a connection of its own that only listens; `append`, the audit log's, brings a
 * command to the disk with the entry that says so.
 */
export async function makeOutbox(
  redis: Redis,
  subscriber: Redis,
  append: AuditLog['append'],
  nowMs: () => number,
): Promise<Outbox> {
  const nodes = new Map<string, Set<Wake>>();
  const receipts = new Map<string, Set<Wake>>();
  await subscriber.subscribe(keys.wakeNode, keys.wakeReceipt);
  subscriber.on('message', (channel: string, subject: string) => {
    const listeners = (channel === keys.wakeNode ? nodes : receipts).get(subject);
    for (const listener of listeners ?? []) listener();
  });
  /** `before`: what was there when it was asked. */
  const awaitReceipt = (id: string, before: unknown, signal: AbortSignal): Promise<Receipt> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        redis.get(keys.receipt(id)).then(
          (json) => {
            if (json === null || json === before) return;
            stop();
            resolve(parseReceipt(json));
          },
          () => undefined, // Redis is away: the sweep looks again.
        );
      };
      const abort = (): void => {
        stop();
        reject(signal.reason);
      };
      const timer = setInterval(look, SWEEP_MS);
      const forget = listen(receipts, id, look);
      const stop = (): void => {
        clearInterval(timer);
        forget();
        signal.removeEventListener('abort', abort);
      };
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      else look();
    });
  return {
    async send(node, command, signal) {
      // An answer to an earlier attempt will be replaced. It stays till then: another replica, which did not know that we
      // perform this run, may ask as well, and one that took the answer away would leave us without.
      const [before] = await append(undefined, [
        ['GET', keys.receipt(command.id)],
        ['XADD', keys.outbox(node), 'MAXLEN', '~', MOST_WAITING, '*', 'json', JSON.stringify(command)],
        ['PUBLISH', keys.wakeNode, node],
      ]);
      // A node whose socket is held here has it before Redis' word comes round.
      for (const wake of nodes.get(node) ?? []) wake(command);
      const known = typeof before === 'string' ? parseReceipt(before) : undefined;
      if (known !== undefined && !isPassing(known)) return known;
      return awaitReceipt(command.id, before, signal);
    },
    async waiting(node) {
      const entries = await redis.xrange(keys.outbox(node), '-', '+', 'COUNT', MOST_WAITING);
      const waiting = entries.map(([entry, fields]) => ({
        entry,
        command: commandSchema.parse(JSON.parse(fields[1] ?? 'null')),
      }));
      const late = waiting.filter(({ command }) => command.deadline_ms < nowMs());
      if (late.length > 0) await redis.xdel(keys.outbox(node), ...late.map(({ entry }) => entry));
      return waiting.filter((one) => !late.includes(one));
    },
    async settle(node, receipt) {
      await Promise.all([
        redis.set(keys.receipt(receipt.command), JSON.stringify(receipt), 'EX', RECEIPT_S),
        redis.publish(keys.wakeReceipt, receipt.command),
      ]);
      const entries = await redis.xrange(keys.outbox(node), '-', '+', 'COUNT', MOST_WAITING);
      const answered = entries
        .filter(([, fields]) => JSON.parse(fields[1] ?? '{}').id === receipt.command)
        .map(([entry]) => entry);
      if (answered.length > 0) await redis.xdel(keys.outbox(node), ...answered);
    },
    onWake: (node, wake) => listen(nodes, node, wake),
    close: () => subscriber.disconnect(),
  };
}

/** A failure that may be tried again, and a dry run, are asked for anew under the same id. */
function isPassing(receipt: Receipt): boolean {
  return receipt.retry || receipt.outcome === 'skipped' || receipt.outcome === 'timed_out';
}

function parseReceipt(json: string): Receipt {
  return receiptSchema.parse(JSON.parse(json));
}

function listen(listeners: Map<string, Set<Wake>>, subject: string, listener: Wake): () => void {
  const set = listeners.get(subject) ?? new Set();
  listeners.set(subject, set.add(listener));
  return () => {
    set.delete(listener);
    if (set.size === 0) listeners.delete(subject);
  };
}
