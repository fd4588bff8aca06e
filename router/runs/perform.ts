import { setTimeout as sleep } from 'node:timers/promises';
import { advance, makeRun, type RunCommand, type RunEvent } from '#playbooks/language/advance';
import type { Playbook, RunTrigger } from '#playbooks/language/playbook';
import type { GuardNote, Run, RunMode } from '#playbooks/language/run';
import { expandStep, scopeOf } from '#playbooks/language/scope';
import type { Alert } from '#rules/alert';
import { ask, takeAnswers } from './ask.ts';
import { performStep } from './perform-step.ts';
import type { AuditEntry, RunPorts } from './ports.ts';

export type RunRequest = {
  readonly runId: string;
  readonly alertId: string;
  readonly alert: Alert;
  readonly playbook: Playbook;
  readonly mode: RunMode;
  readonly trigger?: RunTrigger | undefined;
  readonly guards?: readonly GuardNote[] | undefined;
  /** There is no journal of it yet. */
  readonly isNew?: boolean;
  /** The commit whose playbook it is. */
  readonly revision?: string | undefined;
  /** `quick`: steps that may have to wait for somebody are left to another place; without it, all are performed. */
  readonly lane?: Lane | undefined;
};

export type Lane = 'quick' | 'slow';

export type Performed =
  | { readonly kind: 'finished'; readonly run: Run; readonly justEnded: boolean }
  /** Nothing to do before then: come back with the same request. A run may be over and have something left to undo. */
  | { readonly kind: 'wait'; readonly untilMs: number; readonly run: Run; readonly justEnded: boolean }
  /** What comes next may take long: come back with the same request in the slow lane. */
  | { readonly kind: 'slow'; readonly run: Run; readonly justEnded: boolean };

/** Waits up to this are sat out; longer ones give the worker free. */
const SHORT_WAIT_MS = 1_000;

/** `queued` resolves when it is on its way to Redis: what is sent there from then on is not before it. */
type Begun = { readonly queued: () => Promise<void>; readonly begun: Promise<'fresh' | 'begun'> };

/** A run while it is performed: its journal, and the events that change it. */
export type LiveRun = {
  current(): Run;
  /** Takes the event; resolves when the journal of after it is in Redis. */
  apply(event: RunEvent): Promise<void>;
  /** The same, with an entry of the audit log. */
  record(event: RunEvent, entry: AuditEntry): Promise<void>;
  /** The same, before a step's attempt, `key`, acts. */
  begin(event: RunEvent, key: string, entry: AuditEntry): Begun;
  /** The same as `apply`, but the journal is written with whatever comes next. */
  note(event: RunEvent): void;
  /** Every secret that a step of it was given, to be hidden in whatever comes back. */
  readonly secrets: Set<string>;
};

/**
 * Performs a run from where its journal stands to its end or to its next long wait. Every step's outcome is in the
 * journal before the next begins, so a run that was cut off anywhere goes on at the right place.
 */
export async function performRun(request: RunRequest, ports: RunPorts, signal: AbortSignal): Promise<Performed> {
  const { ledger, nowMs } = ports;
  const { playbook } = request;
  const found = request.isNew ? undefined : await ledger.load(request.runId);
  let { run, commands } = advance(playbook, found ?? makeRun(playbook, aboutRun(request, nowMs())), {
    kind: 'resumed',
    nowMs: nowMs(),
  });
  let saving: Promise<unknown> = Promise.resolve();
  let isFirst = request.isNew === true;
  // One after the other: two journals on their way must not overtake each other.
  const inTurn = <T>(work: (now: Run) => Promise<T>): Promise<T> => {
    const mine = saving.then(() => {
      // It is another router's by now, whose journal is the better one.
      signal.throwIfAborted();
      return work(run);
    });
    saving = mine;
    return mine;
  };
  const save = (): Promise<void> => inTurn((now) => ledger.save(now));
  const note = (event: RunEvent): void => {
    ({ run, commands } = advance(playbook, run, event));
  };
  const apply = (event: RunEvent): Promise<void> => {
    note(event);
    return save();
  };
  const live: LiveRun = {
    current: () => run,
    apply,
    note,
    record(event, entry) {
      note(event);
      return inTurn((now) => ledger.record(now, entry));
    },
    begin(event, key, entry) {
      note(event);
      const before = saving;
      const begun = inTurn((now) => {
        const first = isFirst;
        isFirst = false;
        return ledger.begin(now, key, entry, first);
      });
      return { begun, queued: () => before.then(() => undefined) };
    },
    secrets: new Set(),
  };
  await takeAnswers(live, request, ports);
  const inFlight = new Map<string, Promise<void>>();
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const justEnded = (): boolean => found?.finishedMs === undefined && run.finishedMs !== undefined;
  try {
    for (;;) {
      signal.throwIfAborted();
      const [expansion] = commands.flatMap((command) => (command.kind === 'expand' ? [command] : []));
      if (expansion !== undefined) {
        note(expandStep(expansion.step, run, request, ports.secrets, nowMs()));
        continue;
      }
      for (const command of commands) {
        if (command.kind !== 'ask' || inFlight.has(command.id)) continue;
        const asking = ask({ ...request, live, ...command }, ports);
        inFlight.set(
          command.id,
          asking.finally(() => inFlight.delete(command.id)),
        );
      }
      const open = begins(commands);
      const slow = open.filter((command) => isForSlowLane(command, request, run));
      for (const command of open) {
        if (inFlight.has(command.id) || slow.includes(command)) continue;
        const performing = performStep({ ...request, live, ...command }, ports, stopped);
        inFlight.set(
          command.id,
          performing.finally(() => inFlight.delete(command.id)),
        );
      }
      const untilMs = earliest(commands);
      const leftMs = untilMs - nowMs();
      if (inFlight.size === 0 && slow.length > 0) {
        await save();
        return { kind: 'slow', run, justEnded: justEnded() };
      }
      if (inFlight.size > 0) {
        await Promise.race([...inFlight.values(), ...(leftMs <= SHORT_WAIT_MS ? [pause(leftMs, stopped)] : [])]);
      } else if (untilMs === Number.POSITIVE_INFINITY) {
        await save();
        return { kind: 'finished', run, justEnded: justEnded() };
      } else {
        await save();
        if (leftMs > SHORT_WAIT_MS) return { kind: 'wait', untilMs, run, justEnded: justEnded() };
        await pause(leftMs, stopped);
      }
      await takeAnswers(live, request, ports);
      note({ kind: 'resumed', nowMs: nowMs() });
    }
  } finally {
    stop.abort(new Error('the run is left'));
    await Promise.allSettled(inFlight.values());
  }
}

function begins(commands: readonly RunCommand[]) {
  return commands.flatMap((command) => (command.kind === 'begin' ? [command] : []));
}

type Begin = RunCommand & { readonly kind: 'begin' };

/** What only says what it would do, or is skipped, takes no time. */
function isForSlowLane({ step, state }: Begin, request: RunRequest, run: Run): boolean {
  if (request.lane !== 'quick' || request.mode !== 'enforce' || step?.isSlow !== true) return false;
  return step.guard === undefined || step.guard(scopeOf(run, request, state));
}

/** When the next of these waits is over. */
function earliest(commands: readonly RunCommand[]): number {
  return Math.min(...commands.map((command) => (command.kind === 'wait' ? command.untilMs : Number.POSITIVE_INFINITY)));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal });
}

function aboutRun({ runId, alertId, alert, mode, trigger, guards, revision }: RunRequest, startedMs: number) {
  return {
    id: runId,
    alert: alertId,
    rule: alert.rule,
    priority: alert.priority,
    node: alert.lanner?.node,
    mode,
    trigger,
    guards,
    ...(revision !== undefined && { revision }),
    startedMs,
  };
}
