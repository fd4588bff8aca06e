import type { LannerPart } from '#rules/alert';
import type { CompiledRule, CompiledRuleSet } from '#rules/language/compile';
import { numberOfCall } from '../events/calls.ts';
import type { Event } from '../events/event.ts';
import { type Kind, typeOf } from '../events/kinds.ts';
import { recordFlags } from '../events/layout.ts';
import { LossTally } from '../events/losses.ts';
import type { Scene, Surroundings } from '../fields/scene.ts';
import type { Cgroups } from '../state/cgroups.ts';
import type { Look } from '../state/changes.ts';
import type { CgroupContainer } from '../state/containers/cgroup.ts';
import type { Container } from '../state/containers/container.ts';
import { follow } from '../state/follow.ts';
import type { Made } from '../state/made-groups.ts';
import type { Identity } from '../state/nss.ts';
import type { Process } from '../state/process.ts';
import type { ProcessTable } from '../state/process-table.ts';
import { HiddenCalls, isUnread } from './hidden.ts';
import { Repeats } from './repeats.ts';
import { makeAges } from './steady.ts';
import { Unnamed } from './unnamed.ts';
import { type Held, type Lack, Waiting } from './waiting.ts';

/** A rule that an event fired. The scene is good until the call returns. */
export type Fired = {
  readonly rule: CompiledRule<Scene>;
  readonly scene: Scene;
  /** Where a response finds its target. */
  readonly part: Pick<LannerPart, 'event' | 'process' | 'container' | 'enrichment' | 'reflex'>;
};

export type EngineOptions = {
  readonly rules: CompiledRuleSet<Scene>;
  readonly processes: ProcessTable;
  readonly look: Look;
  readonly cgroups: Cgroups;
  /** The container as it is known now; starts to ask for it when it is new. */
  readonly see: (named: CgroupContainer) => Container;
  /** A container whose first program is about to run: asked for before anything waits for the answer. */
  readonly expect: (named: CgroupContainer) => void;
  /** The cgroup, or containerd's task, that an event made. */
  readonly madeBy: (event: Event) => Made | undefined;
  readonly around: Surroundings;
  /** The kernel's filter asks which program made the event. */
  readonly asked?: ((event: Event, process: Process) => void) | undefined;
  /** Whether names of a user or group are being asked for; `undefined`: nobody asks. */
  readonly isAskingUsers?: ((identity: Identity) => boolean) | undefined;
  readonly fired: (fired: Fired) => void;
  /** What the kernel did to the program of an exec, and who is told of it. */
  readonly reflexOf?: (exec: Event) => Fired['part']['reflex'];
  readonly reflexed?: (reflexed: Omit<Fired, 'rule'>) => void;
  readonly nowMs: () => number;
  /** How long events of a container wait for its engine, and those of a user for a name, counted from the first of them. */
  readonly waitMs: number;
  /** Of all containers together. */
  readonly mostWaiting?: number | undefined;
};

export type EngineCounters = { events: number; matched: number; waited: number; pending: number };

/** What a record can lack. */
const PARTIAL = recordFlags.textCut | recordFlags.textUnread | recordFlags.argsCut | recordFlags.noResult;
/** How long an open that meant nothing goes on meaning nothing, if nothing changed that we would notice: names of users may. */
const KEPT_NS = 1_000_000_000;
/** Where a call was given no memory of the process, nobody could read it. */
const EFAULT = 14;

/**
 * Each event in turn: the state is brought up to date, then the rules are asked. An event of a container that is still
 * unknown waits for the engine's answer, because a rule that names an image must not miss the container's first process.
 */
export class Engine {
  readonly counters: EngineCounters = { events: 0, matched: 0, waited: 0, pending: 0 };
  /** What events lacked, by cause and type. */
  readonly losses = new LossTally();
  /** Events that fired a rule that is in use, by its name. */
  readonly matches = new Map<string, number>();
  /** Calls that rules may have missed. */
  readonly hidden = new HiddenCalls();
  readonly #options: EngineOptions;
  #rules: CompiledRuleSet<Scene>;
  #ages: ReturnType<typeof makeAges>;
  readonly #repeats = new Repeats();
  /** Of what is neither a process nor a group: other rules, what an engine answered. */
  #version = 0;
  readonly #waiting: Waiting;
  readonly #unnamed: Unnamed | undefined;
  /** One for all events: readers ask it and keep nothing of it. */
  #scene: Scene | undefined;
  #previousNs = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#rules = options.rules;
    this.#ages = makeAges(options.rules.rules);
    const goOn = (held: Held, lack: Lack | undefined) => this.#goOn(held, lack);
    const { waitMs, isAskingUsers, mostWaiting } = options;
    const lacks = { full: 'container_wait_full', over: 'container_wait_over' } as const;
    this.#waiting = new Waiting(goOn, waitMs, lacks, mostWaiting);
    this.#unnamed = isAskingUsers && new Unnamed(isAskingUsers, goOn, waitMs);
    this.#previousNs = options.around.startedNs;
  }

  handle(event: Event): void {
    const { processes, cgroups, look } = this.#options;
    const rules = this.#rules;
    const { kind } = event;
    if (kind === undefined) {
      this.losses.add('unknown_record', event.type);
      return;
    }
    const number = ++this.counters.events;
    // Nothing else is asked about so often.
    const mayRepeat = kind === 'file' && isOpenCall(event.nr);
    if (mayRepeat && this.#repeats.has(event, this.#versionOfAll())) {
      this.#previousNs = event.timeNs;
      return;
    }
    const process = follow(event, processes, look);
    if (process !== undefined && (event.flags & recordFlags.asks) !== 0) this.#options.asked?.(event, process);
    if (kind === 'exec' && process?.context.cgroup !== undefined) cgroups.learn(event.cgroupId, process.context.cgroup);
    if (process === undefined && kind !== 'exit') this.losses.add('process_unknown', event.type);
    if ((event.flags & PARTIAL) !== 0) this.#notePartial(event);
    if (isUnread(event)) return;
    const previousNs = this.#previousNs;
    this.#previousNs = event.timeNs;
    this.#foresee(event, process);
    const type = typeOf(kind, event.nr);
    const isReflex = hasVerdict(kind) && this.#options.reflexOf?.(event) !== undefined;
    if (rules.eventTypes !== 'all' && !rules.eventTypes.has(type) && !isReflex) {
      // Known before its first event that matters: the engine is asked as early as can be.
      if (kind === 'exec') this.#containerOf(event, process);
      return;
    }
    const container = this.#containerOf(event, process);
    if (container?.status !== 'waiting' && (container !== undefined || this.#unnamed?.isAsking(event) !== true)) {
      const isQuiet = this.#match(event, kind, type, process, container, number, previousNs, undefined);
      if (mayRepeat && isQuiet && this.#repeats.comesAgain()) this.#keep(event, type, process, container);
      return;
    }
    const seen = { event, kind, type, process, container, number, previousNs };
    const lack = this.#hold(seen);
    if (lack === undefined) this.counters.waited++;
    else this.#goOn(seen, lack);
  }

  /** Goes up with whatever an answer about an event depends on besides its record. */
  #versionOfAll(): number {
    return this.#version + this.#options.processes.version + this.#options.cgroups.version;
  }

  #keep(event: Event, type: string, process: Process | undefined, container: Container | undefined): void {
    if ((event.flags & (PARTIAL | recordFlags.asks)) !== 0 || process === undefined || lacksEngine(container)) return;
    const ages = this.#ages(type);
    if (ages === undefined) return;
    const { timeNs } = event;
    const age = ages.find((each) => process.startNs + each > timeNs);
    const untilNs = timeNs + KEPT_NS;
    const olderNs = age === undefined ? untilNs : process.startNs + age;
    this.#repeats.keep(event, this.#versionOfAll(), Math.min(untilNs, olderNs));
  }

  /** `undefined`: it waits. */
  #hold(seen: Held): Lack | undefined {
    const nowMs = this.#options.nowMs();
    return seen.container === undefined
      ? this.#unnamed?.hold(seen, nowMs)
      : this.#waiting.hold(seen.container.id, seen, nowMs);
  }

  #goOn(held: Held, lack: Lack | undefined): void {
    const { event, kind, type, process, container, number, previousNs } = held;
    if (lack !== undefined) this.losses.add(lack, type);
    this.#match(event, kind, type, process, container, number, previousNs, lack);
  }

  /** Events are asked about by these rules from now on, those that wait, too. */
  use(rules: CompiledRuleSet<Scene>): void {
    this.#rules = rules;
    this.#ages = makeAges(rules.rules);
    this.#version++;
    const names = new Set(rules.rules.map(({ name }) => name));
    for (const name of this.matches.keys()) if (!names.has(name)) this.matches.delete(name);
  }

  /** An engine has answered for this container, or will not: what waited for it goes on. */
  settle(container: Container): void {
    this.#version++;
    this.#waiting.release(container.id, container);
  }

  /** Names of users were answered: events that have them now go on. */
  settleUsers(): void {
    this.#version++;
    this.#unnamed?.settle();
  }

  /** Events that wait for their container's details, or a name of their user. */
  get waiting(): number {
    return this.#waiting.count + (this.#unnamed?.count ?? 0);
  }

  /** Lets go of what has waited long enough. Returns how many still wait. */
  tick(nowMs: number): number {
    this.#waiting.expire(nowMs);
    this.#unnamed?.expire(nowMs);
    return this.waiting;
  }

  #containerOf(event: Event, process: Process | undefined): Container | undefined {
    const { cgroups, see } = this.#options;
    const named = cgroups.containerOf(event.cgroupId, event.pid, process?.context.cgroup);
    return named && see(named);
  }

  /** Engines run on the host: what a container makes in its own tree of groups is no matter. */
  #foresee(event: Event, process: Process | undefined): void {
    const { madeBy, cgroups, expect } = this.#options;
    const made = madeBy(event);
    if (made === undefined || cgroups.containerOf(event.cgroupId, event.pid, process?.context.cgroup) !== undefined)
      return;
    if (made.kind === 'task') {
      cgroups.noteTask(made.namespace, made.id);
      return;
    }
    const named = cgroups.named(made.path);
    if (named !== undefined) expect(named);
  }

  #notePartial(event: Event): void {
    const { flags, type } = event;
    if (!event.hasResult) {
      this.losses.add('result_unknown', type);
      this.hidden.note(event);
    }
    if ((flags & (recordFlags.textCut | recordFlags.argsCut)) !== 0) this.losses.add('text_cut', type);
    if ((flags & recordFlags.textUnread) !== 0 && event.ret !== -EFAULT) this.losses.add('text_unread', type);
  }

  /** Each on its own and not as one object: nothing is allocated for an event that fires nothing. Whether it did. */
  #match(
    event: Event,
    kind: Kind,
    type: string,
    process: Process | undefined,
    container: Container | undefined,
    number: number,
    previousNs: number,
    lack: Lack | undefined,
  ): boolean {
    const { fired, around, reflexOf, reflexed } = this.#options;
    this.#scene ??= { event, kind, type, process, container, number, previousNs, around };
    const scene = this.#scene;
    scene.event = event;
    scene.kind = kind;
    scene.type = type;
    scene.process = process;
    scene.container = container;
    scene.number = number;
    scene.previousNs = previousNs;
    if (container?.status === 'silent') this.losses.add('container_engine_silent', type);
    const reflex = hasVerdict(kind) ? reflexOf?.(event) : undefined;
    if (reflex !== undefined) reflexed?.({ scene, part: partOf(scene, reflex) });
    // It did not happen: no rule is asked.
    if (kind === 'denied') return false;
    const matched = this.#rules.match(type, scene);
    for (const rule of matched) {
      this.counters.matched++;
      this.matches.set(rule.name, (this.matches.get(rule.name) ?? 0) + 1);
      if (lacksEngine(container)) this.counters.pending++;
      fired({ rule, scene, part: partOf(scene, reflex, lack) });
    }
    return matched.length === 0;
  }
}

const [open, openat, openat2] = ['open', 'openat', 'openat2'].map(numberOfCall);
const isOpenCall = (nr: number): boolean => nr === openat || nr === open || nr === openat2;

/** Whether the kernel may have responded to it. */
const hasVerdict = (kind: Kind): boolean => kind === 'exec' || kind === 'denied';

/** Not all is known that an engine could have told. */
const lacksEngine = (container: Container | undefined): boolean =>
  container?.status === 'waiting' || container?.status === 'silent';

function partOf({ event, type, container }: Scene, reflex: Fired['part']['reflex'], lack?: Lack): Fired['part'] {
  return {
    event: { type, time_ns: String(event.timeNs) },
    ...(event.pid > 0 && { process: { pid: event.pid, tid: event.tid, start_ns: String(event.startNs) } }),
    ...(container !== undefined && { container: { id: container.id, engine: container.engine } }),
    ...(reflex !== undefined && { reflex }),
    ...((lacksEngine(container) || lack !== undefined) && { enrichment: 'pending' as const }),
  };
}
