import type { AlertFieldValue, Priority } from '../alert.ts';
import { conditionFields } from './condition-fields.ts';
import { holdsEvent } from './event-set.ts';
import type { Bind } from './field.ts';
import { compileSegments, type JsonValue } from './format.ts';
import { type Machine, makeMachine, nextEvent, readerOf } from './machine.ts';
import { compilePlan, type Plan } from './plan.ts';
import { isActive, type Rule, type RuleSet } from './rule-set.ts';
import { measuredEvery, type RuleTime, timeRules } from './rule-time.ts';

export { compileCondition } from './compile-text.ts';

export type CompiledRule<E> = {
  readonly name: string;
  readonly priority: Priority;
  readonly source: string;
  readonly tags: readonly string[];
  readonly rule: Rule;
  /** The message; what is missing prints `<NA>`. */
  format(event: E): string;
  /** The fields of the message by name; missing is null. */
  outputFields(event: E): Record<string, AlertFieldValue>;
};

export type CompiledRuleSet<E> = {
  /** The rules that the event fires, in order; the array is only good until the next call. */
  match(eventType: string, event: E): readonly CompiledRule<E>[];
  /** The enabled rules. */
  readonly rules: readonly CompiledRule<E>[];
  readonly eventTypes: ReadonlySet<string> | 'all';
  /** Fields that some rule asks for and nothing here can read: their checks never hold. */
  readonly unreadableFields: readonly string[];
  /** What evaluating each rule took, where a clock was given: measured on a few events, and added to as they come. */
  readonly times: readonly RuleTime[];
};

export type CompileOptions = {
  /** Stop at the first rule that fires, or report every one. */
  readonly matching: 'first' | 'all';
  /** Any clock that goes forward; the rules' time is taken with it. */
  readonly nowNs?: () => number;
};

/** Compiles the enabled rules. Rules for a type of event are put together when its first event comes. */
export function compileRuleSet<E>(
  ruleSet: Pick<RuleSet, 'rules'>,
  bind: Bind<E>,
  options: CompileOptions,
): CompiledRuleSet<E> {
  const machine = makeMachine(bind);
  const rules = ruleSet.rules.filter(isActive).map((rule) => compileRule(rule, machine));
  const plans = new Map<string, Plan<E, CompiledRule<E>>>();
  const planFor = (eventType: string): Plan<E, CompiledRule<E>> => {
    const candidates = rules.filter(({ rule }) => holdsEvent(rule.eventSet, eventType));
    const plan = compilePlan(candidates, eventType, machine, options.matching);
    // Event types are a closed set; should a reader make names up, they share the work but not the memory.
    if (plans.size < 1_024) plans.set(eventType, plan);
    return plan;
  };
  let lastType: string | undefined;
  let lastPlan: Plan<E, CompiledRule<E>> = { match: () => [], matchTimed: () => [] };
  const timing = options.nowNs && timeRules(rules, options.nowNs);
  let untilTimed = measuredEvery - 1;
  return {
    match: (eventType, event) => {
      nextEvent(machine);
      if (eventType !== lastType) {
        lastPlan = plans.get(eventType) ?? planFor(eventType);
        lastType = eventType;
      }
      if (untilTimed-- > 0) return lastPlan.match(event);
      untilTimed = measuredEvery - 1;
      return timing === undefined ? lastPlan.match(event) : lastPlan.matchTimed(event, timing.stopwatch);
    },
    rules,
    times: timing?.times ?? [],
    eventTypes: eventTypesOf(rules),
    get unreadableFields() {
      return [...machine.unreadable];
    },
  };
}

function eventTypesOf(rules: readonly { readonly rule: Rule }[]): ReadonlySet<string> | 'all' {
  const names = new Set<string>();
  for (const { rule } of rules) {
    if (rule.eventSet.kind === 'all-but') return 'all';
    for (const name of rule.eventSet.names) names.add(name);
  }
  return names;
}

function compileRule<E>(rule: Rule, machine: Machine<E>): CompiledRule<E> {
  for (const use of conditionFields(rule.condition).values()) readerOf(use, machine);
  const template = compileSegments(rule.template, machine, true);
  const extra = rule.extraFields.map(({ kind, name, template: inner }) => {
    const compiled = compileSegments(inner, machine, true);
    const read = (event: E): AlertFieldValue =>
      kind === 'text'
        ? compiled.render(event).text
        : toAlertValue(Object.values(compiled.renderFields(event).fields ?? {})[0] ?? null);
    return { name, read };
  });
  return {
    name: rule.name,
    priority: rule.priority,
    source: rule.source,
    tags: rule.tags,
    rule,
    format: (event) => template.render(event).text,
    outputFields: (event) => {
      const { fields = {} } = template.renderFields(event);
      const own = Object.entries(fields).map(([name, value]) => [name, toAlertValue(value)] as const);
      return Object.fromEntries([...own, ...extra.map(({ name, read }) => [name, read(event)] as const)]);
    },
  };
}

function toAlertValue(value: JsonValue): AlertFieldValue {
  if (typeof value !== 'object' || value === null) return value;
  return value.map((element) => (typeof element === 'object' ? null : element));
}
