import type { CompiledRuleSet } from '#rules/language/compile';
import { holdsEvent } from '#rules/language/event-set';
import { type BudgetChange, CpuBudget } from './engine/cpu-budget.ts';
import type { EventCosts } from './engine/event-costs.ts';
import type { InternalAlert } from './engine/loss.ts';
import type { Losses } from './events/losses.ts';

/** Of the processes' lives, and what rules do not ask for but the state needs: never given up for time. */
const lifecycle = ['execve', 'execveat', 'clone', 'clone3', 'fork', 'vfork', 'procexit'];
/** Rules that an alert names; it says how many there are. */
const MOST_NAMED = 10;

export type CpuLimitOptions<E> = {
  /** Of one core. */
  readonly limit: number;
  readonly rules: () => CompiledRuleSet<E>;
  readonly costs: EventCosts;
  readonly losses: () => Losses;
  /** Types that the state needs. */
  readonly kept: readonly string[];
  /** Has the kernel leave out these types, and send all others. */
  readonly setShed: (types: ReadonlySet<string>) => void;
  readonly raise: (alert: InternalAlert) => void;
};

/** To be called about once a second: gives the dearest events up while the agent takes too much time, and says so. */
export function makeCpuLimit<E>({ limit, rules, costs, losses, kept, setShed, raise }: CpuLimitOptions<E>): () => void {
  const never = new Set([...lifecycle, ...kept]);
  const budget = new CpuBudget(limit, performance.now(), (type) => !never.has(type));
  return () => {
    const { user, system } = process.cpuUsage();
    const change = budget.look({
      nowMs: performance.now(),
      cpuMs: (user + system) / 1_000,
      costs: costs.costs(),
      shedEvents: losses().cpu_limit ?? {},
    });
    if (change === undefined) return;
    if (change.kind !== 'stuck') setShed(budget.shed);
    raise(changeAlert(change, limit, rules()));
  };
}

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

function changeAlert<E>(change: BudgetChange, limit: number, rules: CompiledRuleSet<E>): InternalAlert {
  const figures = { limit: percent(limit), used: percent(change.used) };
  if (change.kind === 'stuck') {
    return {
      what: 'cpu limit',
      priority: 'Warning',
      message: 'Above cpu_limit, and no type of events takes enough of it to be given up.',
      fields: figures,
    };
  }
  const blind = rules.rules.filter(({ rule }) => holdsEvent(rule.eventSet, change.type)).map(({ name }) => name);
  const named = blind.slice(0, MOST_NAMED).join('; ') + (blind.length > MOST_NAMED ? '; …' : '');
  const fields = { ...figures, event_type: change.type, rules_count: blind.length, rules: named };
  if (change.kind === 'restore') {
    return {
      what: 'cpu limit',
      priority: 'Notice',
      message: `${change.type} is watched again; ${change.missed} were not.`,
      fields: { ...fields, missed: change.missed },
    };
  }
  return {
    what: 'cpu limit',
    priority: 'Warning',
    message: `Above cpu_limit: ${change.type} is not watched until there are fewer; ${blind.length} rules do not see it.`,
    fields: { ...fields, type_used: percent(change.typeUsed), events_per_second: Math.round(change.rate) },
  };
}
