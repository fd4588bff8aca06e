import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Log } from '#rules/cli/log';
import { type CompiledRuleSet, compileRuleSet } from '#rules/language/compile';
import type { RuleSet } from '#rules/language/rule-set';
import { makeAlert } from './alerts/make-alert.ts';
import { type Capture, type CaptureCounters, openCapture } from './capture/kernel.ts';
import type { AgentOptions } from './config/options.ts';
import { Engine, type EngineCounters, type Fired } from './engine/engine.ts';
import { describedTypes } from './fields/arguments.ts';
import { bindField } from './fields/bind.ts';
import type { Scene, Surroundings } from './fields/scene.ts';
import { openOutputs } from './outputs/all.ts';
import type { Output, OutputCounters } from './outputs/output.ts';
import { mountOf, readCgroupMounts } from './respond/cgroup.ts';
import { openResponse, readBootId } from './respond/open.ts';
import { Cgroups } from './state/cgroups.ts';
import { stateCalls } from './state/changes.ts';
import { type Clock, makeClock } from './state/clock.ts';
import { findEngines, knownSockets, userSockets } from './state/containers/engine.ts';
import { foldersOf, openEngineFiles } from './state/containers/engine-files.ts';
import { type ContainerCounters, ContainerTable } from './state/containers/table.ts';
import { openKubernetes } from './state/orchestrators/kubernetes.ts';
import { openMesos } from './state/orchestrators/mesos.ts';
import { joinOrchestrators, type Orchestrators } from './state/orchestrators/orchestrators.ts';
import { listPids, makeLocate, makeLook, readEnvironment, readProcess } from './state/proc-folder.ts';
import { type ProcessCounters, ProcessTable } from './state/process-table.ts';
import { makeUsers } from './state/users.ts';

const MEASURE_CLOCK_MS = 60_000;
const CHECK_LOSS_MS = 60_000;
/** How often events that wait for a container's details are looked at, while there are any. */
const TICK_MS = 20;
/** How long events of a new container wait for its details, where its files do not tell them all. */
const CONTAINER_WAIT_MS = 500;
const INSPECT_TIMEOUT_MS = 5_000;
const CLOSE_OUTPUTS_MS = 500;

export type PipelineOptions = {
  readonly options: AgentOptions;
  readonly ruleSet: RuleSet;
  readonly agentVersion: string;
  /** The router's, when there is one. */
  readonly token: string | undefined;
  readonly log: Log;
};

type AgentCounters = {
  readonly capture: CaptureCounters;
  readonly engine: EngineCounters;
  readonly processes: ProcessCounters;
  readonly containers: ContainerCounters;
  readonly outputs: Readonly<Record<string, OutputCounters>>;
};

export type RunningAgent = {
  readonly rules: CompiledRuleSet<Scene>;
  /** Names of the container engines that were found. */
  readonly engines: readonly string[];
  counters(): AgentCounters;
  close(): Promise<void>;
};

export type AgentStart =
  | { readonly ok: true; readonly agent: RunningAgent }
  | { readonly ok: false; readonly reason: string };

/** The whole agent: kernel → state → rules → alerts → outputs, and the router's commands the other way. */
export function startAgent({ options, ruleSet, agentVersion, token, log }: PipelineOptions): AgentStart {
  const clock = makeClock();
  const bootId = readBootId();
  const rules = compileRuleSet<Scene>(ruleSet, bindField, { matching: options.matching });
  const files = openEngineFiles(foldersOf(options.engines));
  const mounts = readCgroupMounts();
  const processes = new ProcessTable((pid) => readProcess(pid));
  const containers = new ContainerTable({
    findEngines: (known, user) =>
      findEngines(user === undefined ? [...options.engines, ...knownSockets] : userSockets(user), known),
    files,
    timeoutMs: INSPECT_TIMEOUT_MS,
    settled: (container) => engine.settle(container),
    engineChanged: ({ engine: changed, status, reason }) => {
      const said = status === 'silent' ? 'stopped answering' : 'answers again';
      const fields = { engine: changed.name, socket: changed.socket, reason };
      log('warn', `Lanner internal: container engine ${changed.name} ${said}`, fields);
    },
    nowMs: () => performance.now(),
  });
  const outputs = openOutputs(options, token, log);

  const { kubernetes, mesos } = openOrchestrators(options.orchestrators, log);
  const engine = new Engine({
    rules,
    processes,
    look: makeLook(),
    cgroups: new Cgroups({
      locate: makeLocate((hierarchy) => mountOf(mounts, hierarchy)),
      isContainerdTask: files.isContainerdTask,
    }),
    see: (named) => containers.see(named),
    around: surroundings(options, { processes, clock, orchestrators: joinOrchestrators(kubernetes, mesos) }),
    fired: (fired) => {
      const alert = toAlert(fired, { clock, options, bootId });
      for (const output of outputs) output.write(alert);
    },
    nowMs: () => performance.now(),
    waitMs: CONTAINER_WAIT_MS,
  });

  let ticker: NodeJS.Timeout | undefined;
  const tick = () => {
    ticker = engine.tick(performance.now()) > 0 ? setTimeout(tick, TICK_MS) : undefined;
  };
  const opened = openCapture({
    types: [...(rules.eventTypes === 'all' ? describedTypes : rules.eventTypes), ...stateCalls],
    onEvent: (event) => engine.handle(event),
    onBatchEnd: () => {
      ticker ??= engine.waiting > 0 ? setTimeout(tick, TICK_MS) : undefined;
    },
  });
  if (!opened.ok) return opened;
  const { capture } = opened;

  // What starts from here on is in the ring already; what ran before is read now, before any event is looked at.
  for (const pid of listPids()) {
    const process = readProcess(pid);
    if (process !== undefined) processes.put(process);
  }
  const channel = options.router && token !== undefined ? openChannel(options.router.url, token) : undefined;
  const timers = [
    setInterval(() => clock.measure(), MEASURE_CLOCK_MS),
    setInterval(makeLossReport(capture, outputs, log), CHECK_LOSS_MS),
  ];

  function openChannel(url: URL, secret: string) {
    mkdirSync(options.dataFolder, { recursive: true, mode: 0o700 });
    const { dataFolder, node } = options;
    const engines = () => containers.engines();
    return openResponse({ url, token: secret, dataFolder, node, agentVersion, bootId, engines, log });
  }

  return {
    ok: true,
    agent: {
      rules,
      engines: containers.engines().map(({ name }) => name),
      counters: () => ({
        capture: capture.counters(),
        engine: engine.counters,
        processes: processes.counters,
        containers: containers.counters,
        outputs: Object.fromEntries(outputs.map((output) => [output.name, output.counters()])),
      }),
      async close() {
        for (const timer of timers) clearInterval(timer);
        clearTimeout(ticker);
        capture.drain();
        engine.tick(Number.POSITIVE_INFINITY);
        capture.close();
        channel?.close();
        containers.close();
        kubernetes?.close();
        mesos?.close();
        await Promise.all(outputs.map((output) => output.close(CLOSE_OUTPUTS_MS)));
      },
    },
  };
}

function openOrchestrators({ kubernetes, mesosAgent, marathon }: AgentOptions['orchestrators'], log: Log) {
  const nowMs = () => performance.now();
  const api = (url: URL | undefined) => (url === undefined ? undefined : { url });
  return {
    kubernetes: kubernetes && openKubernetes({ api: kubernetes.access, node: kubernetes.node, log, nowMs }),
    mesos:
      mesosAgent === undefined && marathon === undefined
        ? undefined
        : openMesos({ agent: api(mesosAgent), marathon: api(marathon), log, nowMs }),
  };
}

type Known = { readonly processes: ProcessTable; readonly clock: Clock; readonly orchestrators: Orchestrators };

function surroundings({ hostname }: AgentOptions, { processes, clock, orchestrators }: Known): Surroundings {
  return {
    processes,
    users: makeUsers(() => performance.now()),
    orchestrators,
    hostname,
    wallNs: clock.wallNs,
    offsetMinutes: clock.offsetMinutes,
    startedNs: clock.sinceBootNs(),
    environment: (process) => readEnvironment(process),
  };
}

type AlertPorts = { readonly clock: Clock; readonly options: AgentOptions; readonly bootId: string };

function toAlert({ rule, scene, part }: Fired, { clock, options, bootId }: AlertPorts) {
  const { name, priority, source, tags } = rule;
  return makeAlert(
    { rule: name, priority, source, tags, text: rule.format(scene), fields: rule.outputFields(scene) },
    {
      wallNs: clock.wallNs(scene.event.timeNs),
      offsetMinutes: clock.offsetMinutes(),
      hostname: options.hostname,
      isoTimes: options.isoTimes,
      random: randomBytes(10),
      part: { node: options.node, boot_id: bootId, ...part },
    },
  );
}

/** Says what was lost since the last time, and nothing when nothing was. */
function makeLossReport(capture: Capture, outputs: readonly Output[], log: Log): () => void {
  let events = 0;
  let alerts = 0;
  return () => {
    const { lifecycleFull, bulkFull, noScratch, recursion } = capture.counters().dropped;
    const lostEvents = lifecycleFull + bulkFull + noScratch + recursion;
    const lostAlerts = outputs.reduce((sum, output) => sum + output.counters().lost, 0);
    if (lostEvents > events) {
      const fields = { lifecycle_full: lifecycleFull, bulk_full: bulkFull, no_scratch: noScratch, recursion };
      log('warn', `Lanner internal: ${lostEvents - events} events dropped in the last minute`, fields);
    }
    if (lostAlerts > alerts) log('warn', `Lanner internal: ${lostAlerts - alerts} alerts lost in the last minute`);
    events = lostEvents;
    alerts = lostAlerts;
  };
}
