import type { Node, ResolvedNode } from '../language/ast.ts';
import { fieldText } from '../language/catalogue.ts';
import { conditionFields } from '../language/condition-fields.ts';
import { renderDiagnostic } from '../language/diagnostic.ts';
import { eventTypes } from '../language/event-names.ts';
import { type EventSet, holdsEvent } from '../language/event-set.ts';
import { templateFields } from '../language/format.ts';
import { matchesName } from '../language/name-pattern.ts';
import { printCondition, printOperand } from '../language/print.ts';
import type { LoadedMacro, Rule, RuleSet } from '../language/rule-set.ts';
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
    const rules = outcome.ruleSet.rules.filter(({ name }) => matchesName(name, pattern)).map(describeRule);
    const whole = { rules, macros: outcome.ruleSet.macros.map(describeMacro), lists: describeLists(outcome.ruleSet) };
    const shown = values.rule === undefined ? whole : { rules };
    process.stdout.write(
      values.json === true ? `${JSON.stringify(shown, undefined, 2)}\n` : rules.map(toText).join('\n'),
    );
    return !outcome.ok || rules.length === 0 ? exitCodes.failed : exitCodes.ok;
  },
};

type Uses = {
  readonly macros: readonly string[];
  readonly operators: readonly string[];
  readonly fields: readonly string[];
};

type Description = {
  readonly info: {
    readonly name: string;
    readonly condition: string;
    readonly description: string;
    readonly output: string;
    readonly enabled: boolean;
    readonly source: string;
    readonly priority: string;
    readonly tags: readonly string[];
  };
  readonly details: {
    readonly macros: readonly string[];
    readonly operators: readonly string[];
    readonly condition_fields: readonly string[];
    readonly output_fields: readonly string[];
    readonly exception_names: readonly string[];
    readonly events: readonly string[];
    readonly condition_compiled: string;
    readonly output_compiled: string;
    readonly plugins: readonly string[];
  };
};

function describeRule(rule: Rule): Description {
  const uses = usesOf(rule.parsed, rule.resolved);
  return {
    info: {
      name: rule.name,
      condition: rule.writtenCondition.text.trim(),
      description: rule.desc.trim(),
      output: rule.output,
      enabled: rule.enabled,
      source: rule.source,
      priority: rule.priority,
      tags: rule.tags,
    },
    details: {
      macros: uses.macros,
      operators: uses.operators,
      condition_fields: [...conditionFields(rule.condition).keys()].sort(),
      output_fields: [...new Set(templateFields(rule.template).map(fieldText))].sort(),
      exception_names: rule.exceptionNames,
      events: eventNames(rule.eventSet),
      condition_compiled: printCondition(rule.resolved),
      output_compiled: rule.output,
      plugins: [],
    },
  };
}

function describeMacro(macro: LoadedMacro): object {
  const uses = usesOf(macro.parsed, macro.resolved);
  return {
    info: { name: macro.name, condition: macro.written.text.trim() },
    details: {
      used: macro.isUsed,
      macros: uses.macros,
      condition_operators: uses.operators,
      condition_fields: uses.fields,
      condition_compiled: printCondition(macro.resolved),
      plugins: [],
    },
  };
}

function describeLists(ruleSet: RuleSet): readonly object[] {
  return ruleSet.lists.map(({ name, items, isUsed }) => ({
    info: { name, items },
    details: { used: isUsed, items_compiled: items, plugins: [] },
  }));
}

/** Names, in the order of the alphabet; a rule without an event type looks at all of them. */
function eventNames(set: EventSet): readonly string[] {
  return [...eventTypes.keys()].filter((name) => holdsEvent(set, name)).sort();
}

function usesOf(parsed: Node, resolved: ResolvedNode): Uses {
  const macros = new Set<string>();
  const operators = new Set<string>();
  const fields = new Set<string>();
  const visit = (node: Node): void => {
    switch (node.kind) {
      case 'and':
      case 'or':
        node.children.forEach(visit);
        return;
      case 'not':
        visit(node.child);
        return;
      case 'name':
        macros.add(node.name);
        return;
      case 'check':
        operators.add(node.operator);
        fields.add(printOperand(node.left));
    }
  };
  visit(parsed);
  visit(resolved);
  return { macros: [...macros].sort(), operators: [...operators].sort(), fields: [...fields].sort() };
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
