import type { AgentOptions } from './config/options.ts';
import type { Surroundings } from './fields/scene.ts';
import type { Clock } from './state/clock.ts';
import type { ContainerUsers } from './state/container-users.ts';
import { makeLiveProcess } from './state/live-process.ts';
import type { Names } from './state/names.ts';
import type { Orchestrators } from './state/orchestrators/orchestrators.ts';
import { makeEnvironment } from './state/proc-folder.ts';
import type { ProcessTable } from './state/process-table.ts';
import type { ThreadTimes } from './state/thread-times.ts';
import type { Users } from './state/users.ts';

type Known = {
  readonly processes: ProcessTable;
  readonly clock: Clock;
  readonly names: Names;
  readonly users: Users;
  readonly containerUsers: ContainerUsers;
  readonly threads: ThreadTimes;
  readonly orchestrators: Orchestrators;
};

/** What fields are read from beside the event itself. */
export function surroundings(
  { hostname }: AgentOptions,
  { processes, clock, names, users, containerUsers, threads, orchestrators }: Known,
): Surroundings {
  return {
    processes,
    users,
    live: makeLiveProcess(),
    threads,
    usersOf: (container, inside) => containerUsers.of(container, inside),
    orchestrators,
    namesOf: (address) => names.of(address),
    hostname,
    wallNs: clock.wallNs,
    offsetMinutes: clock.offsetMinutes,
    startedNs: clock.sinceBootNs(),
    environment: makeEnvironment(),
  };
}
