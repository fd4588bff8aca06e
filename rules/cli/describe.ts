import { containerFields } from '../catalogue/container.ts';
import { fieldCatalogue } from '../fields.ts';
import type { Node, ResolvedNode } from '../language/ast.ts';
import { fieldText } from '../language/catalogue.ts';
import { checkCondition, makeChecker } from '../language/check.ts';
import { conditionFields } from '../language/condition-fields.ts';
import { renderDiagnostic } from '../language/diagnostic.ts';
import { eventTypes } from '../language/event-names.ts';
import { type EventSet, eventSetOf, holdsEvent } from '../language/event-set.ts';
import type { OneOrMany } from '../language/exception-item.ts';
import { templateFields } from '../language/format.ts';
import { matchesName } from '../language/name-pattern.ts';
import { parseCondition } from '../language/parser.ts';
import { printCondition } from '../language/print.ts';
import type { LoadedList, LoadedMacro, Rule, RuleSet } from '../language/rule-set.ts';
import type { PluginVersion } from '../language/rules-file.ts';
import type { Source } from '../language/source.ts';
import { type Command, exitCodes, readArgs } from './command-line.ts';
import { loadFiles } from './load-files.ts';

/** Rules with their conditions expanded, and what they use. */
export const describe: Command = {
  name: 'rules describe',
  summary: 'Show rules with conditions expanded, and the fields, operators, macros and event types they use.',
  usage: '[FILE|DIR…] [--rule NAME*] [--json]',
  run: async (args) => {
    const { values, positionals } = readArgs(args, { json: { type: 'boolean' }, rule: { type: 'string' } });
    const outcome = loadFiles(positionals);
    for (const error of outcome.errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
    const pattern = values.rule ?? '*';
    const rules = outcome.ruleSet.rules
      .filter(({ name }) => matchesName(name, pattern))
      .map((rule) => describeRule(rule, outcome.ruleSet));
    const whole = {
      ...describeRequirements(outcome.ruleSet),
      rules,
      macros: outcome.ruleSet.macros.map((macro) => describeMacro(macro, outcome.ruleSet)),
      lists: outcome.ruleSet.lists.map(describeList),
    };
    const shown = values.rule === undefined ? whole : { rules };
    process.stdout.write(
      values.json === true ? `${JSON.stringify(shown, undefined, 2)}\n` : rules.map(toText).join('\n'),
    );
    return !outcome.ok || rules.length === 0 ? exitCodes.failed : exitCodes.ok;
  },
};

/** Keys, here and below, are those of `falco -L` with `json_output`. */
function describeRequirements({ engineVersion, plugins }: RuleSet): object {
  const named = ({ name, version }: PluginVersion): object => ({ name, version });
  return {
    required_engine_version: engineVersion.join('.'),
    required_plugin_versions: plugins.map((plugin) => ({
      ...named(plugin),
      alternatives: plugin.alternatives.map(named),
    })),
  };
}

type Description = ReturnType<typeof describeRule>;

function describeRule(rule: Rule, ruleSet: RuleSet) {
  const written = usesOfWritten(rule.writtenCondition, ruleSet);
  const texts = (parts: readonly OneOrMany[]): readonly string[] =>
    sorted(parts.flatMap(({ sources }) => sources.map(({ text }) => text)));
  const conditionUses = [...conditionFields(rule.condition).values()];
  const outputUses = templateFields(rule.template);
  return {
    info: {
      name: rule.name,
      condition: rule.writtenCondition.text.trim(),
      description: rule.desc.trim(),
      output: rule.writtenOutput,
      enabled: rule.enabled,
      source: rule.source,
      priority: rule.priority,
      tags: rule.tags,
    },
    details: {
      macros: written.macros,
      lists: written.lists,
      condition_operators: operatorsOf(rule.resolved),
      condition_fields: sorted(conditionUses.map(fieldText)),
      output_fields: sorted(outputUses.map(fieldText)),
      exception_names: sorted(rule.exceptions.map(({ name }) => name)),
      exception_fields: texts(rule.exceptions.map(({ fields }) => fields)),
      exception_operators: texts(rule.exceptions.map(({ comps }) => comps)),
      events: eventNames(rule.eventSet),
      condition_compiled: printCondition(rule.resolved),
      output_compiled: rule.output,
      plugins: [...conditionUses, ...outputUses].some(({ spec }) => spec.name in containerFields) ? ['container'] : [],
    },
  };
}

function describeMacro(macro: LoadedMacro, ruleSet: RuleSet): object {
  const written = usesOfWritten(macro.written, ruleSet);
  const condition = checkCondition(macro.resolved, makeChecker(fieldCatalogue));
  return {
    info: { name: macro.name, condition: macro.written.text.trim() },
    details: {
      used: macro.isUsed,
      macros: written.macros,
      lists: written.lists,
      condition_operators: operatorsOf(macro.resolved),
      condition_fields: sorted([...conditionFields(condition).keys()]),
      events: eventNames(eventSetOf(condition)),
      condition_compiled: printCondition(macro.resolved),
      plugins: [],
    },
  };
}

/** An item that is not among those of the compiled list is the name of another. */
function describeList({ name, written, items, isUsed }: LoadedList): object {
  const own = new Set(items);
  return {
    info: { name, items: written.filter((item) => own.has(item)) },
    details: {
      used: isUsed,
      lists: sorted(written.filter((item) => !own.has(item))),
      items_compiled: items,
      plugins: [],
    },
  };
}

/** Names, in the order of the alphabet; a rule without an event type looks at all of them. */
function eventNames(set: EventSet): readonly string[] {
  return [...eventTypes.keys()].filter((name) => holdsEvent(set, name)).sort();
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}

/** Macros and lists that a condition names itself; what those use is described with them. */
function usesOfWritten(condition: Source, ruleSet: RuleSet) {
  const parsed = parseCondition(condition);
  const macros: string[] = [];
  const lists: string[] = [];
  const known = new Set(ruleSet.lists.map(({ name }) => name));
  const visit = (node: Node): void => {
    if (node.kind === 'name') macros.push(node.name);
    else if (node.kind === 'not') visit(node.child);
    else if (node.kind !== 'check') node.children.forEach(visit);
    else if (node.right?.kind === 'list') lists.push(...node.right.values.map(({ value }) => value));
    else if (node.right?.kind === 'literal') lists.push(node.right.value);
  };
  if (parsed.ok) visit(parsed.value);
  return { macros: sorted(macros), lists: sorted(lists.filter((name) => known.has(name))) };
}

function operatorsOf(resolved: ResolvedNode): readonly string[] {
  const operators = new Set<string>();
  const seen = new Set<ResolvedNode>();
  const visit = (node: ResolvedNode): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === 'not') visit(node.child);
    else if (node.kind === 'check') operators.add(node.operator);
    else node.children.forEach(visit);
  };
  visit(resolved);
  return [...operators].sort();
}

function toText({ info, details }: Description): string {
  const events = details.events.length > 40 ? 'every type' : details.events.join(' ');
  return [
    `${info.name}  (${info.priority}, ${info.enabled ? 'enabled' : 'disabled'})`,
    `  ${info.description.replaceAll('\n', '\n  ')}`,
    `  condition: ${details.condition_compiled}`,
    `  output:    ${info.output.replaceAll('\n', ' ')}`,
    `  fields:    ${details.condition_fields.join(' ')}`,
    `  macros:    ${details.macros.join(' ')}`,
    `  events:    ${events}`,
    `  tags:      ${info.tags.join(' ')}`,
    '',
  ].join('\n');
}
