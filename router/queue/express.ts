import { actionSteps, type Playbook } from '#playbooks/language/playbook';
import type { Log } from '#rules/cli/log';
import type { Lane } from '../runs/perform.ts';
import { type Holds, KEEP_HOLDS_MS } from '../store/holds.ts';
import { type JobResult, type RunJob, runIdOf } from './queue.ts';

/** Further ones wait for the worker. */
const MOST_AT_ONCE = 32;
/** A job whose run another router performs is looked at again after so long. */
const ELSEWHERE_MS = 1_000;

type Perform = (job: RunJob, signal: AbortSignal, lane: Lane, isNew: boolean) => Promise<JobResult>;

/**
 * Performs what contains at once, where the alert came in, while its job is only being written: the queue would cost two
 * more writes that Redis brings to the disk. The job comes all the same, and whichever worker gets it joins the run,
 * or goes on with it when this router has died.
 */
export type Express = {
  isFor(playbook: Playbook): boolean;
  /** Begins a run that has no journal yet. What it writes first goes with what this turn tells the audit log. */
  begin(job: RunJob): void;
  /** The worker's part. */
  perform(job: RunJob, signal: AbortSignal, lane: Lane): Promise<JobResult>;
  close(): void;
};

export function makeExpress(
  perform: Perform,
  holds: Holds,
  playbookOf: (job: RunJob) => Promise<Playbook | undefined>,
  log: Log,
): Express {
  const stop = new AbortController();
  const here = new Map<string, Promise<JobResult>>();
  const keeping = setInterval(() => {
    // Redis away: the hold may run out, and then steps that are not safe to repeat are still begun only once.
    if (here.size > 0) holds.keep([...here.keys()]).catch(() => undefined);
  }, KEEP_HOLDS_MS);
  keeping.unref();

  const isFor = (playbook: Playbook): boolean => actionSteps(playbook)[0]?.action.side === 'node';
  const hold = async (runId: string, running: Promise<JobResult>): Promise<JobResult> => {
    here.set(runId, running);
    try {
      return await running;
    } finally {
      here.delete(runId);
      await holds.release(runId).catch(() => undefined); // It runs out by itself.
    }
  };
  return {
    isFor,
    begin(job) {
      const runId = runIdOf(job);
      if (here.size >= MOST_AT_ONCE || here.has(runId) || stop.signal.aborted) return;
      const lost = new AbortController();
      holds.claim(runId).then(
        (isOurs) => isOurs || lost.abort(new Error('another router performs it')),
        (error) => lost.abort(error),
      );
      const running = perform(job, AbortSignal.any([stop.signal, lost.signal]), 'quick', true);
      hold(runId, running).catch((error: unknown) =>
        log('debug', 'a run is left to the queue', { run: runId, reason: String(error) }),
      );
    },
    async perform(job, signal, lane) {
      const runId = runIdOf(job);
      const playbook = await playbookOf(job);
      const running = here.get(runId);
      if (running !== undefined) {
        const result = await running;
        // What the quick lane left to this one is not done with that.
        return lane === 'slow' && result.kind === 'slow' ? { kind: 'wait', untilMs: Date.now() } : result;
      }
      if (playbook === undefined || !isFor(playbook)) return perform(job, signal, lane, false);
      if (!(await holds.take(runId))) return { kind: 'wait', untilMs: Date.now() + ELSEWHERE_MS };
      return hold(runId, perform(job, signal, lane, false));
    },
    close() {
      clearInterval(keeping);
      stop.abort(new Error('the router stops'));
    },
  };
}
