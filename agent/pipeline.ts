import type { Playbook } from '#playbooks/language/playbook';
import type { Log } from '#rules/cli/log';
import type { CompiledRuleSet } from '#rules/language/compile';
import type { RuleSet } from '#rules/language/rule-set';
import { type Capture, openCapture } from './capture/kernel.ts';
import type { AgentOptions } from './config/options.ts';
import { makeCpuLimit } from './cpu-limit.ts';
import { Engine } from './engine/engine.ts';
import { EventCosts } from './engine/event-costs.ts';
import { History } from './engine/history.ts';
import { blindSpotAlerts, engineAlert } from './engine/loss.ts';
import type { Event } from './events/event.ts';
import type { Losses } from './events/losses.ts';
import type { Scene } from './fields/scene.ts';
import { makeLivePlaybooks, type Swapped } from './live-playbooks.ts';
import { makeLiveRules } from './live-rules.ts';
import { makeLossLook } from './loss-look.ts';
import { type AgentCounters, type Facts, readUsage } from './metrics/facts.ts';
import { openOrchestrators } from './orchestrators.ts';
import { openOutputs } from './outputs/all.ts';
import { makeInternal, makeReflexed, toAlert } from './raise.ts';
import { mountOf, readCgroupMounts } from './respond/cgroup.ts';
import { makeClearance } from './respond/clearance.ts';
import { makeNodeSteps } from './respond/node-steps.ts';
import { readStop } from './respond/off-switch.ts';
import { openResponse, readBootId } from './respond/open.ts';
import { makeRouterRules } from './router-rules.ts';
import { Cgroups } from './state/cgroups.ts';
import { stateCalls } from './state/changes.ts';
import { makeClock } from './state/clock.ts';
import { ContainerUsers } from './state/container-users.ts';
import type { CgroupContainer } from './state/containers/cgroup.ts';
import { findEngines, knownSockets, userSockets } from './state/containers/engine.ts';
import { foldersOf, openEngineFiles } from './state/containers/engine-files.ts';
import { knownMachineFolders } from './state/containers/machine-files.ts';
import { NestedEngines } from './state/containers/nested-engines.ts';
import { ContainerTable } from './state/containers/table.ts';
import { enterAll, makeHealer } from './state/heal.ts';
import { groupCalls, makeMadeFinder } from './state/made-groups.ts';
import { Names } from './state/names.ts';
import { openUsers } from './state/nss.ts';
import { joinOrchestrators } from './state/orchestrators/orchestrators.ts';
import { isAlive, listPids, makeLocate, makeLook, readProcess, readTitle } from './state/proc-folder.ts';
import { ProcessTable } from './state/process-table.ts';
import { resolveName } from './state/resolve-name.ts';
import { decodeProcesses } from './state/snapshot.ts';
import { ThreadTimes } from './state/thread-times.ts';
import { surroundings } from './surroundings.ts';

const MEASURE_CLOCK_MS = 60_000;
const LOOK_FOR_LOSS_MS = 1_000;
/** Lost events are healed at once; this is for what nobody noticed. */
const HEAL_MS = 300_000;
/** How often events that wait for a container's details are looked at, while there are any. */
const TICK_MS = 20;
/** How often host names whose time has come are asked for. */
const ASK_NAMES_MS = 5_000;
const CONTAINER_WAIT_MS = 500;
const INSPECT_TIMEOUT_MS = 5_000;
const CLOSE_OUTPUTS_MS = 500;

/** Captured whatever the rules say. */
const neededCalls = [...stateCalls, ...groupCalls];

export type PipelineOptions = {
  readonly options: AgentOptions;
  readonly ruleSet: RuleSet;
  /** The router's commit that they are of, when they were kept. */
  readonly rulesCommit?: string | undefined;
  /** Those whose steps this node may carry out by itself. */
  readonly playbooks?: readonly Playbook[];
  readonly agentVersion: string;
  /** The router's, when there is one. */
  readonly token: string | undefined;
  readonly log: Log;
  /** Whether the kernel drops what no rule can match: tests compare the two. */
  readonly filtering?: 'on' | 'off';
};

/** Of the kernel side and of the engine; their causes differ. */
const joinLosses = (capture: Capture, engine: Engine): Losses => ({ ...capture.losses(), ...engine.losses.counts() });

export type RunningAgent = {
  rules(): CompiledRuleSet<Scene>;
  /** Other rules from now on; no event is lost. */
  useRules(ruleSet: RuleSet): void;
  playbooks(): readonly Playbook[];
  /** Other playbooks from now on, all or none; no run is lost. */
  usePlaybooks(playbooks: readonly Playbook[]): Swapped;
  /** Names of the container engines that were found. */
  readonly engines: readonly string[];
  counters(): AgentCounters;
  /** What was lost, by cause and type of event. */
  losses(): Losses;
  /** All that is counted. */
  facts(): Facts;
  /** Files of alerts that were moved away are begun anew. */
  reopen(): void;
  close(): Promise<void>;
};

export type AgentStart =
  | { readonly ok: true; readonly agent: RunningAgent }
  | { readonly ok: false; readonly reason: string };

/** The whole agent: kernel → state → rules → alerts → outputs, and the router's commands the other way. */
export function startAgent(start: PipelineOptions): AgentStart {
  const { options, ruleSet, playbooks = [], agentVersion, token, log, filtering } = start;
  const { mode, response: settings } = options;
  const mayChange = options.router !== undefined || options.playbookPaths.length > 0;
  const made = makeLivePlaybooks({ playbooks, mayChange, mode, settings });
  if (!made.ok) return made;
  const own = made.live;
  const { reflexes } = own;
  let isStopped = readStop(options.dataFolder) !== undefined;
  const clock = makeClock();
  const bootId = readBootId();
  const live = makeLiveRules(ruleSet, { options, neededCalls, agentVersion, filtering: filtering ?? 'on', log });
  const folders = foldersOf(options.engines);
  const files = openEngineFiles(folders);
  const mounts = readCgroupMounts();
  const processes = new ProcessTable((pid) => readProcess(pid), options.memory.endedProcesses);
  const containerUsers = new ContainerUsers({ nowMs: () => performance.now(), isAlive });
  const nested = new NestedEngines({ ...knownMachineFolders, nowMs: () => performance.now() });
  const containers = new ContainerTable({
    nested: (named) => nested.of(named),
    findEngines: (known, user) =>
      findEngines(user === undefined ? [...options.engines, ...knownSockets] : userSockets(user), known),
    files: {
      read: (named) => {
        containerUsers.foresee(named.id, () => files.usersOf(named));
        return files.read(named);
      },
    },
    timeoutMs: INSPECT_TIMEOUT_MS,
    settled: (container) => {
      clearance.settled(container);
      engine.settle(container);
    },
    engineChanged: (change) => raise(engineAlert(change)),
    nowMs: () => performance.now(),
  });
  const clearance = makeClearance({
    protection: settings.protection,
    see: (named) => containers.see(named),
    tell: (cgroup, verdict) => capture.clearCgroup(cgroup, verdict),
  });
  const outputs = openOutputs(options, token, log);
  const ports = { clock, options, bootId };
  const raise = makeInternal(ports, outputs, log);

  const nowMs = () => performance.now();
  const names = new Names(live.hostNames(), { resolve: resolveName, nowMs });
  const { kubernetes, mesos } = openOrchestrators(options.orchestrators, log, raise);
  const users = openUsers(options.users, nowMs, () => engine.settleUsers());
  const threads = new ThreadTimes({ startedNs: clock.sinceBootNs(), nowMs });
  const known = { processes, clock, names, users: users.users, containerUsers, threads };
  const cgroups = new Cgroups({
    locate: makeLocate((hierarchy) => mountOf(mounts, hierarchy)),
    isContainerdTask: files.isContainerdTask,
    learned: (id, container) => {
      capture.setCgroup(id, kindOf(container));
      if (reflexes !== undefined && container !== undefined) clearance.learned(id, container);
    },
  });
  const history = own.isResponding ? new History() : undefined;
  const engine = new Engine({
    rules: live.current(),
    processes,
    look: makeLook(),
    cgroups,
    see: (named) => containers.see(named),
    expect: (named) => containers.expect(named),
    madeBy: makeMadeFinder(mounts.values(), folders.tasks),
    around: surroundings(options, { ...known, orchestrators: joinOrchestrators(kubernetes, mesos) }),
    isAskingUsers: users.isAsking,
    asked: live.judge,
    fired: (fired) => {
      const alert = toAlert(fired, ports);
      nodeSteps?.respond(alert);
      for (const output of outputs) output.write(alert);
    },
    ...(reflexes !== undefined && {
      reflexOf: (exec) => reflexes.partOf(exec),
      reflexed: makeReflexed((alert) => {
        for (const output of outputs) output.write(alert);
      }, ports),
    }),
    nowMs: () => performance.now(),
    waitMs: CONTAINER_WAIT_MS,
    mostWaiting: options.memory.waitingEvents,
  });

  let ticker: NodeJS.Timeout | undefined;
  const tick = () => {
    ticker = engine.tick(performance.now()) > 0 ? setTimeout(tick, TICK_MS) : undefined;
  };
  const { types, details } = live.wanted();
  const costs = new EventCosts(nowMs);
  const handle = (event: Event) => {
    history?.add(event);
    engine.handle(event);
  };
  const opened = openCapture({
    types: [...types, ...neededCalls],
    ...options.memory,
    details,
    reflexes: reflexes && {
      tests: reflexes.tests(),
      control: reflexes.control(isStopped),
      spared: reflexes.spared(),
      isDenying: reflexes.isDenying(),
    },
    onEvent: (event) => costs.run(event, handle),
    onBatchEnd: () => {
      ticker ??= engine.waiting > 0 ? setTimeout(tick, TICK_MS) : undefined;
    },
  });
  if (!opened.ok) return opened;
  const { capture } = opened;
  threads.begin(details);
  threads.use(details);
  own.attach(capture, () => isStopped);
  live.attach(capture, () => {
    engine.use(live.current());
    threads.use(live.wanted().details);
    names.use(live.hostNames());
    void names.ask();
  });
  for (const alert of blindSpotAlerts(opened.blindSpots)) raise(alert);

  // What starts from here on is in the ring already; what ran before is read now, before any event is looked at.
  const nextProcesses = () => {
    const snapshot = capture.snapshot();
    return snapshot === undefined ? [] : decodeProcesses(snapshot, readTitle);
  };
  const listing = { processes, nextProcesses, listPids, readProcess };
  enterAll(listing);
  const counters = (): AgentCounters => ({
    capture: capture.counters(),
    engine: engine.counters,
    processes: processes.counters,
    containers: containers.counters,
    users: users.counters,
    names: names.counters,
    kubernetes: kubernetes?.counters,
    mesos: mesos?.counters,
    outputs: Object.fromEntries(outputs.map((output) => [output.name, output.counters()])),
  });
  const losses = () => joinLosses(capture, engine);
  const { sinceBootNs } = clock;
  const heal = makeHealer({
    ...listing,
    sinceBootNs,
    corrected: () => capture.renewFilter(),
    catchUp: () => capture.drain(),
    later: setImmediate,
  });
  const healAfterLoss = () => {
    log('warn', 'events were lost; comparing the processes with the kernel');
    heal();
  };
  const at = options.router && token !== undefined ? { url: options.router.url, token } : undefined;
  const router = at && {
    ...at,
    revision: makeRouterRules({
      router: at,
      options,
      begunOn: start.rulesCommit,
      use: live.swap,
      usePlaybooks: own.swap,
      log,
    }),
  };
  const response = own.isResponding ? openResponses() : undefined;
  const nodeSteps =
    response &&
    makeNodeSteps({ playbooks, mode, perform: (command) => response.perform(command), log, nowMs: Date.now });
  if (nodeSteps !== undefined) own.steps(nodeSteps);
  const timers = [
    setInterval(() => clock.measure(), MEASURE_CLOCK_MS),
    setInterval(makeLossLook(counters, losses, raise, healAfterLoss), LOOK_FOR_LOSS_MS),
    setInterval(() => {
      const hidden = engine.hidden.look(performance.now());
      if (hidden !== undefined) raise(hidden);
    }, LOOK_FOR_LOSS_MS),
    setInterval(heal, HEAL_MS),
    ...openCpuLimit(),
    setInterval(() => void (names.count > 0 && names.ask()), ASK_NAMES_MS),
  ];
  void names.ask();

  function openCpuLimit() {
    const { cpuLimit: limit } = options;
    if (limit === undefined) return [];
    const setShed = (shed: ReadonlySet<string>) => capture.setShed(shed);
    const look = makeCpuLimit({ limit, rules: live.current, costs, losses, kept: neededCalls, setShed, raise });
    return [setInterval(look, LOOK_FOR_LOSS_MS)];
  }

  function openResponses() {
    const { dataFolder, node } = options;
    const around = {
      containers: {
        engines: () => containers.engines(),
        see: (named: Parameters<typeof containers.see>[0]) => containers.see(named),
      },
      descendants({ pid, startTicks }: { readonly pid: number; readonly startTicks: bigint }) {
        // Forks that wait in the ring are taken in first: who was born just now is a descendant as well.
        capture.drain();
        return processes.descendants(pid, startTicks);
      },
      history(isWanted: (event: Event, container: string | undefined) => boolean) {
        capture.drain();
        return history?.last(sinceBootNs(), (event) => isWanted(event, cgroups.idOf(event))) ?? [];
      },
    };
    return openResponse({
      router,
      stopChanged(now) {
        isStopped = now;
        own.control();
      },
      dataFolder,
      node,
      agentVersion,
      bootId,
      settings,
      raise,
      log,
      ...around,
    });
  }

  return {
    ok: true,
    agent: {
      rules: live.current,
      useRules: live.swap,
      playbooks: own.current,
      usePlaybooks: own.swap,
      engines: containers.engines().map(({ name }) => name),
      counters,
      losses,
      facts: () => ({
        counters: counters(),
        losses: losses(),
        way: capture.way(),
        filtered: capture.filtered(),
        costs: costs.costs(),
        ruleTimes: live.current().times,
        ruleMatches: engine.matches,
        ruleNames: live.current().rules.map(({ name }) => name),
        ...readUsage(),
      }),
      reopen() {
        for (const output of outputs) output.reopen?.();
      },
      async close() {
        const stopped = live.close();
        for (const timer of timers) clearInterval(timer);
        clearTimeout(ticker);
        capture.drain();
        engine.tick(Number.POSITIVE_INFINITY);
        capture.close();
        response?.close();
        containers.close();
        threads.close();
        nested.close();
        kubernetes?.close();
        mesos?.close();
        await Promise.all([stopped, ...outputs.map((output) => output.close(CLOSE_OUTPUTS_MS))]);
      },
    },
  };
}

/** The kernel takes a container for one by its id's text as rules see it: one that is called `host` is left open. */
function kindOf(container: CgroupContainer | undefined): 'host' | 'container' | 'unknown' {
  if (container === undefined) return 'host';
  return container.id.slice(0, 12) === 'host' ? 'unknown' : 'container';
}
