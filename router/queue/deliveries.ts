import { createHash } from 'node:crypto';
import { type Job, Queue, RateLimitError, UnrecoverableError, Worker } from 'bullmq';
import { backoffMs } from '#playbooks/language/advance';
import { alertSchema } from '#rules/alert';
import { alertJson, parseAlertJson } from '#rules/alert-json';
import type { Log } from '#rules/cli/log';
import type { Destination } from '../config/router-file.ts';
import type { Redis } from '../redis/connection.ts';
import type { Message } from '../runs/outward.ts';
import { endWorker } from './end-worker.ts';

/** A message in the queue of its destination. */
export type Delivery = Message & {
  readonly id: string;
  /** When it was handed over, or last replayed. */
  readonly sinceMs: number;
  /** Attempts before this one. */
  readonly attempts: number;
};

/** What became of an attempt. */
export type Attempted =
  | { readonly kind: 'delivered' }
  /** It cannot be delivered: it goes to the dead letters. */
  | { readonly kind: 'dead'; readonly reason: string }
  /** This message comes again, later each time. */
  | { readonly kind: 'again'; readonly reason: string; readonly restMs: number }
  /** Nothing is sent to this destination for so long; this message is the first one then. */
  | { readonly kind: 'rest'; readonly restMs: number };

export type DeadLetter = {
  readonly id: string;
  readonly destination: string;
  readonly uses: string;
  readonly playbook: string;
  readonly alert: string;
  readonly rule: string;
  readonly params: unknown;
  readonly reason: string;
  readonly attempts: number;
  readonly handed_ms: number;
  readonly died_ms: number;
};

/** Which dead letters: of this destination, this one, those that died since. What is left out is any. */
export type DeadFilter = {
  readonly destination?: string | undefined;
  readonly id?: string | undefined;
  readonly sinceMs?: number | undefined;
};

export type DeliveryCounts = { readonly waiting: number; readonly active: number; readonly dead: number };

export type Deliveries = {
  /** Resolves when Redis has it; a message that is there already is left alone. */
  hand(message: Message): Promise<{ readonly kind: 'handed'; readonly id: string } | { readonly kind: 'full' }>;
  counts(destination: string): Promise<DeliveryCounts>;
  /** The latest first. */
  deadLetters(filter: DeadFilter, most: number): Promise<readonly DeadLetter[]>;
  /** Tries them again, from the start. Resolves with how many. */
  replay(filter: DeadFilter): Promise<number>;
  purge(filter: DeadFilter): Promise<number>;
  /** As `reclaim` of the runs' queue. */
  reclaim(): Promise<number>;
  /** What is on its way may end within the time. */
  close(graceMs: number): Promise<void>;
};

/** As it lies in Redis: BullMQ writes data with `JSON`, which keeps 53 bits of an integer, so the alert goes as text. */
type Data = Omit<Delivery, 'alert' | 'id' | 'attempts'> & { readonly alertText: string };

/** Delivered ones are remembered for as long as a run may hand them over a second time. */
const KEEP_DELIVERED = { age: 3_600, count: 1_000 };
const KEEP_DEAD = { age: 30 * 24 * 3_600, count: 10_000 };
const LOCK_MS = 15_000;
const MOST_STALLS = 20;
const ANY_LOCK = '0';
/** A destination without a rate of its own; BullMQ can be told to rest only if there is some limit. */
const NO_LIMIT = { max: 1_000_000, duration: 1_000 };
/** How often it is looked whether a queue is full. */
const FULL_LOOK_MS = 1_000;
const PAGE = 500;

/** The queue of a destination. */
const nameOf = (destination: string): string => `to-${destination}`;

/** BullMQ takes neither `:` nor plain numbers. */
function idOf({ key, via }: Message): string {
  return `d${createHash('sha256').update(`${via}\n${key}`).digest('hex').slice(0, 23)}`;
}

export type DeliveryPorts = {
  readonly destinations: readonly Destination[];
  readonly concurrencyOf: (destination: Destination) => number;
  readonly attempt: (delivery: Delivery, to: Destination, signal: AbortSignal) => Promise<Attempted>;
  readonly log: Log;
};

type Lane = { readonly destination: Destination; readonly queue: Queue<Data>; readonly worker: Worker<Data> };

/**
 * One queue a destination, so that none waits for another. BullMQ keeps what waits, comes again later, and has failed
 * for good; holds the rate and the concurrency over all replicas; and gives back what a dead replica was at. Whether to
 * send at all (the breaker) and what an answer means is decided in `attempt`.
 */
export function makeDeliveries(requests: Redis, jobs: Redis, ports: DeliveryPorts): Deliveries {
  const stop = new AbortController();
  const lanes = new Map<string, Lane>(
    ports.destinations.map((destination) => [
      destination.name,
      openLane(destination, requests, jobs, ports, stop.signal),
    ]),
  );
  const full = new Map<string, { readonly lookedMs: number; readonly isFull: boolean }>();
  const isFull = async ({ destination, queue }: Lane): Promise<boolean> => {
    const known = full.get(destination.name);
    if (known !== undefined && Date.now() - known.lookedMs < FULL_LOOK_MS) return known.isFull;
    const { waiting = 0, delayed = 0 } = await queue.getJobCounts('waiting', 'delayed');
    const now = { lookedMs: Date.now(), isFull: waiting + delayed >= destination.mostWaiting };
    full.set(destination.name, now);
    return now.isFull;
  };
  const laneOf = (name: string): Lane => {
    const lane = lanes.get(name);
    if (lane === undefined) throw new Error(`there is no destination ${name}`);
    return lane;
  };
  const lanesOf = ({ destination }: DeadFilter): readonly Lane[] => {
    if (destination === undefined) return [...lanes.values()];
    const lane = lanes.get(destination);
    return lane === undefined ? [] : [lane];
  };
  const eachDead = async (filter: DeadFilter, act: (job: Job<Data>) => Promise<unknown>): Promise<number> => {
    let count = 0;
    for (const { queue } of lanesOf(filter)) {
      for (const job of await findDead(queue, filter, Number.POSITIVE_INFINITY)) {
        await act(job);
        count += 1;
      }
    }
    return count;
  };
  return {
    async hand({ alert, ...message }) {
      const lane = laneOf(message.via);
      const id = idOf({ alert, ...message });
      if (await isFull(lane)) return { kind: 'full' };
      const data: Data = { ...message, sinceMs: Date.now(), alertText: alertJson(alert) };
      await lane.queue.add('deliver', data, {
        jobId: id,
        attempts: Number.MAX_SAFE_INTEGER,
        backoff: { type: 'custom' },
        removeOnComplete: KEEP_DELIVERED,
        removeOnFail: KEEP_DEAD,
        stackTraceLimit: 1,
      });
      return { kind: 'handed', id };
    },
    async counts(destination) {
      const { queue } = laneOf(destination);
      const found = await queue.getJobCounts('waiting', 'delayed', 'active', 'failed');
      const { waiting = 0, delayed = 0, active = 0, failed = 0 } = found;
      return { waiting: waiting + delayed, active, dead: failed };
    },
    async deadLetters(filter, most) {
      const found = await Promise.all(lanesOf(filter).map(({ queue }) => findDead(queue, filter, most)));
      const letters = found.flat().map(describeDead);
      return letters.sort((a, b) => b.died_ms - a.died_ms).slice(0, most);
    },
    replay: (filter) =>
      eachDead(filter, async (job) => {
        await job.updateData({ ...job.data, sinceMs: Date.now() });
        await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
      }),
    purge: (filter) => eachDead(filter, (job) => job.remove()),
    async reclaim() {
      let count = 0;
      for (const { queue } of lanes.values()) {
        for (const job of await queue.getActive()) {
          await job.moveToWait(ANY_LOCK);
          count += 1;
        }
      }
      return count;
    },
    async close(graceMs) {
      stop.abort(new Error('the router stops'));
      await Promise.all([...lanes.values()].map(({ worker }) => endWorker(worker, graceMs)));
      await Promise.all([...lanes.values()].map(({ queue }) => queue.close().catch(() => undefined)));
    },
  };
}

function openLane(
  destination: Destination,
  requests: Redis,
  jobs: Redis,
  ports: DeliveryPorts,
  stop: AbortSignal,
): Lane {
  const name = nameOf(destination.name);
  const queue = new Queue<Data>(name, {
    connection: requests,
    skipVersionCheck: true,
    streams: { events: { maxLen: 100 } },
  });
  // The connection's own listener says what is wrong; without one here, the error would end the process.
  queue.on('error', () => undefined);
  const { rate, retry } = destination;
  const concurrency = ports.concurrencyOf(destination);
  const worker = new Worker<Data>(
    name,
    async (job) => {
      const attempted = await ports.attempt(readDelivery(job), destination, stop);
      if (attempted.kind === 'delivered') return;
      if (attempted.kind === 'dead') throw new UnrecoverableError(attempted.reason);
      if (attempted.restMs > 0) await queue.rateLimit(attempted.restMs);
      throw attempted.kind === 'rest' ? new RateLimitError() : new Error(attempted.reason);
    },
    {
      connection: jobs,
      concurrency,
      limiter: rate === undefined ? NO_LIMIT : { max: rate.count, duration: rate.perMs },
      lockDuration: LOCK_MS,
      stalledInterval: 5_000,
      maxStalledCount: MOST_STALLS,
      skipVersionCheck: true,
      settings: {
        backoffStrategy: (attempts) =>
          backoffMs({ attempts: 0, backoffMs: retry.backoffMs, mostMs: retry.mostMs }, attempts, Math.random()),
      },
    },
  );
  let saidMs = 0;
  worker.on('error', (error) => {
    if (Date.now() - saidMs < 60_000) return;
    saidMs = Date.now();
    ports.log('warn', 'the queue of a destination cannot be reached', {
      destination: destination.name,
      reason: error.message,
    });
  });
  worker.waitUntilReady().then(
    () => queue.setGlobalConcurrency(concurrency),
    () => undefined, // Closed before it was ready.
  );
  return { destination, queue, worker };
}

function readDelivery(job: Job<Data>): Delivery {
  const { alertText, ...data } = job.data;
  const alert = alertSchema.parse(parseAlertJson(alertText));
  return { ...data, alert, id: job.id ?? '', attempts: job.attemptsMade };
}

async function findDead(queue: Queue<Data>, { id, sinceMs }: DeadFilter, most: number): Promise<Job<Data>[]> {
  if (id !== undefined) {
    const job = await queue.getJob(id);
    return job !== undefined && (await job.isFailed()) ? [job] : [];
  }
  const found: Job<Data>[] = [];
  for (let start = 0; found.length < most; start += PAGE) {
    const page = await queue.getFailed(start, start + PAGE - 1);
    const fits = page.filter((job) => sinceMs === undefined || (job.finishedOn ?? 0) >= sinceMs);
    found.push(...fits);
    // The latest come first.
    if (page.length < PAGE || fits.length < page.length) break;
  }
  return found.slice(0, most);
}

function describeDead(job: Job<Data>): DeadLetter {
  const { via, uses, playbook, alertId, params } = job.data;
  return {
    id: job.id ?? '',
    destination: via,
    uses,
    playbook,
    alert: alertId,
    rule: readDelivery(job).alert.rule,
    params,
    reason: job.failedReason,
    attempts: job.attemptsMade,
    handed_ms: job.timestamp,
    died_ms: job.finishedOn ?? 0,
  };
}
