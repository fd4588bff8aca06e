import { type Alert, severityOf } from '#rules/alert';
import { type Clause, explainCondition } from '#rules/language/explain';
import { matchesName } from '#rules/language/name-pattern';
import { bindScope } from './alert-fields.ts';
import { hasMemory } from './gate.ts';
import { hasKernelStep } from './kernel-steps.ts';
import { isReflexOf } from './match.ts';
import type { Guard, Playbook, Scope } from './playbook.ts';
import { whyNotNow } from './schedule.ts';

/** One clause of a playbook, and what an alert makes of it. `open`: it depends on what the router remembers. */
export type ExplainedClause = {
  readonly clause: string;
  readonly verdict: 'yes' | 'no' | 'open';
  readonly detail: string;
  readonly condition?: Clause;
};

export type ExplainedPlaybook = {
  readonly playbook: string;
  /** `open`: everything that can be known of one alert says yes, and the rest the router remembers. */
  readonly starts: ExplainedClause['verdict'];
  readonly clauses: readonly ExplainedClause[];
};

/** Pure: why this alert does or does not start the playbook at this time, clause by clause. */
export function explainPlaybook(playbook: Playbook, alert: Alert, alertId: string, nowMs: number): ExplainedPlaybook {
  const scope: Scope = { alert, alertId, steps: new Map() };
  const clauses = [
    ...explainReflex(playbook, alert),
    ...explainTrigger(playbook, scope),
    ...explainQuiet(playbook, scope, nowMs),
    ...explainMemory(playbook, scope),
  ];
  const says = (verdict: ExplainedClause['verdict']): boolean => clauses.some((clause) => clause.verdict === verdict);
  const starts = says('no') ? 'no' : hasMemory(playbook) ? 'open' : 'yes';
  return { playbook: playbook.name, starts, clauses };
}

function verdictOf(holds: boolean): 'yes' | 'no' {
  return holds ? 'yes' : 'no';
}

/** What a step in the kernel belongs to is started by the alert about the program that it met. */
function explainReflex(playbook: Playbook, alert: Alert): readonly ExplainedClause[] {
  if (!hasKernelStep(playbook)) return [];
  const holds = isReflexOf(playbook, alert);
  const detail = holds ? 'the alert is about what the kernel did' : 'only alerts about what the kernel did start it';
  return [{ clause: 'where: kernel', verdict: verdictOf(holds), detail }];
}

function explainTrigger({ on }: Playbook, scope: Scope): readonly ExplainedClause[] {
  const { alert } = scope;
  const clauses: ExplainedClause[] = [];
  const add = (clause: string, holds: boolean, detail: string): void =>
    void clauses.push({ clause, verdict: verdictOf(holds), detail });
  if (on.rules !== undefined) {
    const found = on.rules.find((pattern) => matchesName(alert.rule, pattern));
    add('on.rules', found !== undefined, `the rule is ${JSON.stringify(alert.rule)}, wanted ${list(on.rules)}`);
  }
  if (on.tags !== undefined) {
    const found = on.tags.some((tag) => alert.tags.includes(tag));
    add('on.tags', found, `the tags are ${list(alert.tags)}, wanted any of ${list(on.tags)}`);
  }
  if (on.priority !== undefined) {
    const holds = severityOf(alert.priority) <= severityOf(on.priority);
    add('on.priority', holds, `the priority is ${alert.priority}, wanted ${on.priority} or more severe`);
  }
  if (on.source !== undefined)
    add('on.source', alert.source === on.source, `the source is ${alert.source}, wanted ${on.source}`);
  if (on.condition !== undefined) clauses.push(explainGuard('on.condition', on.condition, scope));
  return clauses;
}

function list(words: readonly string[]): string {
  return words.length === 0 ? 'none' : words.map((word) => JSON.stringify(word)).join(', ');
}

function explainGuard(clause: string, guard: Guard, scope: Scope): ExplainedClause {
  const verdict = verdictOf(guard(scope));
  const condition = guard.node === undefined ? {} : { condition: explainCondition(guard.node, bindScope, scope) };
  return { clause, verdict, detail: '', ...condition };
}

function explainQuiet({ silences, schedule }: Playbook, scope: Scope, nowMs: number): readonly ExplainedClause[] {
  const quiet = silences.map(({ name, condition, fromMs = 0, untilMs, reason }, index): ExplainedClause => {
    const until = `until ${new Date(untilMs).toISOString()}${reason === '' ? '' : `: ${reason}`}`;
    const clause = name === undefined ? `silences[${index}]` : `silence ${name}`;
    if (nowMs < fromMs) return { clause, verdict: 'yes', detail: `begins ${new Date(fromMs).toISOString()}, ${until}` };
    if (nowMs >= untilMs) return { clause, verdict: 'yes', detail: `ended, ${until}` };
    const { verdict, ...explained } = explainGuard(clause, condition, scope);
    return verdict === 'yes'
      ? { ...explained, verdict: 'no', detail: `silences it ${until}` }
      : { ...explained, verdict: 'yes', detail: `does not silence it (${until})` };
  });
  if (schedule === undefined) return quiet;
  const why = whyNotNow(schedule, nowMs);
  return [...quiet, { clause: 'schedule', verdict: verdictOf(why === undefined), detail: why ?? 'it may start now' }];
}

function explainMemory({ on, dedupe, limits }: Playbook, scope: Scope): readonly ExplainedClause[] {
  const { memory } = on;
  const clauses: ExplainedClause[] = [];
  if (memory?.kind === 'count') {
    const detail = `one of ${memory.count} within ${memory.withinMs / 1_000} s, counted for ${memory.by(scope)}`;
    clauses.push({ clause: 'on.count', verdict: 'open', detail });
  }
  if (memory?.kind === 'sequence') {
    const fits = memory.conditions.flatMap((condition, index) => (condition(scope) ? [index + 1] : []));
    const detail =
      fits.length === 0
        ? 'it is no part of the sequence'
        : `it fits number ${fits.join(' and ')} of ${memory.conditions.length}, for ${memory.by(scope)}`;
    clauses.push({ clause: 'on.sequence', verdict: fits.length === 0 ? 'no' : 'open', detail });
    for (const [index, condition] of memory.conditions.entries()) {
      const { verdict, ...explained } = explainGuard(`on.sequence[${index}]`, condition, scope);
      clauses.push({ ...explained, verdict: 'open', detail: verdict === 'yes' ? 'fits' : 'does not fit' });
    }
  }
  if (dedupe !== undefined) {
    const detail = `one run each ${dedupe.forMs / 1_000} s for ${dedupe.by(scope)}`;
    clauses.push({ clause: 'dedupe', verdict: 'open', detail });
  }
  if (limits.runs !== undefined) {
    const detail = `at most ${limits.runs.most} runs within ${limits.runs.perMs / 1_000} s`;
    clauses.push({ clause: 'limits.runs', verdict: 'open', detail });
  }
  if (limits.blast !== undefined) {
    const most = Object.entries(limits.blast.most).map(([kind, count]) => `${count} ${kind}`);
    const detail = `at most ${most.join(', ')} within ${limits.blast.perMs / 1_000} s`;
    clauses.push({ clause: 'limits.blast_radius', verdict: 'open', detail });
  }
  return clauses;
}
