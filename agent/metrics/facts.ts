import { getHeapStatistics } from 'node:v8';
import type { RuleTime } from '#rules/language/rule-time';
import type { CaptureCounters, FilterCounters } from '../capture/kernel.ts';
import type { Way } from '../capture/ways.ts';
import type { EngineCounters } from '../engine/engine.ts';
import type { EventCost } from '../engine/event-costs.ts';
import type { Losses } from '../events/losses.ts';
import type { OutputCounters } from '../outputs/output.ts';
import type { ContainerCounters } from '../state/containers/table.ts';
import type { NameCounters } from '../state/names.ts';
import type { NssCounters } from '../state/nss.ts';
import type { KubernetesCounters } from '../state/orchestrators/kubernetes.ts';
import type { MesosCounters } from '../state/orchestrators/mesos.ts';
import type { ProcessCounters } from '../state/process-table.ts';

export type AgentCounters = {
  readonly capture: CaptureCounters;
  readonly engine: EngineCounters;
  readonly processes: ProcessCounters;
  readonly containers: ContainerCounters;
  /** Only if NSS is asked. */
  readonly users: NssCounters | undefined;
  /** Host names that rules compare with. */
  readonly names: NameCounters;
  /** Only where they are asked. */
  readonly kubernetes: KubernetesCounters | undefined;
  readonly mesos: MesosCounters | undefined;
  readonly outputs: Readonly<Record<string, OutputCounters>>;
};

/** Of this process, all its threads included. */
export function readUsage(): Pick<Facts, 'cpuSeconds' | 'residentBytes' | 'heapBytes' | 'heapLimitBytes'> {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const { heap_size_limit: heapLimitBytes } = getHeapStatistics();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: rss, heapBytes: heapUsed, heapLimitBytes };
}

/** All that the agent counts, at one moment. */
export type Facts = {
  readonly counters: AgentCounters;
  readonly losses: Losses;
  /** How calls are come by, and by how many hooks. */
  readonly way: { readonly name: Way; readonly text: string; readonly hooks: number };
  /** What the kernel's filter sent and dropped, by type. */
  readonly filtered: Readonly<Record<string, FilterCounters>>;
  readonly costs: ReadonlyMap<string, EventCost>;
  readonly ruleTimes: readonly RuleTime[];
  readonly ruleMatches: ReadonlyMap<string, number>;
  /** Of every enabled rule. */
  readonly ruleNames: readonly string[];
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly heapLimitBytes: number;
};
