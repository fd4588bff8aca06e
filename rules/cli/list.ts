import { parsePriority, priorities, severityOf } from '../alert.ts';
import { renderDiagnostic } from '../language/diagnostic.ts';
import { matchesName } from '../language/name-pattern.ts';
import type { Rule } from '../language/rule-set.ts';
import { type Command, exitCodes, readArgs, UsageError } from './command-line.ts';
import { loadFiles } from './load-files.ts';

/** Lists rules: one a line, or JSON. */
export const list: Command = {
  name: 'rules list',
  summary: 'List rules with priority, whether they are enabled, and tags. Without FILE: the built-in rules.',
  usage: '[FILE|DIR…] [--tag TAG]… [--rule NAME*] [--priority LEAST] [--json]',
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      json: { type: 'boolean' },
      tag: { type: 'string', multiple: true },
      rule: { type: 'string' },
      priority: { type: 'string' },
    });
    const least = values.priority === undefined ? 'Debug' : parsePriority(values.priority);
    if (least === undefined) throw new UsageError(`--priority takes one of ${priorities.join(', ')}`);
    const outcome = loadFiles(positionals);
    for (const error of outcome.errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
    const wanted = outcome.ruleSet.rules.filter(
      (rule) =>
        severityOf(rule.priority) <= severityOf(least) &&
        (values.tag ?? []).every((tag) => rule.tags.includes(tag)) &&
        (values.rule === undefined || matchesName(rule.name, values.rule)),
    );
    process.stdout.write(
      values.json === true ? `${JSON.stringify(wanted.map(toJson), undefined, 2)}\n` : toText(wanted),
    );
    return outcome.ok ? exitCodes.ok : exitCodes.failed;
  },
};

function toJson({ name, priority, source, enabled, tags, desc }: Rule): object {
  return { name, priority, source, enabled, tags, description: desc.trim() };
}

function toText(rules: readonly Rule[]): string {
  const width = Math.max(0, ...rules.map(({ name }) => name.length));
  return rules
    .map(
      ({ name, priority, enabled, tags }) =>
        `${name.padEnd(width)}  ${priority.padEnd(13)}  ${enabled ? 'enabled ' : 'disabled'}  ${tags.join(' ')}\n`,
    )
    .join('');
}
