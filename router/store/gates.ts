import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  closeWindow,
  type Decision,
  type DedupeState,
  decide,
  type GateState,
  hasMemory,
  resume,
} from '#playbooks/language/gate';
import type { LimitState } from '#playbooks/language/gate-limits';
import type { Playbook, Scope } from '#playbooks/language/playbook';
import type { RunMode } from '#playbooks/language/run';
import type { Redis } from '../redis/connection.ts';
import { keys } from './keys.ts';
import { makeScript } from './script.ts';

/** An alert that matches a playbook: whether it starts a run is asked here. */
export type Candidate = { readonly runId: string; readonly scope: Scope };

/** A window of `dedupe` whose summary is due. */
export type SummaryWindow = { readonly group: string; readonly untilMs: number };

export type Decided = { readonly decision: Decision; readonly window: SummaryWindow | undefined };

export type Gates = {
  /**
   * Decides in the order of the alerts, as one with all other replicas. An alert that was decided on before gets the
   * same answer again. Rejects when it is not sure what Redis has.
   */
  decide(playbook: Playbook, mode: RunMode, candidates: readonly Candidate[]): Promise<readonly Decided[]>;
  /** What would be decided now; nothing is remembered. */
  peek(playbook: Playbook, mode: RunMode, candidate: Candidate): Promise<Decision>;
  /** These alerts are remembered by their ids now: what was decided need not be kept for long. */
  settled(runIds: readonly string[]): Promise<void>;
  /** How many alerts the window held back; the same again when it is asked again for the same run. */
  closeWindow(playbook: string, mode: RunMode, window: SummaryWindow, runId: string): Promise<number>;
  /** Why the playbook has stopped itself, if it has. */
  stopped(playbook: string, mode: RunMode): Promise<LimitState['stopped']>;
  /** Whether it had stopped. */
  resume(playbook: string, mode: RunMode): Promise<boolean>;
};

/** Alerts that one change of the memory takes in. */
const MOST_AT_ONCE = 100;
/** Changes that others were faster with, before the sender is asked to come again. */
const MOST_TRIES = 100;
const DECISION_MS = 24 * 3_600_000;
const SETTLED_MS = 60_000;
/** A summary may be late when no router runs. */
const SUMMARY_LATE_MS = 7 * 24 * 3_600_000;

/**
 * KEYS: what changes. ARGV, three for each: what is to be there ('' is nothing), what is to be there then, and for how many
 * milliseconds (0 is for ever). Changes everything, or nothing when somebody else was faster.
 */
const change = makeScript(`
for at, key in ipairs(KEYS) do
  if (redis.call('GET', key) or '') ~= ARGV[3 * at - 2] then return 0 end
end
for at, key in ipairs(KEYS) do
  local value, ms = ARGV[3 * at - 1], ARGV[3 * at]
  if value == '' then redis.call('DEL', key)
  elseif ms == '0' then redis.call('SET', key, value)
  else redis.call('SET', key, value, 'PX', ms) end
end
return 1`);

export function makeGates(redis: Redis, nowMs: () => number): Gates {
  const turns = new Map<string, Promise<unknown>>();
  /** In this process, one after the other for a playbook: they would only be in each other's way. */
  const inTurn = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const before = turns.get(name) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(work);
    turns.set(name, mine);
    try {
      return await mine;
    } finally {
      if (turns.get(name) === mine) turns.delete(name);
    }
  };
  /** Reads, lets `work` change the copy, and writes if nobody else has written meanwhile; else again. */
  const transact = async <T>(names: readonly string[], work: (memory: Memory) => T): Promise<T> => {
    const wanted = [...new Set(names)];
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const found = await redis.mget(wanted);
      const memory = makeMemory(new Map(wanted.map((name, index) => [name, found[index] ?? ''])));
      const result = work(memory);
      const changes = memory.changes();
      if (changes.length === 0) return result;
      const places = changes.map(({ name }) => name);
      const words = changes.flatMap(({ before, after, keepMs }) => [before, after, keepMs]);
      if (Number(await change(redis, places, words)) === 1) return result;
      await sleep(Math.random() * 10);
    }
    throw new Error('other replicas were faster too often');
  };

  const decideSome = (playbook: Playbook, mode: RunMode, some: readonly Candidate[]): Promise<readonly Decided[]> => {
    const places = some.map(({ runId, scope }) => placesOf(playbook, mode, runId, scope));
    const at = nowMs();
    return transact(
      places.flatMap((place) => [place.decision, place.memory, place.dedupe, place.limits]),
      (memory) =>
        some.map(({ scope }, index): Decided => {
          const place = places[index];
          if (place === undefined) throw new Error('every candidate has its places');
          const made = memory.read<Decided>(place.decision);
          if (made !== undefined) return made;
          const state: GateState = {
            memory: memory.read(place.memory),
            dedupe: memory.read(place.dedupe),
            limits: memory.read(place.limits),
          };
          const { decision, state: after } = decide(playbook, scope, state, at);
          const keep = keepOf(playbook, after);
          memory.write(place.memory, after.memory, keep.memoryMs);
          memory.write(place.dedupe, after.dedupe, keep.dedupeMs);
          memory.write(place.limits, after.limits, keep.limitsMs);
          const due = decision.kind === 'held' ? decision.summaryAtMs : undefined;
          const decided = { decision, window: due === undefined ? undefined : { group: place.group, untilMs: due } };
          memory.write(place.decision, decided, DECISION_MS);
          return decided;
        }),
    );
  };

  return {
    async decide(playbook, mode, candidates) {
      if (!hasMemory(playbook)) {
        const state = { memory: undefined, dedupe: undefined, limits: undefined };
        return candidates.map(({ scope }) => ({
          decision: decide(playbook, scope, state, nowMs()).decision,
          window: undefined,
        }));
      }
      return inTurn(`${mode} ${playbook.name}`, async () => {
        const all: Decided[] = [];
        for (let from = 0; from < candidates.length; from += MOST_AT_ONCE)
          all.push(...(await decideSome(playbook, mode, candidates.slice(from, from + MOST_AT_ONCE))));
        return all;
      });
    },
    async peek(playbook, mode, { runId, scope }) {
      const { memory, dedupe, limits } = placesOf(playbook, mode, runId, scope);
      const found = await redis.mget(memory, dedupe, limits);
      const copy = makeMemory(new Map([memory, dedupe, limits].map((name, index) => [name, found[index] ?? ''])));
      const state: GateState = { memory: copy.read(memory), dedupe: copy.read(dedupe), limits: copy.read(limits) };
      return decide(playbook, scope, state, nowMs()).decision;
    },
    async settled(runIds) {
      if (runIds.length === 0) return;
      const pipeline = redis.pipeline();
      for (const runId of runIds) pipeline.pexpire(keys.decision(runId), SETTLED_MS);
      await pipeline.exec();
    },
    closeWindow(playbook, mode, { group, untilMs }, runId) {
      const place = `${keys.gate(mode, playbook)}:d:${group}`;
      const decision = keys.decision(runId);
      return transact([place, decision], (memory) => {
        const made = memory.read<number>(decision);
        if (made !== undefined) return made;
        const { held, state } = closeWindow(memory.read<DedupeState>(place), untilMs);
        memory.write(place, state, SUMMARY_LATE_MS);
        memory.write(decision, held, DECISION_MS);
        return held;
      });
    },
    async stopped(playbook, mode) {
      const json = await redis.get(keys.gate(mode, playbook));
      return json === null ? undefined : (JSON.parse(json) as LimitState).stopped;
    },
    resume(playbook, mode) {
      const place = keys.gate(mode, playbook);
      return transact([place], (memory) => {
        const before = memory.read<LimitState>(place);
        memory.write(place, resume(before), SUMMARY_LATE_MS);
        return before?.stopped !== undefined;
      });
    },
  };
}

type Change = { readonly name: string; readonly before: string; readonly after: string; readonly keepMs: number };

type Memory = {
  /** What is written here was written by `write`, so it is read as it is. */
  read<T>(name: string): T | undefined;
  write(name: string, value: unknown, keepMs: number): void;
  changes(): readonly Change[];
};

/** A copy of some keys, and what becomes of them. */
function makeMemory(before: ReadonlyMap<string, string>): Memory {
  const after = new Map<string, { readonly json: string; readonly keepMs: number }>();
  return {
    read<T>(name: string) {
      const json = after.get(name)?.json ?? before.get(name) ?? '';
      return json === '' ? undefined : (JSON.parse(json) as T);
    },
    write(name, value, keepMs) {
      after.set(name, { json: value === undefined ? '' : JSON.stringify(value), keepMs });
    },
    changes: () =>
      [...after].flatMap(([name, { json, keepMs }]): Change[] => {
        const was = before.get(name) ?? '';
        return was === json ? [] : [{ name, before: was, after: json, keepMs }];
      }),
  };
}

function placesOf(playbook: Playbook, mode: RunMode, runId: string, scope: Scope) {
  const base = keys.gate(mode, playbook.name);
  const group = hashOf(playbook.dedupe?.by(scope) ?? '');
  return {
    decision: keys.decision(runId),
    memory: `${base}:m:${hashOf(playbook.on.memory?.by(scope) ?? '')}`,
    dedupe: `${base}:d:${group}`,
    limits: base,
    group,
  };
}

/** What fields hold is long and hostile; a key is not. */
function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function keepOf({ on, dedupe, limits }: Playbook, { limits: state }: GateState) {
  return {
    memoryMs: (on.memory?.withinMs ?? 0) + DECISION_MS,
    dedupeMs: (dedupe?.forMs ?? 0) + SUMMARY_LATE_MS,
    // Stopped, it stays so until a person says otherwise.
    limitsMs:
      state?.stopped !== undefined ? 0 : Math.max(limits.runs?.perMs ?? 0, limits.blast?.perMs ?? 0) + DECISION_MS,
  };
}
