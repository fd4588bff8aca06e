import { resolve } from 'node:path';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { defaultDataFolder } from '../config/options.ts';
import { askMetrics, socketPath } from '../metrics/serve.ts';

type RuleFigures = { matches: number; evaluations: number; seconds: number; longestSeconds: number };

/** What each rule costs on the running agent. */
export const rulesTop: Command = {
  name: 'rules top',
  summary: `The rules of the running agent, the dearest first: time spent on them, how often they were evaluated (both
estimated), the longest evaluation that was measured, and events that fired them; all since the agent's start.`,
  usage: '[--data DIR] [--most N] [--json]',
  async run(args) {
    const { values } = readArgs(args, {
      data: { type: 'string' },
      most: { type: 'string' },
      json: { type: 'boolean' },
    });
    const most = Number(values.most ?? 20);
    if (!Number.isInteger(most) || most < 1) throw new UsageError('--most takes a number from 1 on');
    const path = socketPath(resolve(values.data ?? defaultDataFolder()));
    const text = await askMetrics({ socketPath: path });
    if (text === undefined) {
      process.stderr.write(`lanner rules top: no agent answers at ${path}; is it running, with this --data folder?\n`);
      return exitCodes.failed;
    }
    const rules = rank(text).slice(0, most);
    process.stdout.write(values.json === true ? `${JSON.stringify(rules, undefined, 2)}\n` : render(rules));
    return exitCodes.ok;
  },
};

const keys: Readonly<Record<string, keyof RuleFigures>> = {
  lanner_agent_rule_matches_total: 'matches',
  lanner_agent_rule_evaluations_total: 'evaluations',
  lanner_agent_rule_seconds_total: 'seconds',
  lanner_agent_rule_longest_seconds: 'longestSeconds',
};

type Ranked = RuleFigures & { readonly rule: string };

/** Out of Prometheus' text, the dearest first. */
export function rank(text: string): readonly Ranked[] {
  const rules = new Map<string, RuleFigures>();
  for (const [, name = '', quoted = '', value] of text.matchAll(
    /^(lanner_agent_rule_\w+)\{rule="((?:[^"\\]|\\.)*)"\} (\S+)$/gm,
  )) {
    const key = keys[name];
    if (key === undefined) continue;
    const rule = quoted.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
    const figures = rules.get(rule) ?? { matches: 0, evaluations: 0, seconds: 0, longestSeconds: 0 };
    figures[key] = Number(value);
    rules.set(rule, figures);
  }
  return [...rules]
    .map(([rule, figures]) => ({ rule, ...figures }))
    .toSorted((one, other) => other.seconds - one.seconds);
}

function render(rules: readonly Ranked[]): string {
  const lines = rules.map(({ rule, matches, evaluations, seconds, longestSeconds }) => [
    seconds.toFixed(3).padStart(10),
    String(evaluations).padStart(12),
    (longestSeconds * 1e6).toFixed(1).padStart(11),
    String(matches).padStart(9),
    ` ${rule}`,
  ]);
  const head = ['   seconds', ' evaluations', ' longest µs', '  matches', ' rule'];
  return [head, ...lines].map((columns) => `${columns.join(' ')}\n`).join('');
}
