import type { FieldReader } from '#rules/language/field';
import type { Event } from '../events/event.ts';
import type { Kind } from '../events/kinds.ts';
import type { Container } from '../state/containers/container.ts';
import type { LiveProcess } from '../state/live-process.ts';
import type { Orchestrators } from '../state/orchestrators/orchestrators.ts';
import type { Process } from '../state/process.ts';
import type { ThreadTimes } from '../state/thread-times.ts';
import type { Users } from '../state/users.ts';

/** What readers look up besides the event itself. */
export type Surroundings = {
  readonly processes: {
    peek(pid: number): Process | undefined;
    ancestor(process: Process, level: number): Process | undefined;
    ancestors(process: Process): readonly Process[];
  };
  readonly users: Users;
  readonly live: LiveProcess;
  readonly threads: Pick<ThreadTimes, 'total' | 'rate'>;
  /** Those of a container, by the processes that are in it; `undefined` when none can be asked any more. */
  readonly usersOf: (container: string, processes: readonly Process[]) => Users | undefined;
  readonly orchestrators: Orchestrators;
  /** Host names in rules that lead to the address, as byte strings. */
  readonly namesOf: (address: Uint8Array) => readonly string[];
  readonly hostname: string;
  /** Nanoseconds since the epoch of a time since boot. */
  readonly wallNs: (sinceBootNs: number) => bigint;
  /** Local time's offset from UTC in minutes to the east. */
  readonly offsetMinutes: () => number;
  /** When capturing began, since boot. */
  readonly startedNs: number;
  /** NUL-separated environment of a process that still runs; it may have been changed since its start. */
  readonly environment: (process: Process) => string | undefined;
};

/** An event and the state in which it happened: what every field is read from. One object, used for all events. */
export type Scene = {
  event: Event;
  kind: Kind;
  /** `evt.type`. */
  type: string;
  /** Who made the event; `undefined` when it was gone before anything was known of it. */
  process: Process | undefined;
  /** `undefined` on the host. */
  container: Container | undefined;
  number: number;
  /** Time of the event before this one, since boot. */
  previousNs: number;
  readonly around: Surroundings;
};

export type Reader = FieldReader<Scene>;

/**
 * How fields are read, by name. A field that takes an argument has a function that makes the reader for it, so that all
 * constant work is done once; `undefined` when nothing can be read with that argument.
 */
export type ReaderTable = Readonly<
  Record<
    string,
    { readonly read: Reader } | { readonly bind: (argument: string | number | undefined) => Reader | undefined }
  >
>;
