import { readFileSync } from 'node:fs';
import { fieldCatalogue } from '../fields.ts';
import { fieldText } from '../language/catalogue.ts';
import { renderDiagnostic } from '../language/diagnostic.ts';
import { holdsEvent } from '../language/event-set.ts';
import { type Clause, explainCondition, renderClause } from '../language/explain.ts';
import type { Bind, FieldValue } from '../language/field.ts';
import { nearest } from '../language/nearest.ts';
import { printable } from '../language/printable.ts';
import { isActive, type Rule } from '../language/rule-set.ts';
import { readEvent } from '../language/rule-test.ts';
import { readYaml, type Value } from '../language/yaml-reader.ts';
import { type Command, exitCodes, readArgs, UsageError } from './command-line.ts';
import { loadFiles } from './load-files.ts';

/** `lanner rules explain`: why a rule does or does not match an event, clause by clause. */
export const explain: Command = {
  name: 'rules explain',
  summary: `Say why RULE matches an event or not, clause by clause, with what each field held.

FILE is YAML or JSON: a map from fields to values as in a rule test, a test with one as \`event\`, or an alert (its
output_fields; what its output does not print is not known). Exit code 0 when the rule matches, 1 when it does not, or
when something cannot be read.`,
  usage: 'RULE --event FILE [--rules FILE|DIR]… [--json]',
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      event: { type: 'string' },
      rules: { type: 'string', multiple: true },
      json: { type: 'boolean' },
    });
    const [name, stray] = positionals;
    if (name === undefined || stray !== undefined) throw new UsageError('expected the name of one rule');
    if (values.event === undefined) throw new UsageError('expected --event FILE');
    const { ruleSet, errors } = loadFiles(values.rules ?? []);
    for (const error of errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
    const rule = ruleSet.rules.find((one) => one.name === name);
    if (rule === undefined) {
      const near = nearest(
        name,
        ruleSet.rules.map((one) => one.name),
      );
      process.stderr.write(
        `lanner rules explain: there is no rule ${JSON.stringify(name)}${near === undefined ? '' : `; did you mean ${near}?`}\n`,
      );
      return exitCodes.failed;
    }
    const event = readEventFile(values.event);
    if (event === undefined) return exitCodes.failed;
    const explained = explainRule(rule, event);
    process.stdout.write(
      values.json === true ? `${JSON.stringify(explained, undefined, 2)}\n` : renderRule(rule, explained),
    );
    return explained.matches ? exitCodes.ok : exitCodes.failed;
  },
};

type Explained = {
  readonly rule: string;
  readonly matches: boolean;
  /** What keeps it from matching beside its condition. */
  readonly but: readonly string[];
  readonly condition: Clause;
};

function explainRule(rule: Rule, event: ReadonlyMap<string, FieldValue>): Explained {
  const bind: Bind<ReadonlyMap<string, FieldValue>> = (use) => {
    const text = fieldText(use);
    return (fields) => fields.get(text);
  };
  const condition = explainCondition(rule.condition, bind, event);
  const type = event.get('evt.type');
  const but = [
    ...(rule.enabled ? [] : ['the rule is not enabled']),
    ...(rule.enabled && !isActive(rule) ? ['the rule is less severe than the minimum'] : []),
    ...(typeof type === 'string' && !holdsEvent(rule.eventSet, type)
      ? [`its condition can hold for other types of events only, not for ${type}`]
      : []),
  ];
  return { rule: rule.name, matches: condition.holds && but.length === 0, but, condition };
}

function renderRule(rule: Rule, { matches, but, condition }: Explained): string {
  const because = but.map((reason) => `  but ${printable(reason)}\n`).join('');
  return `${JSON.stringify(rule.name)} ${matches ? 'matches' : 'does not match'}\n${renderClause(condition, 1)}${because}`;
}

/** What cannot be read is said, and `undefined`. */
function readEventFile(path: string): ReadonlyMap<string, FieldValue> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    process.stderr.write(
      `${printable(path)}: cannot be read: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return undefined;
  }
  let isWrong = false;
  const yaml = readYaml({ path, text });
  if (!yaml.ok) {
    for (const diagnostic of yaml.diagnostics) process.stderr.write(`${renderDiagnostic(diagnostic)}\n`);
    return undefined;
  }
  const [document] = yaml.documents;
  const first = document?.kind === 'list' ? document.items[0] : document;
  if (first === undefined) return undefined;
  const event = readEvent(inner(inner(first, 'event'), 'output_fields'), fieldCatalogue, (code, message, at) => {
    isWrong = true;
    process.stderr.write(`${renderDiagnostic({ code, message, source: at.source, span: at.span })}\n`);
    return undefined;
  });
  return isWrong ? undefined : event;
}

function inner(value: Value, key: string): Value {
  return value.kind === 'map' ? (value.entries.find((entry) => entry.key === key)?.value ?? value) : value;
}
