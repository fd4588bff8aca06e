import { createHash } from 'node:crypto';
import { DelayedError, Queue, Worker } from 'bullmq';
import type { RunTrigger } from '#playbooks/language/playbook';
import type { GuardNote } from '#playbooks/language/run';
import { type Alert, alertSchema } from '#rules/alert';
import { alertJson, parseAlertJson } from '#rules/alert-json';
import type { Log } from '#rules/cli/log';
import type { Redis } from '../redis/connection.ts';
import type { Lane } from '../runs/perform.ts';
import { endWorker } from './end-worker.ts';

/** What a job carries: the alert with its id, which playbook, and why. */
export type RunJob = {
  readonly id: string;
  readonly alert: Alert;
  readonly playbook: string;
  readonly trigger?: RunTrigger | undefined;
  readonly guards?: readonly GuardNote[] | undefined;
  /** The commit whose playbook it is; `undefined`: of a file. */
  readonly revision?: string | undefined;
  /** The job is the summary of this window. */
  readonly window?: JobWindow | undefined;
};

export type JobWindow = { readonly group: string; readonly untilMs: number };

/** BullMQ writes and reads data with `JSON`, which keeps 53 bits of an integer: the alert goes as text. */
type Data = Omit<RunJob, 'alert'> & { readonly alertText: string };

/** Priorities of the queue: a container is contained before a person is told. Smaller goes first. */
export type PlacedJob = RunJob & { readonly urgency: number };

/**
 * A run is moved to the slow lane once for all before its first step that may have to wait for somebody: a target that
 * never answers then holds no place that a kill needs.
 */
const lanes = {
  // Runs at the same time in one process.
  quick: { name: 'runs', concurrency: 32 },
  slow: { name: 'slow-runs', concurrency: 64 },
} as const satisfies Record<Lane, object>;
const LOCK_MS = 15_000;
/** Deaths of workers that one job survives: it is cut off later by `maxStartedAttempts` of BullMQ, not at the second. */
const MOST_STALLS = 20;
/** BullMQ's word for: whoever holds the lock. */
const ANY_LOCK = '0';
const KEEP = { age: 24 * 3_600, count: 5_000 };
const usual = {
  attempts: 1_000,
  backoff: { type: 'exponential', delay: 500 },
  removeOnComplete: KEEP,
  removeOnFail: KEEP,
} as const;

export type RunQueue = {
  /** Resolves when Redis has every job; a job that is there already is left alone. */
  add(jobs: readonly PlacedJob[]): Promise<void>;
  /**
   * Gives back what a router that died was performing, at once instead of after its locks have run out. Only for the one
   * router of its Redis, before its worker starts: nobody else may be at these jobs. Resolves with how many there were.
   */
  reclaim(): Promise<number>;
  /** Has a run go on that waits for its time. */
  wake(runId: string): Promise<void>;
  /** Of both lanes together. */
  counts(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
};

/** Same alert and playbook, same id: letters and digits, since BullMQ takes neither `:` nor plain numbers. */
export function runIdOf({ id, playbook, window }: Pick<RunJob, 'id' | 'playbook' | 'window'>): string {
  const what = window === undefined ? id : `summary ${window.group} ${window.untilMs}`;
  return `r${createHash('sha256').update(`${what}\n${playbook}`).digest('hex').slice(0, 31)}`;
}

/** `connection` must be ready; a queue that is built before stays broken. */
export function makeRunQueue(connection: Redis): RunQueue {
  const [queue, slow] = [openQueue(connection, 'quick'), openQueue(connection, 'slow')];
  const counted = ['waiting', 'prioritized', 'active', 'delayed', 'completed', 'failed'] as const;
  return {
    async add(jobs) {
      if (jobs.length === 0) return;
      await queue.addBulk(
        jobs.map(({ alert, urgency, ...job }) => ({
          name: 'run',
          data: { ...job, alertText: alertJson(alert) },
          opts: {
            jobId: runIdOf(job),
            ...(job.window === undefined ? {} : { delay: Math.max(0, job.window.untilMs - Date.now()) }),
            priority: urgency,
            ...usual,
          },
        })),
      );
    },
    async reclaim() {
      const held = [...(await queue.getActive()), ...(await slow.getActive())];
      for (const job of held) await job.moveToWait(ANY_LOCK);
      return held.length;
    },
    async wake(runId) {
      for (const lane of [queue, slow]) {
        const job = await lane.getJob(runId);
        // It may begin by itself in this moment.
        if (job !== undefined && (await job.isDelayed())) await job.promote().catch(() => undefined);
      }
    },
    async counts() {
      const both = await Promise.all([queue.getJobCounts(...counted), slow.getJobCounts(...counted)]);
      return Object.fromEntries(
        counted.map((state) => [state, both.reduce((sum, counts) => sum + (counts[state] ?? 0), 0)]),
      );
    },
    async close() {
      await Promise.all([queue.close(), slow.close()]);
    },
  };
}

function openQueue(connection: Redis, lane: Lane): Queue<Data> {
  const queue = new Queue<Data>(lanes[lane].name, { connection, skipVersionCheck: true });
  // The connection's own listener says what is wrong; without one here, the error would end the process.
  queue.on('error', () => undefined);
  return queue;
}

/** `wait`: nothing to do before then. `slow`: to be gone on with in the slow lane. */
export type JobResult =
  | { readonly kind: 'finished' }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'slow' };

export type RunWorker = {
  /** Takes no more jobs, gives those under way `graceMs` to end, and lets go of Redis, whether or not it answers. */
  close(graceMs: number): Promise<void>;
};

/** Takes jobs and performs them; a job whose performer rejects comes back later, with growing waits. */
export function makeRunWorker(
  connection: Redis,
  lane: Lane,
  perform: (job: RunJob, signal: AbortSignal, lane: Lane) => Promise<JobResult>,
  log: Log,
): RunWorker {
  const stop = new AbortController();
  const slow = lane === 'quick' ? openQueue(connection, 'slow') : undefined;
  const worker = new Worker<Data>(
    lanes[lane].name,
    async (job, token) => {
      const { alertText, ...data } = job.data;
      const alert = alertSchema.parse(parseAlertJson(alertText));
      const result = await perform({ ...data, alert }, stop.signal, lane);
      if (result.kind === 'finished') return;
      if (result.kind === 'slow') {
        // Whoever does it again after a crash finds it there.
        await slow?.add('run', job.data, { ...usual, jobId: runIdOf(data), priority: job.priority });
        return;
      }
      await job.moveToDelayed(result.untilMs, token);
      throw new DelayedError();
    },
    {
      connection,
      concurrency: lanes[lane].concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: 5_000,
      maxStalledCount: MOST_STALLS,
      skipVersionCheck: true,
    },
  );
  let saidMs = 0;
  worker.on('error', (error) => {
    if (Date.now() - saidMs < 10_000) return;
    saidMs = Date.now();
    log('warn', 'the worker cannot reach its queue', { reason: error.message });
  });
  worker.on('failed', (job, error) => {
    if (!stop.signal.aborted)
      log('error', 'a run was interrupted and will be tried again', {
        alert: job?.data.id,
        playbook: job?.data.playbook,
        reason: error.message,
      });
  });
  return {
    async close(graceMs) {
      stop.abort(new Error('the router stops'));
      await endWorker(worker, graceMs);
      await slow?.close().catch(() => undefined);
    },
  };
}
