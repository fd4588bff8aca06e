/** What evaluating a rule took, on the events that were measured. What a look at one field took is no rule's. */
export type RuleTime = {
  readonly name: string;
  /** Of the measured events, those that nothing cheaper had ruled out. */
  evaluated: number;
  /** Both hold what reading the clock takes; work that rules share counts for the first of them. */
  totalNs: number;
  longestNs: number;
};

/** Takes the time of one rule after the other. */
export type Stopwatch<R> = { readonly nowNs: () => number; readonly add: (rule: R, tookNs: number) => void };

/**
 * One event in so many is measured: some 50 ns for each rule that it leaves are nothing then. A prime number, so that
 * it does not fall in step with what a host does again and again.
 */
export const measuredEvery = 1_021;

/** The times of all rules, from the start; they are added to as events come. */
export function timeRules<R extends { readonly name: string }>(
  rules: readonly R[],
  nowNs: () => number,
): { readonly times: readonly RuleTime[]; readonly stopwatch: Stopwatch<R> } {
  const timeOf = new Map<R, RuleTime>();
  for (const rule of rules) timeOf.set(rule, { name: rule.name, evaluated: 0, totalNs: 0, longestNs: 0 });
  const add = (rule: R, tookNs: number): void => {
    const time = timeOf.get(rule);
    if (time === undefined) return;
    time.evaluated++;
    time.totalNs += tookNs;
    time.longestNs = Math.max(time.longestNs, tookNs);
  };
  return { times: [...timeOf.values()], stopwatch: { nowNs, add } };
}
