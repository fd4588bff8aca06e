import { measuredEvery } from '#rules/language/rule-time';
import type { Facts } from './facts.ts';

type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

export type Metric = {
  readonly kind: 'counter' | 'gauge';
  /** The labels that tell its samples apart. */
  readonly labels: readonly string[];
  readonly doc: string;
  readonly read: (facts: Facts) => readonly Sample[];
};

const one =
  (read: (facts: Facts) => number): Metric['read'] =>
  (facts) => [{ labels: {}, value: read(facts) }];

/** A sample for each entry, told apart by one label. */
const by =
  <T>(
    label: string,
    entries: (facts: Facts) => Iterable<readonly [string, T]>,
    read: (of: T) => number,
  ): Metric['read'] =>
  (facts) =>
    [...entries(facts)].map(([name, of]) => ({ labels: { [label]: name }, value: read(of) }));

const filtered = ({ filtered: types }: Facts) => Object.entries(types);
const outputs = ({ counters }: Facts) => Object.entries(counters.outputs);
/** What only some outputs count. */
const outputsWith =
  <K extends 'limited' | 'exposed' | 'spool'>(key: K) =>
  (facts: Facts) =>
    outputs(facts).flatMap(([name, { [key]: value }]) => (value === undefined ? [] : [[name, value] as const]));
const spools = outputsWith('spool');
const times = ({ ruleTimes }: Facts) => ruleTimes.map((time) => [time.name, time] as const);

/** Everything that the agent counts, under the names that /metrics shows; agent/README.md lists them. */
export const metrics = {
  lanner_agent_records_total: {
    kind: 'counter',
    labels: ['ring'],
    doc: 'Records that the kernel put into its rings.',
    read: ({ counters: { capture } }) => [
      { labels: { ring: 'lifecycle' }, value: capture.lifecycle },
      { labels: { ring: 'bulk' }, value: capture.bulk },
    ],
  },
  lanner_agent_lost_total: {
    kind: 'counter',
    labels: ['cause', 'type'],
    doc: 'Events that were lost, or lack a part, by cause and type.',
    read: ({ losses }) =>
      Object.entries(losses).flatMap(([cause, types]) =>
        Object.entries(types).map(([type, value]) => ({ labels: { cause, type }, value })),
      ),
  },
  lanner_agent_hooks: {
    kind: 'gauge',
    labels: ['way'],
    doc: 'Hooks by which system calls are seen: one for all (typed, perf), or one for each that is asked for (each).',
    read: ({ way: { name, hooks } }) => [{ labels: { way: name }, value: hooks }],
  },
  lanner_agent_filter_sent_total: {
    kind: 'counter',
    labels: ['type'],
    doc: 'Calls that the filter in the kernel let through.',
    read: by('type', filtered, ({ sent }) => sent),
  },
  lanner_agent_filter_dropped_total: {
    kind: 'counter',
    labels: ['type'],
    doc: 'Calls that the filter in the kernel left out, because no rule can match them.',
    read: by('type', filtered, ({ dropped }) => dropped),
  },
  lanner_agent_events_total: {
    kind: 'counter',
    labels: ['type'],
    doc: 'Events that the agent handled.',
    read: by(
      'type',
      ({ costs }) => costs,
      ({ events }) => events,
    ),
  },
  lanner_agent_event_seconds_total: {
    kind: 'counter',
    labels: ['type'],
    doc: 'Time that they took, from the ring to the alert; one in 61 is measured.',
    read: by(
      'type',
      ({ costs }) => costs,
      ({ totalNs }) => totalNs / 1e9,
    ),
  },
  lanner_agent_rule_matches_total: {
    kind: 'counter',
    labels: ['rule'],
    doc: 'Events that fired the rule.',
    read: by(
      'rule',
      ({ ruleNames, ruleMatches }) => ruleNames.map((name) => [name, ruleMatches.get(name) ?? 0] as const),
      (count) => count,
    ),
  },
  lanner_agent_rule_evaluations_total: {
    kind: 'counter',
    labels: ['rule'],
    doc: 'Times that the rule was evaluated, because nothing cheaper had ruled it out; estimated from one event in 1,021.',
    read: by('rule', times, ({ evaluated }) => evaluated * measuredEvery),
  },
  lanner_agent_rule_seconds_total: {
    kind: 'counter',
    labels: ['rule'],
    doc: 'Time that evaluating the rule took, estimated likewise.',
    read: by('rule', times, ({ totalNs }) => (totalNs * measuredEvery) / 1e9),
  },
  lanner_agent_rule_longest_seconds: {
    kind: 'gauge',
    labels: ['rule'],
    doc: 'The longest evaluation among the measured ones.',
    read: by('rule', times, ({ longestNs }) => longestNs / 1e9),
  },
  lanner_agent_events_waited_total: {
    kind: 'counter',
    labels: [],
    doc: 'Events that waited for the details of their container.',
    read: one(({ counters }) => counters.engine.waited),
  },
  lanner_agent_alerts_total: {
    kind: 'counter',
    labels: [],
    doc: 'Alerts that rules made.',
    read: one(({ counters }) => counters.engine.matched),
  },
  lanner_agent_alerts_pending_total: {
    kind: 'counter',
    labels: [],
    doc: 'Of these, without all that a container engine could have told.',
    read: one(({ counters }) => counters.engine.pending),
  },
  lanner_agent_output_written_total: {
    kind: 'counter',
    labels: ['output'],
    doc: 'Alerts that the output handed on.',
    read: by('output', outputs, ({ written }) => written),
  },
  lanner_agent_output_held: {
    kind: 'gauge',
    labels: ['output'],
    doc: 'Alerts accepted and not yet handed on.',
    read: by('output', outputs, ({ held }) => held),
  },
  lanner_agent_output_lost_total: {
    kind: 'counter',
    labels: ['output'],
    doc: 'Alerts that the output gave up.',
    read: by('output', outputs, ({ lost }) => lost),
  },
  lanner_agent_output_limited_total: {
    kind: 'counter',
    labels: ['output'],
    doc: 'Alerts that the output kept back because of its own rate.',
    read: by('output', outputsWith('limited'), Number),
  },
  lanner_agent_output_exposed: {
    kind: 'gauge',
    labels: ['output'],
    doc: 'Alerts held in memory only, by an output with a spool: a kill of the agent loses them.',
    read: by('output', outputsWith('exposed'), Number),
  },
  lanner_agent_spool_bytes: {
    kind: 'gauge',
    labels: ['output'],
    doc: 'Room on the disk that the spool takes.',
    read: by('output', spools, ({ bytes }) => bytes),
  },
  lanner_agent_spool_segments: {
    kind: 'gauge',
    labels: ['output'],
    doc: 'Files of the spool.',
    read: by('output', spools, ({ segments }) => segments),
  },
  lanner_agent_spool_waiting: {
    kind: 'gauge',
    labels: ['output'],
    doc: 'Alerts that wait on the disk and not in memory.',
    read: by('output', spools, ({ waiting }) => waiting),
  },
  lanner_agent_spool_faults_total: {
    kind: 'counter',
    labels: ['output', 'what'],
    doc: 'Alerts that the spool gave up (lost), damaged places and segments without an end found at the start (damaged, torn), refusals of the disk (refused).',
    read: (facts) =>
      spools(facts).flatMap(([output, { lost, damaged, torn, refused }]) =>
        Object.entries({ lost, damaged, torn, refused }).map(([what, value]) => ({ labels: { output, what }, value })),
      ),
  },
  lanner_agent_process_table_total: {
    kind: 'counter',
    labels: ['what'],
    doc: 'Processes read from /proc (healed), not found there (lost), replaced, forgotten (evicted), corrected by a comparison.',
    read: by('what', ({ counters }) => Object.entries(counters.processes), Number),
  },
  lanner_agent_containers_total: {
    kind: 'counter',
    labels: ['what'],
    doc: 'Containers looked up (lookups), foreseen (expected), known by files (fromFiles), not known (failures), forgotten (evicted).',
    read: by('what', ({ counters }) => Object.entries(counters.containers), Number),
  },
  lanner_agent_user_lookups_total: {
    kind: 'counter',
    labels: ['what'],
    doc: 'Users and groups asked of NSS, where it is asked: questions, failed, found, missing, tooMany to be remembered.',
    read: by('what', ({ counters }) => Object.entries(counters.users ?? {}), Number),
  },
  lanner_agent_host_name_lookups_total: {
    kind: 'counter',
    labels: ['what'],
    doc: 'Questions for host names that rules compare with (asked), and those without an answer (failed).',
    read: by('what', ({ counters: { names } }) => Object.entries({ asked: names.asked, failed: names.failed }), Number),
  },
  lanner_agent_host_names_left_out: {
    kind: 'gauge',
    labels: [],
    doc: 'Host names of rules that are not asked for, because there are too many.',
    read: one(({ counters }) => counters.names.tooMany),
  },
  lanner_agent_kubernetes_total: {
    kind: 'counter',
    labels: ['what'],
    doc: 'Lists and watches of the API server (lists, watches), what they told (events), failures, and what was refused.',
    read: by('what', ({ counters }) => Object.entries(counters.kubernetes ?? {}), Number),
  },
  lanner_agent_mesos_total: {
    kind: 'counter',
    labels: ['what'],
    doc: 'Questions to the Mesos agent and Marathon (asked), and failures.',
    read: by('what', ({ counters }) => Object.entries(counters.mesos ?? {}), Number),
  },
  lanner_agent_cpu_seconds_total: {
    kind: 'counter',
    labels: [],
    doc: 'CPU time of the agent.',
    read: one(({ cpuSeconds }) => cpuSeconds),
  },
  lanner_agent_resident_bytes: {
    kind: 'gauge',
    labels: [],
    doc: 'Resident memory of the agent.',
    read: one(({ residentBytes }) => residentBytes),
  },
  lanner_agent_heap_bytes: {
    kind: 'gauge',
    labels: [],
    doc: 'Memory of what JavaScript holds.',
    read: one(({ heapBytes }) => heapBytes),
  },
  lanner_agent_heap_limit_bytes: {
    kind: 'gauge',
    labels: [],
    doc: 'Memory that JavaScript may hold, by the memory profile; beyond it the agent ends.',
    read: one(({ heapLimitBytes }) => heapLimitBytes),
  },
} as const satisfies Readonly<Record<string, Metric>>;

/** Prometheus' text format, 0.0.4. */
export function renderMetrics(facts: Facts): string {
  const lines: string[] = [];
  const all: Readonly<Record<string, Metric>> = metrics;
  for (const [name, { kind, doc, read }] of Object.entries(all)) {
    lines.push(`# HELP ${name} ${doc}`, `# TYPE ${name} ${kind}`);
    for (const { labels, value } of read(facts)) lines.push(`${name}${renderLabels(labels)} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escaped)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (character: string): string => (character === '\n' ? '\\n' : `\\${character}`);
