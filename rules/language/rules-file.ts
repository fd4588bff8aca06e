import type { Priority } from '../alert.ts';
import type { At } from './ast.ts';
import { isWarning } from './diagnostic.ts';
import { type Change, type ExceptionItem, readExceptions } from './exception-item.ts';
import {
  engineVersion,
  entry,
  isCompatible,
  type MapValue,
  type Report,
  readBoolean,
  readPriority,
  readText,
  readTexts,
  readUnsigned,
  shape,
} from './item-value.ts';
import { didYouMean } from './nearest.ts';
import type { Source } from './source.ts';
import type { Entry, Value } from './yaml-reader.ts';

export type PluginVersion = { readonly name: string; readonly version: string };
export type PluginRequirement = PluginVersion & { readonly alternatives: readonly PluginVersion[]; readonly at: At };

export type Operation = 'append' | 'replace';

export type ListItem = {
  readonly kind: 'list';
  readonly name: string;
  readonly items: readonly Source[];
  readonly operation: Operation | undefined;
  readonly at: At;
};

export type MacroItem = {
  readonly kind: 'macro';
  readonly name: string;
  readonly condition: Source;
  readonly operation: Operation | undefined;
  readonly at: At;
};

export type RuleItem = {
  readonly kind: 'rule';
  readonly name: string;
  readonly change: Change;
  readonly at: At;
  readonly keys: RuleKeys;
  /** For `override`: what happens to each key. */
  readonly operations: ReadonlyMap<string, Operation>;
  /** Overridable keys that are given but not listed in `override`. */
  readonly unlisted: readonly Entry[];
};

export type RuleKeys = {
  readonly condition?: Source;
  readonly output?: Source;
  readonly desc?: string;
  readonly priority?: Priority;
  readonly source?: string;
  readonly enabled?: boolean;
  readonly tags?: readonly string[];
  readonly exceptions?: readonly ExceptionItem[];
  readonly warnEvttypes?: boolean;
  readonly skipIfUnknownFilter?: boolean;
  readonly capture?: boolean;
  readonly captureDurationMs?: number;
};

export type Item =
  | { readonly kind: 'engine'; readonly version: readonly number[]; readonly at: At }
  | { readonly kind: 'plugins'; readonly requirements: readonly PluginRequirement[]; readonly at: At }
  | ListItem
  | MacroItem
  | RuleItem;

const kinds = ['required_engine_version', 'required_plugin_versions', 'list', 'macro', 'rule'] as const;
type Kind = (typeof kinds)[number];

/** In the order in which they are read. */
const ruleKeys = [
  'rule',
  'condition',
  'output',
  'desc',
  'priority',
  'source',
  'enabled',
  'warn_evttypes',
  'skip-if-unknown-filter',
  'capture',
  'capture_duration',
  'tags',
  'exceptions',
  'append',
  'override',
];

const keysOf: Readonly<Record<Kind, readonly string[]>> = {
  required_engine_version: ['required_engine_version'],
  required_plugin_versions: ['required_plugin_versions'],
  list: ['list', 'items', 'append', 'override'],
  macro: ['macro', 'condition', 'append', 'override'],
  rule: ruleKeys,
};

const overridable: Readonly<Record<'list' | 'macro' | 'rule', Readonly<Record<Operation, readonly string[]>>>> = {
  list: { append: ['items'], replace: ['items'] },
  macro: { append: ['condition'], replace: ['condition'] },
  rule: {
    append: ['condition', 'output', 'desc', 'tags', 'exceptions'],
    replace: [
      'condition',
      'output',
      'desc',
      'priority',
      'capture',
      'capture_duration',
      'tags',
      'exceptions',
      'enabled',
      'warn_evttypes',
      'skip-if-unknown-filter',
    ],
  },
};

/** Reads one item of a rule file; `undefined` when it is to be skipped, with or without an error. */
export function readItem(value: Value, report: Report): Item | undefined {
  if (value.kind === 'null') return undefined;
  if (value.kind !== 'map') return report(shape, 'an item must be a map with rule, macro or list', value.at);
  const kind = kinds.find((key) => entry(value, key) !== undefined);
  if (kind === undefined) {
    const [first] = value.entries;
    const hint = first === undefined ? '' : didYouMean(first.key, kinds);
    report('LOAD_UNKNOWN_ITEM', `unknown item ${first?.key ?? ''}${hint}`, first?.keyAt ?? value.at);
    return undefined;
  }
  for (const { key, keyAt } of value.entries) {
    if (keysOf[kind].includes(key)) continue;
    report('LOAD_UNKNOWN_KEY', `unknown key ${key} in this ${kind}${didYouMean(key, keysOf[kind])}`, keyAt);
  }
  switch (kind) {
    case 'required_engine_version':
      return readEngineVersion(value, report);
    case 'required_plugin_versions':
      return readPluginVersions(value, report);
    case 'list':
      return readList(value, report);
    case 'macro':
      return readMacro(value, report);
    case 'rule':
      return readRule(value, report);
  }
}

function readEngineVersion(map: MapValue, report: Report): Item | undefined {
  const key = 'required_engine_version';
  const value = readText(map, key, report);
  if (value === undefined) return undefined;
  const { text, at } = value;
  const minor = readUnsigned(text);
  const parts =
    minor !== undefined ? [0, minor, 0] : /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return report(shape, `${key} must be a number or X.Y.Z, found ${JSON.stringify(text)}`, at);
  if (!isCompatible(parts)) {
    return report(
      'LOAD_ERR_VALIDATE',
      `this file wants engine ${parts.join('.')}; this engine is ${engineVersion.join('.')}`,
      at,
    );
  }
  return { kind: 'engine', version: parts, at };
}

function readPluginVersions(map: MapValue, report: Report): Item | undefined {
  const key = 'required_plugin_versions';
  const value = entry(map, key)?.value;
  if (value?.kind !== 'list')
    return report(shape, `${key} must be a list of maps with name and version`, value?.at ?? map.at);
  const requirements: PluginRequirement[] = [];
  for (const item of value.items) {
    const main = readPluginVersion(item, report);
    if (main === undefined || item.kind !== 'map') continue;
    const others = entry(item, 'alternatives')?.value;
    if (others !== undefined && others.kind !== 'list') {
      report(shape, 'alternatives must be a list of maps with name and version', others.at);
      continue;
    }
    const alternatives = (others?.items ?? [])
      .map((other) => readPluginVersion(other, report))
      .filter((other) => other !== undefined);
    const names = [main, ...alternatives].map(({ name }) => name);
    for (const one of [main, ...alternatives]) {
      if (!/^\d{1,9}\.\d{1,9}\.\d{1,9}/.test(one.version))
        report('LOAD_ERR_VALIDATE', `${JSON.stringify(one.version)} is no version; write X.Y.Z`, one.at);
    }
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) report('LOAD_ERR_VALIDATE', `plugin ${twice} is named twice in one requirement`, item.at);
    requirements.push({ ...versionOf(main), alternatives: alternatives.map(versionOf), at: item.at });
  }
  return { kind: 'plugins', requirements, at: value.at };
}

const versionOf = ({ name, version }: PluginVersion): PluginVersion => ({ name, version });

function readPluginVersion(value: Value, report: Report): (PluginVersion & { readonly at: At }) | undefined {
  if (value.kind !== 'map') return report(shape, 'a plugin requirement must be a map with name and version', value.at);
  const name = readText(value, 'name', report);
  const version = readText(value, 'version', report);
  if (name === undefined || version === undefined) return undefined;
  return { name: name.text, version: version.text, at: version.at };
}

/** The operations of `override`; `undefined`: a fault was reported. An absent, empty or odd one counts as none. */
function readOverride(
  map: MapValue,
  kind: 'list' | 'macro' | 'rule',
  report: Report,
): ReadonlyMap<string, Operation> | undefined {
  const operations = new Map<string, Operation>();
  const value = entry(map, 'override')?.value;
  if (value?.kind !== 'map') return operations;
  let faulty = false;
  for (const { key, keyAt, value: operation } of value.entries) {
    const word = operation.kind === 'text' ? operation.text : '';
    if (word !== 'append' && word !== 'replace') {
      const hint = didYouMean(word, ['append', 'replace']);
      report(shape, `override takes append or replace, found ${JSON.stringify(word)}${hint}`, operation.at);
      faulty = true;
    } else if (!overridable[kind][word].includes(key)) {
      const possible = overridable[kind][word];
      const hint = didYouMean(key, possible) || `; possible: ${possible.join(', ')}`;
      report(shape, `${key} of a ${kind} cannot be ${word === 'append' ? 'appended' : 'replaced'}${hint}`, keyAt);
      faulty = true;
    } else {
      operations.set(key, word);
    }
  }
  return faulty ? undefined : operations;
}

type Amendment = { readonly append: boolean; readonly operations: ReadonlyMap<string, Operation> };

/** `append: true` with its warning, and `override`; `undefined`: a fault was reported. */
function readAmendment(map: MapValue, kind: 'list' | 'macro' | 'rule', report: Report): Amendment | undefined {
  const found = entry(map, 'append');
  const append = found === undefined ? false : readBoolean(map, 'append', report);
  if (found !== undefined && append === true)
    report('LOAD_DEPRECATED_ITEM', 'append: true is deprecated; use override', found.keyAt);
  const operations = readOverride(map, kind, report);
  if (append === undefined || operations === undefined) return undefined;
  if (found !== undefined && append && operations.size > 0)
    return report(shape, 'an item takes append: true or override, not both', found.keyAt);
  return { append, operations };
}

function readList(map: MapValue, report: Report): Item | undefined {
  const name = readText(map, 'list', report);
  if (name !== undefined && !/^[^()"' \t\n\v\f\r=,]+$/.test(name.text)) {
    report(
      'LOAD_INVALID_LIST_NAME',
      `${JSON.stringify(name.text)} is an odd name for a list: no blanks, quotes, brackets, = or comma`,
      name.at,
    );
  }
  const items = readTexts(map, 'items', report);
  const amendment = readAmendment(map, 'list', report);
  if (name === undefined || items === undefined || amendment === undefined) return undefined;
  return {
    kind: 'list',
    name: name.text,
    items: items.map((item) => item.toSource()),
    operation: amendment.append ? 'append' : amendment.operations.get('items'),
    at: name.at,
  };
}

function readMacro(map: MapValue, report: Report): Item | undefined {
  const name = readText(map, 'macro', report);
  if (name !== undefined && !/^[a-zA-Z]+[a-zA-Z0-9_]*$/.test(name.text)) {
    report(
      'LOAD_INVALID_MACRO_NAME',
      `no condition can use a macro called ${JSON.stringify(name.text)}: letters, digits and _ only`,
      name.at,
    );
  }
  const condition = readText(map, 'condition', report);
  const amendment = readAmendment(map, 'macro', report);
  if (name === undefined || condition === undefined || amendment === undefined) return undefined;
  return {
    kind: 'macro',
    name: name.text,
    condition: condition.toSource(),
    operation: amendment.append ? 'append' : amendment.operations.get('condition'),
    at: name.at,
  };
}

const definingKeys = ['condition', 'output', 'desc', 'priority'];

function readRule(map: MapValue, report: Report): Item | undefined {
  const name = readText(map, 'rule', report);
  const amendment = readAmendment(map, 'rule', report);
  if (name === undefined || amendment === undefined) return undefined;
  const { append, operations } = amendment;
  const base = { kind: 'rule', name: name.text, at: name.at, operations, unlisted: [] } as const;
  const has = (key: string): boolean => entry(map, key) !== undefined;
  if (append) {
    const keys = readRuleKeys(map, ['condition', 'exceptions', 'source'].filter(has), 'append', report);
    return keys && { ...base, change: 'append', keys };
  }
  if (operations.size > 0) {
    const missing = [...operations.keys()].filter((key) => !has(key));
    for (const key of missing) report(shape, `override lists ${key}, but the item does not give it`, name.at);
    const given = [...operations.keys(), 'source'].filter(has);
    const keys = readRuleKeys(map, given, 'override', report);
    if (keys === undefined || missing.length > 0) return undefined;
    const all = [...overridable.rule.append, ...overridable.rule.replace];
    const unlisted = map.entries.filter(({ key }) => all.includes(key) && !operations.has(key));
    return { ...base, change: 'override', keys, unlisted };
  }
  if (!definingKeys.some(has)) {
    if (!has('enabled')) return report(shape, 'a rule needs condition, output, desc and priority', name.at);
    const keys = readRuleKeys(map, ['enabled', 'source'].filter(has), 'override', report);
    if (keys === undefined) return undefined;
    report('LOAD_DEPRECATED_ITEM', 'a rule with only enabled is deprecated; use override: {enabled: replace}', name.at);
    return { ...base, change: 'toggle', keys };
  }
  const given = ruleKeys.filter((key) => definingKeys.includes(key) || has(key));
  const keys = readRuleKeys(map, given, 'define', report);
  return keys && { ...base, change: 'define', keys };
}

/** Reads the wanted keys and reports every fault among them; `undefined` when there was one. */
function readRuleKeys(map: MapValue, wanted: readonly string[], change: Change, report: Report): RuleKeys | undefined {
  let faults = 0;
  const reporting: Report = (code, message, at) => {
    if (!isWarning(code)) faults++;
    return report(code, message, at);
  };
  const keys: { -readonly [K in keyof RuleKeys]: RuleKeys[K] } = {};
  for (const key of wanted) readRuleKey(map, key, change, keys, reporting);
  return faults === 0 ? keys : undefined;
}

function readRuleKey(
  map: MapValue,
  key: string,
  change: Change,
  keys: { -readonly [K in keyof RuleKeys]: RuleKeys[K] },
  report: Report,
): undefined {
  const set = <K extends keyof RuleKeys>(name: K, value: RuleKeys[K] | undefined): undefined => {
    if (value !== undefined) keys[name] = value;
  };
  switch (key) {
    case 'condition':
      return set('condition', readText(map, key, report)?.toSource());
    case 'output':
      return set('output', readText(map, key, report)?.toSource());
    case 'desc':
      return set('desc', readText(map, key, report)?.text);
    case 'priority':
      return set('priority', readPriority(map, report));
    case 'source': {
      const value = entry(map, key)?.value;
      // In a change of a rule an empty source matches any.
      if (change !== 'define' && (value?.kind === 'null' || (value?.kind === 'text' && value.text === '')))
        return undefined;
      return set('source', readText(map, key, report)?.text);
    }
    case 'tags':
      return set(
        'tags',
        readTexts(map, key, report)?.map((tag) => tag.text),
      );
    case 'enabled':
      return set('enabled', readBoolean(map, key, report));
    case 'warn_evttypes':
      return set('warnEvttypes', readBoolean(map, key, report));
    case 'skip-if-unknown-filter':
      return set('skipIfUnknownFilter', readBoolean(map, key, report));
    case 'capture':
      return set('capture', readBoolean(map, key, report));
    case 'capture_duration': {
      const value = readText(map, key, report);
      const duration = value && readUnsigned(value.text);
      if (value !== undefined && duration === undefined)
        report(shape, 'capture_duration must be a number of milliseconds', value.at);
      return set('captureDurationMs', duration);
    }
    case 'exceptions':
      return set('exceptions', readExceptions(map, change, report));
  }
}
