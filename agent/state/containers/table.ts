import { type CgroupContainer, containerOfCgroup } from './cgroup.ts';
import type { Container, ContainerDetails } from './container.ts';
import { type Engine, type EngineAnswer, engineNames } from './engine.ts';
import type { EngineFiles, FileAnswer } from './engine-files.ts';

/** Bounds of the table; a host with more running containers than this loses only the memory of the oldest. */
const MOST_CONTAINERS = 4_096;
const MOST_PATHS = 16_384;
const MOST_ENGINES = 64;
/** Containers that are asked for at one time before their first event; further ones wait for that. */
const MOST_EXPECTED = 256;
/** How often a container that no engine described is asked for again, and how often new engines are looked for. */
const ASK_AGAIN_MS = 5_000;
const LOOK_AGAIN_MS = 2_000;
/** An engine that was not heard of this often, one after the other, has stopped answering. */
const FAILURES_TO_SILENCE = 2;

/** An engine stopped answering, or answers again. */
export type EngineChange = {
  readonly engine: Engine;
  readonly status: 'silent' | 'answers';
  readonly reason: string;
};

export type ContainerTableOptions = {
  /** Engines that are there now and not among the known; of a user who is not root when one is named. */
  readonly findEngines: (known: readonly Engine[], user: number | undefined) => readonly Engine[];
  readonly files: Pick<EngineFiles, 'read'>;
  /** Engines inside the container that this one lies in. */
  readonly nested: (container: CgroupContainer) => readonly Engine[];
  /** An engine that has not answered by then counts as silent for this container. */
  readonly timeoutMs: number;
  /** Called when a waiting container is known or will not be. */
  readonly settled: (container: Container) => void;
  readonly engineChanged: (change: EngineChange) => void;
  readonly nowMs: () => number;
};

export type ContainerCounters = {
  lookups: number;
  /** Those that were asked for when their group was made. */
  expected: number;
  /** Containers whose description lay in a file, wholly or in part. */
  fromFiles: number;
  failures: number;
  evicted: number;
};

/**
 * Every container that was seen on this host, by id. Files are read and the engine is asked the moment a cgroup is first
 * seen; asking again waits for the next event of a container whose lookup failed, at most once in five seconds.
 */
export class ContainerTable {
  readonly counters: ContainerCounters = { lookups: 0, expected: 0, fromFiles: 0, failures: 0, evicted: 0 };
  readonly #byId = new Map<string, Container>();
  readonly #askedMs = new Map<string, number>();
  /** Cgroup path → container id, or `undefined` for the host. */
  readonly #byPath = new Map<string, CgroupContainer | undefined>();
  readonly #failures = new Map<Engine, number>();
  /** Asked for before their first event, and whether that has come meanwhile. */
  readonly #expected = new Map<string, 'alone' | 'met'>();
  readonly #lookedMs = new Map<number | undefined, number>();
  readonly #options: ContainerTableOptions;
  #engines: readonly Engine[] = [];

  constructor(options: ContainerTableOptions) {
    this.#options = options;
    this.engines();
  }

  /** The engines found so far. */
  engines(user?: number): readonly Engine[] {
    const nowMs = this.#options.nowMs();
    if (nowMs - (this.#lookedMs.get(user) ?? Number.NEGATIVE_INFINITY) > LOOK_AGAIN_MS) {
      if (this.#lookedMs.size > MOST_ENGINES) this.#lookedMs.clear();
      this.#lookedMs.set(user, nowMs);
      this.#engines = [...this.#engines, ...this.#options.findEngines(this.#engines, user)].slice(0, MOST_ENGINES);
    }
    return this.#engines;
  }

  /** The container whose cgroup this is; `undefined` for the host. */
  ofCgroup(path: string): Container | undefined {
    let named = this.#byPath.get(path);
    if (named === undefined && !this.#byPath.has(path)) {
      named = containerOfCgroup(path);
      if (this.#byPath.size >= MOST_PATHS) this.#byPath.clear();
      this.#byPath.set(path, named);
    }
    return named === undefined ? undefined : this.see(named);
  }

  /** A container whose group was just made. An engine may not know it yet: then its first event asks anew. */
  expect(named: CgroupContainer): void {
    if (this.#byId.has(named.id) || this.#expected.size >= MOST_EXPECTED) return;
    this.counters.expected++;
    const seen = this.#meet(named, this.#options.nowMs());
    if (seen.status === 'waiting') this.#expected.set(named.id, 'alone');
    else if (seen.status === 'unknown' || isNotNoted(seen)) this.#forget(named.id);
  }

  /** The container as it is known now; asks the engine when that is worth it. */
  see(named: CgroupContainer): Container {
    if (this.#expected.size > 0 && this.#expected.has(named.id)) this.#expected.set(named.id, 'met');
    const container = this.#byId.get(named.id);
    if (container?.status === 'known' || container?.status === 'waiting') return container;
    const nowMs = this.#options.nowMs();
    if (container !== undefined && nowMs - (this.#askedMs.get(named.id) ?? 0) < ASK_AGAIN_MS) return container;
    return this.#meet(named, nowMs);
  }

  get size(): number {
    return this.#byId.size;
  }

  close(): void {
    for (const engine of this.#engines) engine.close();
    this.#engines = [];
  }

  #meet(named: CgroupContainer, nowMs: number): Container {
    const file = this.#options.files.read(named);
    if (file !== undefined) this.counters.fromFiles++;
    const engine = file?.engine ?? named.engine;
    const names = engineNames[engine];
    const hosts = names.length === 0 ? [] : this.engines(named.user).filter(({ name }) => names.includes(name));
    // What the host's engines and files know is not asked of a container.
    const able = file === undefined ? [...hosts, ...this.#options.nested(named)] : hosts;
    const isKnown = file?.isComplete === true || (file !== undefined && able.length === 0);
    const status = isKnown ? 'known' : able.length === 0 ? 'unknown' : 'waiting';
    const seen: Container = { ...describe(named), engine, details: file?.details, status };
    this.#remember(seen, nowMs);
    if (able.length > 0) void this.#ask(named, seen, file, able);
    return seen;
  }

  async #ask(
    named: CgroupContainer,
    seen: Container,
    file: FileAnswer | undefined,
    engines: readonly Engine[],
  ): Promise<void> {
    this.counters.lookups++;
    const answers = await Promise.all(engines.map((engine) => this.#inspect(engine, named)));
    const found = answers.find((answer) => answer.status === 'found');
    const expected = this.#expected.get(named.id);
    this.#expected.delete(named.id);
    if (found === undefined && expected === 'alone') return this.#forget(named.id);
    if (found === undefined && expected === 'met') return this.#ask(named, seen, file, engines);
    const isFailed = found === undefined && answers.some((answer) => answer.status === 'failed');
    if (isFailed) this.counters.failures++;
    const settled: Container = {
      ...seen,
      engine: found?.engine ?? seen.engine,
      details: found === undefined ? file?.details : completed(file?.details, found.details),
      status: found !== undefined || seen.status === 'known' ? 'known' : statusWithout(file, isFailed),
    };
    this.#remember(settled, this.#options.nowMs());
    if (seen.status === 'waiting') this.#options.settled(settled);
  }

  async #inspect(engine: Engine, named: CgroupContainer): Promise<EngineAnswer> {
    const answer = await engine.inspect(named, this.#options.timeoutMs);
    const before = this.#failures.get(engine) ?? 0;
    const now = answer.status === 'failed' ? before + 1 : 0;
    this.#failures.set(engine, now);
    const { engineChanged } = this.#options;
    if (answer.status === 'failed' && now === FAILURES_TO_SILENCE) {
      engineChanged({ engine, status: 'silent', reason: answer.reason });
    } else if (now === 0 && before >= FAILURES_TO_SILENCE) {
      engineChanged({ engine, status: 'answers', reason: 'it answers again' });
    }
    return answer;
  }

  #forget(id: string): void {
    this.#byId.delete(id);
    this.#askedMs.delete(id);
  }

  #remember(container: Container, nowMs: number): void {
    if (!this.#byId.has(container.id) && this.#byId.size >= MOST_CONTAINERS) {
      const oldest = this.#byId.keys().next().value;
      if (oldest !== undefined) {
        this.#forget(oldest);
        this.counters.evicted++;
      }
    }
    this.#byId.set(container.id, container);
    this.#askedMs.set(container.id, nowMs);
  }
}

/** machined has not noted the machine yet: its scope is made before, the group in the scope after that. */
const isNotNoted = ({ engine, details }: Container): boolean =>
  engine === 'systemd-nspawn' && details?.image === undefined;

const describe = ({ id, podUid }: CgroupContainer) => ({ id, ...(podUid !== undefined && { podUid }) });

/** What a container that no engine described is: an engine that is there and silent might still tell more. */
const statusWithout = (file: FileAnswer | undefined, isFailed: boolean): Container['status'] =>
  isFailed ? 'silent' : file === undefined ? 'unknown' : 'known';

/** What the engine said, and from the files what it did not. */
function completed(file: ContainerDetails | undefined, engine: ContainerDetails): ContainerDetails {
  if (file === undefined) return engine;
  const said = Object.fromEntries(Object.entries(engine).filter(([, value]) => value !== undefined));
  return { ...file, ...said };
}
