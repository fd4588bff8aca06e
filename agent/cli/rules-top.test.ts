import { expect, it } from 'vitest';
import { rank } from './rules-top.ts';

it('puts the rule that took most time first, whatever is in its name', () => {
  const text = [
    'lanner_agent_rule_matches_total{rule="quick"} 5',
    'lanner_agent_rule_matches_total{rule="a \\"slow\\" \\\\ one"} 1',
    'lanner_agent_rule_seconds_total{rule="quick"} 0.5',
    'lanner_agent_rule_seconds_total{rule="a \\"slow\\" \\\\ one"} 1.5',
    'lanner_agent_rule_evaluations_total{rule="quick"} 1021',
    'lanner_agent_rule_longest_seconds{rule="quick"} 2e-06',
    'lanner_agent_events_total{type="openat"} 9',
    '',
  ].join('\n');
  expect(rank(text)).toEqual([
    { rule: 'a "slow" \\ one', matches: 1, evaluations: 0, seconds: 1.5, longestSeconds: 0 },
    { rule: 'quick', matches: 5, evaluations: 1_021, seconds: 0.5, longestSeconds: 2e-6 },
  ]);
});
