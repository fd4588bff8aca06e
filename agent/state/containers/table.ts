import { type CgroupContainer, containerOfCgroup } from './cgroup.ts';
import type { Container, ContainerDetails } from './container.ts';
import type { Engine } from './engine.ts';

/** Bounds of the table; a host with more running containers than this loses only the memory of the oldest. */
const MOST_CONTAINERS = 4_096;
const MOST_PATHS = 16_384;

export type ContainerTableOptions = {
  /** Looked for anew whenever no engine is known, so that an engine that starts later is found. */
  readonly findEngines: () => readonly Engine[];
  /** An engine that has not answered by then counts as silent for this container. */
  readonly timeoutMs: number;
  /** Called when a waiting container becomes known or unknown. */
  readonly settled: (container: Container) => void;
  readonly nowMs: () => number;
};

export type ContainerCounters = { lookups: number; failures: number; evicted: number };

/**
 * Every container that was seen on this host, by id. The engine is asked the moment a cgroup is first seen; asking
 * again waits for the next event of a container whose lookup failed, at most once in five seconds.
 */
export class ContainerTable {
  readonly counters: ContainerCounters = { lookups: 0, failures: 0, evicted: 0 };
  readonly #byId = new Map<string, Container>();
  readonly #askedMs = new Map<string, number>();
  /** Cgroup path → container id, or `undefined` for the host. */
  readonly #byPath = new Map<string, CgroupContainer | undefined>();
  readonly #options: ContainerTableOptions;
  #engines: readonly Engine[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ContainerTableOptions) {
    this.#options = options;
    this.engines();
  }

  /** The engines found so far. */
  engines(): readonly Engine[] {
    const nowMs = this.#options.nowMs();
    if (this.#engines.length === 0 && nowMs - this.#lookedMs > 2_000) {
      this.#lookedMs = nowMs;
      this.#engines = this.#options.findEngines();
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

  /** The container as it is known now; asks the engine when that is worth it. */
  see(named: CgroupContainer): Container {
    const container = this.#byId.get(named.id);
    if (container !== undefined && container.status !== 'unknown') return container;
    const nowMs = this.#options.nowMs();
    if (container !== undefined && nowMs - (this.#askedMs.get(named.id) ?? 0) < 5_000) return container;
    const engines = this.engines();
    const seen: Container = { ...named, details: undefined, status: engines.length === 0 ? 'unknown' : 'waiting' };
    this.#remember(seen, nowMs);
    if (engines.length > 0) void this.#ask(named, engines);
    return seen;
  }

  get size(): number {
    return this.#byId.size;
  }

  close(): void {
    for (const engine of this.#engines) engine.close();
    this.#engines = [];
  }

  async #ask(named: CgroupContainer, engines: readonly Engine[]): Promise<void> {
    this.counters.lookups++;
    const answers = await Promise.all(engines.map((engine) => engine.inspect(named.id, this.#options.timeoutMs)));
    const found = answers.find((answer) => answer.status === 'found');
    if (found === undefined && answers.some((answer) => answer.status === 'failed')) this.counters.failures++;
    const details: ContainerDetails | undefined = found?.status === 'found' ? found.details : undefined;
    const index = answers.findIndex((answer) => answer.status === 'found');
    const settled: Container = {
      id: named.id,
      engine: engines[index]?.name ?? named.engine,
      details,
      status: details === undefined ? 'unknown' : 'known',
    };
    this.#remember(settled, this.#options.nowMs());
    this.#options.settled(settled);
  }

  #remember(container: Container, nowMs: number): void {
    if (!this.#byId.has(container.id) && this.#byId.size >= MOST_CONTAINERS) {
      const oldest = this.#byId.keys().next().value;
      if (oldest !== undefined) {
        this.#byId.delete(oldest);
        this.#askedMs.delete(oldest);
        this.counters.evicted++;
      }
    }
    this.#byId.set(container.id, container);
    this.#askedMs.set(container.id, nowMs);
  }
}
