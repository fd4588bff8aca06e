import type { Surroundings } from '../fields/scene.ts';
import { makeLiveProcess } from '../state/live-process.ts';
import { joinOrchestrators } from '../state/orchestrators/orchestrators.ts';
import type { ProcessTable } from '../state/process-table.ts';

/** What an engine looks up besides the state, in tests: nothing is known of it. */
export function sampleSurroundings(processes: ProcessTable): Surroundings {
  return {
    processes,
    users: { user: () => undefined, groupName: () => undefined },
    live: makeLiveProcess('/nonexistent'),
    threads: { total: () => undefined, rate: () => undefined },
    usersOf: () => undefined,
    orchestrators: joinOrchestrators(undefined, undefined),
    namesOf: () => [],
    hostname: 'h',
    wallNs: (ns) => BigInt(ns),
    offsetMinutes: () => 0,
    startedNs: 0,
    environment: () => undefined,
  };
}
