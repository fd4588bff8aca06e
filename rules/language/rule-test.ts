import { parseAddress } from './address.ts';
import type { At } from './ast.ts';
import { toByteString } from './byte-string.ts';
import { fieldText } from './catalogue.ts';
import { compileRuleSet } from './compile.ts';
import type { Bind, FieldCatalogue, FieldUse, FieldValue } from './field.ts';
import type { Report } from './item-value.ts';
import type { Rule, RuleSet } from './rule-set.ts';
import { familyOf, normalizeInteger } from './type-family.ts';
import type { Entry, Value } from './yaml-reader.ts';

/** One test of rules: an event, given by its fields, and the rules that it fires. */
export type RuleTest = {
  readonly name: string;
  readonly event: ReadonlyMap<string, FieldValue>;
  /** In any order; empty: none. */
  readonly expected: readonly string[];
  /** Texts that the output of a rule must contain. */
  readonly outputs: readonly { readonly rule: string; readonly text: string }[];
  readonly at: At;
};

export type RuleTestResult = {
  readonly test: RuleTest;
  readonly failures: readonly string[];
  readonly fired: readonly string[];
};

const shape = 'LOAD_ERR_YAML_VALIDATE';

/** Reads the items of a test file: `- test: NAME`, `event`, `expect`, `output`. */
export function readRuleTests(document: Value, catalogue: FieldCatalogue, report: Report): readonly RuleTest[] {
  if (document.kind === 'null') return [];
  if (document.kind !== 'list') {
    report(shape, 'a file of rule tests must be a list of items, each beginning with - test: NAME', document.at);
    return [];
  }
  return document.items.map((item) => readRuleTest(item, catalogue, report)).filter((test) => test !== undefined);
}

const keys = ['test', 'event', 'expect', 'output'];

function readRuleTest(value: Value, catalogue: FieldCatalogue, report: Report): RuleTest | undefined {
  if (value.kind !== 'map') return report(shape, 'a test must be a map with test, event and expect', value.at);
  const entries = new Map(value.entries.map((entry) => [entry.key, entry]));
  for (const { key, keyAt } of value.entries)
    if (!keys.includes(key)) report(shape, `unknown key ${key}; possible: ${keys.join(', ')}`, keyAt);
  const name = entries.get('test')?.value;
  const event = entries.get('event')?.value;
  const expected = entries.get('expect')?.value;
  if (name?.kind !== 'text') return report(shape, 'test must be a name', value.at);
  if (event === undefined) return report(shape, 'event must be a map from fields to values', name.at);
  const names = expected === undefined ? undefined : readNames(expected);
  if (names === undefined)
    return report(shape, 'expect must be a list of rule names, or none', expected?.at ?? name.at);
  const values = readEvent(event, catalogue, report);
  if (values === undefined) return undefined;
  const output = entries.get('output')?.value;
  if (output !== undefined && output.kind !== 'map')
    return report(shape, 'output must be a map from rule names to texts', output.at);
  const outputs = (output?.entries ?? []).flatMap(({ key, value: text }) =>
    text.kind === 'text' ? [{ rule: key, text: text.text }] : [],
  );
  return { name: name.text, event: values, expected: names, outputs, at: name.at };
}

function readNames(value: Value): readonly string[] | undefined {
  if (value.kind === 'text') return value.text === 'none' ? [] : [value.text];
  if (value.kind !== 'list') return undefined;
  const names = value.items.flatMap((item) => (item.kind === 'text' ? [item.text] : []));
  return names.length === value.items.length ? names : undefined;
}

/** What a map from fields to values says, or `undefined` when it is not understood. */
export function readEvent(
  value: Value,
  catalogue: FieldCatalogue,
  report: Report,
): ReadonlyMap<string, FieldValue> | undefined {
  if (value.kind !== 'map') return report(shape, 'event must be a map from fields to values', value.at);
  const values = new Map<string, FieldValue>();
  for (const entry of value.entries) readEventField(entry, catalogue, values, report);
  return values;
}

function readEventField(
  { key, keyAt, value }: Entry,
  catalogue: FieldCatalogue,
  values: Map<string, FieldValue>,
  report: Report,
): void {
  const [, name = key, argument] = /^([^[]*)\[(.*)\]$/s.exec(key) ?? [];
  const found = catalogue.lookup(name, argument);
  if (!found.ok) {
    report('LOAD_ERR_VALIDATE', found.explain(), keyAt);
    return;
  }
  if (value.kind === 'null') return;
  const read = readFieldValue(value, found.use);
  if (read === undefined)
    report('LOAD_ERR_VALIDATE', `this is no value of type ${found.use.spec.type} for ${key}`, value.at);
  else values.set(fieldText(found.use), read);
}

function readFieldValue(value: Value, use: FieldUse): FieldValue | undefined {
  if (value.kind === 'list') {
    const elements = value.items.map((item) => readFieldValue(item, use));
    const known = elements.filter((element) => element !== undefined);
    return known.length === elements.length ? known : undefined;
  }
  if (value.kind !== 'text') return undefined;
  const { text } = value;
  switch (familyOf(use.spec.type)) {
    case 'signed':
    case 'unsigned':
    case 'port':
    case 'id':
      return /^-?\d{1,20}$/.test(text) ? normalizeInteger(BigInt(text)) : undefined;
    case 'double':
      return Number.isFinite(Number(text)) ? Number(text) : undefined;
    case 'bool':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'address':
    case 'network':
      return parseAddress(text);
    case 'string':
    case 'bytes':
    case 'dynamic':
      return toByteString(text);
  }
}

/** Runs every test against every rule, disabled ones, too: a rule is tested whether or not it is shipped enabled. */
export function runRuleTests(ruleSet: RuleSet, tests: readonly RuleTest[]): readonly RuleTestResult[] {
  const rules = ruleSet.rules.map((rule): Rule => ({ ...rule, enabled: true, isTooMild: false }));
  const holder: { current: ReadonlyMap<string, FieldValue> } = { current: new Map() };
  const bind: Bind<typeof holder> = (use) => {
    const text = fieldText(use);
    return (event) => event.current.get(text);
  };
  const compiled = compileRuleSet({ rules }, bind, { matching: 'all' });
  return tests.map((test) => {
    holder.current = test.event;
    const fired = compiled
      .match(String(test.event.get('evt.type') ?? ''), holder)
      .map((rule) => ({ name: rule.name, output: rule.format(holder) }));
    return { test, fired: fired.map(({ name }) => name), failures: judge(test, fired, rules) };
  });
}

function judge(
  test: RuleTest,
  fired: readonly { readonly name: string; readonly output: string }[],
  rules: readonly Rule[],
): readonly string[] {
  const failures: string[] = [];
  const names = fired.map(({ name }) => name);
  for (const name of test.expected) {
    if (!rules.some((rule) => rule.name === name)) failures.push(`there is no rule ${JSON.stringify(name)}`);
    else if (!names.includes(name)) failures.push(`${JSON.stringify(name)} did not fire`);
  }
  for (const name of names)
    if (!test.expected.includes(name)) failures.push(`${JSON.stringify(name)} fired and should not`);
  for (const { rule, text } of test.outputs) {
    const output = fired.find(({ name }) => name === rule)?.output;
    if (output === undefined) failures.push(`no output of ${JSON.stringify(rule)} to look at`);
    else if (!output.includes(text))
      failures.push(`the output of ${JSON.stringify(rule)} lacks ${JSON.stringify(text)}: ${output}`);
  }
  if (!test.event.has('evt.type')) failures.push('the event has no evt.type');
  return failures;
}
