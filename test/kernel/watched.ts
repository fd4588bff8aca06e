import { openCapture } from '../../agent/capture/kernel.ts';
import { Engine } from '../../agent/engine/engine.ts';
import { bindField } from '../../agent/fields/bind.ts';
import { record, sceneOf } from '../../agent/fields/sample.ts';
import type { Scene } from '../../agent/fields/scene.ts';
import { compileFilter } from '../../agent/pushdown/compile.ts';
import { encodeFilter } from '../../agent/pushdown/encode.ts';
import { guardsOf, makeJudges } from '../../agent/pushdown/judges.ts';
import { mountOf, readCgroupMounts } from '../../agent/respond/cgroup.ts';
import { Cgroups } from '../../agent/state/cgroups.ts';
import { stateCalls } from '../../agent/state/changes.ts';
import { makeDetails } from '../../agent/state/containers/container.ts';
import { listPids, makeLocate, makeLook, readProcess } from '../../agent/state/proc-folder.ts';
import { ProcessTable } from '../../agent/state/process-table.ts';
import { compileRuleSet } from '../../rules/language/compile.ts';
import type { RuleSet } from '../../rules/language/rule-set.ts';

/** Big enough that nothing is lost while the other one is at work. */
const RING_BYTES = 64 << 20;

/** Kernel, state and rules as in an agent, and nothing behind them: the texts of the alerts, in order. */
export function openWatched(ruleSet: Pick<RuleSet, 'rules'>, filtering: 'on' | 'off') {
  const rules = compileRuleSet<Scene>(ruleSet, bindField, { matching: 'all' });
  const types = rules.eventTypes === 'all' ? [] : [...rules.eventTypes];
  const processes = new ProcessTable((pid) => readProcess(pid));
  const mounts = readCgroupMounts();
  const alerts: string[] = [];
  /** Opens, and calls on sockets, by session of the process. */
  const opens = new Map<number, number>();
  const sockets = new Map<number, number>();
  const tables = encodeFilter(compileFilter(ruleSet.rules, types, new Set(stateCalls)));
  const judges = makeJudges(
    ruleSet.rules.map((rule) => ({ rule })),
    tables,
  );
  const engine = new Engine({
    rules,
    processes,
    look: makeLook(),
    cgroups: new Cgroups({
      locate: makeLocate((hierarchy) => mountOf(mounts, hierarchy)),
      learned: (id, container) => capture.setCgroup(id, container === undefined ? 'host' : 'container'),
    }),
    see: (named) => ({ ...named, status: 'known', details: makeDetails({ name: 'watched' }) }),
    expect: () => undefined,
    madeBy: () => undefined,
    asked: (event, { program: { argv, exePath } }) => capture.judge(event, guardsOf(judges, { exe: argv[0], exePath })),
    around: { ...sceneOf(record('call', 'ptrace')).around, processes, environment: () => undefined },
    fired: ({ rule, scene }) => alerts.push(`${rule.name}: ${rule.format(scene)}`),
    nowMs: () => performance.now(),
    waitMs: 0,
  });
  const opened = openCapture({
    types: [...types, ...stateCalls],
    onEvent: (event) => {
      engine.handle(event);
      const counts = event.type === 'openat' ? opens : event.kind === 'socket' ? sockets : undefined;
      const session = counts && processes.peek(event.pid)?.context.sid;
      if (session !== undefined) counts?.set(session, (counts.get(session) ?? 0) + 1);
    },
    lifecycleBytes: RING_BYTES,
    bulkBytes: RING_BYTES,
  });
  if (!opened.ok) throw new Error(opened.reason);
  const { capture } = opened;
  if (filtering === 'on') capture.setFilter(tables);
  for (const pid of listPids()) {
    const process = readProcess(pid);
    if (process !== undefined) processes.put(process);
  }
  return {
    alerts,
    opens,
    sockets,
    capture,
    close() {
      // A turn takes so many at most.
      for (let before = -1; before !== engine.counters.events; ) {
        before = engine.counters.events;
        capture.drain();
      }
      capture.close();
      return { ...capture.counters(), filtered: capture.filtered() };
    },
  };
}
