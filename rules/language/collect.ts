import type { Priority } from '../alert.ts';
import type { At } from './ast.ts';
import { checkExpression, makeChecker } from './check.ts';
import type { ExceptionItem } from './exception-item.ts';
import { checkComps, defaultComps, type Exception } from './exceptions.ts';
import type { FieldCatalogue } from './field.ts';
import type { Report } from './item-value.ts';
import { didYouMean, nearest } from './nearest.ts';
import { parseFieldExpression } from './parser.ts';
import type { Item, ListItem, MacroItem, PluginRequirement, RuleItem, RuleKeys } from './rules-file.ts';
import { insertedText, joinSources, type Source, sliceSource } from './source.ts';

export type ListDefinition = {
  readonly name: string;
  readonly items: readonly Source[];
  /** When it was first defined, and when it was last defined or appended to: it sees what came first before that. */
  readonly index: number;
  readonly visibility: number;
  readonly at: At;
};

export type MacroDefinition = {
  readonly name: string;
  readonly condition: Source;
  readonly index: number;
  readonly visibility: number;
  readonly at: At;
};

export type RuleDefinition = {
  readonly name: string;
  readonly condition: Source;
  readonly output: Source;
  readonly desc: string;
  readonly priority: Priority;
  readonly source: string;
  readonly enabled: boolean;
  readonly tags: readonly string[];
  readonly exceptions: readonly Exception[];
  readonly warnEvttypes: boolean;
  readonly skipIfUnknownFilter: boolean;
  readonly capture: boolean;
  /** 0: the configured default. */
  readonly captureDurationMs: number;
  readonly at: At;
};

/** Everything that the files said so far. A rule that is defined again keeps its place. */
export type Collection = {
  readonly lists: Map<string, ListDefinition>;
  readonly macros: Map<string, MacroDefinition>;
  readonly rules: Map<string, RuleDefinition>;
  /** The newest that a file wants. */
  engineVersion: readonly number[];
  readonly plugins: PluginRequirement[];
  /** Names whose definition was refused: using one is not another mistake. */
  readonly broken: Set<string>;
  clock: number;
};

export type CollectOptions = { readonly catalogue: FieldCatalogue; readonly sources: readonly string[] };

export function makeCollection(): Collection {
  return {
    lists: new Map(),
    macros: new Map(),
    rules: new Map(),
    engineVersion: [0, 0, 0],
    plugins: [],
    broken: new Set(),
    clock: 0,
  };
}

function isOlder(version: readonly number[], other: readonly number[]): boolean {
  const at = version.findIndex((part, index) => part !== other[index]);
  return (version[at] ?? 0) < (other[at] ?? 0);
}

/** Applies one item. */
export function collect(item: Item, collection: Collection, options: CollectOptions, report: Report): undefined {
  switch (item.kind) {
    case 'engine':
      if (isOlder(collection.engineVersion, item.version)) collection.engineVersion = item.version;
      return undefined;
    case 'plugins':
      collection.plugins.push(...item.requirements);
      return undefined;
    case 'list':
      return collectList(item, collection, report);
    case 'macro':
      return collectMacro(item, collection, report);
    case 'rule':
      return collectRule(item, collection, options, report);
  }
}

function noBase(kind: string, name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  const hint = near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
  return `no ${kind} ${JSON.stringify(name)} was defined before${hint}`;
}

function collectList(item: ListItem, collection: Collection, report: Report): undefined {
  const old = collection.lists.get(item.name);
  const visibility = collection.clock++;
  if (item.operation === 'append') {
    if (old === undefined)
      return report('LOAD_ERR_VALIDATE', noBase('list', item.name, collection.lists.keys()), item.at);
    collection.lists.set(item.name, { ...old, items: [...old.items, ...item.items], visibility });
    return undefined;
  }
  collection.lists.set(item.name, {
    name: item.name,
    items: item.items,
    index: old?.index ?? visibility,
    visibility,
    at: item.at,
  });
}

function collectMacro(item: MacroItem, collection: Collection, report: Report): undefined {
  const old = collection.macros.get(item.name);
  const visibility = collection.clock++;
  if (item.operation === 'append') {
    if (old === undefined)
      return report('LOAD_ERR_VALIDATE', noBase('macro', item.name, collection.macros.keys()), item.at);
    collection.macros.set(item.name, { ...old, condition: joinTexts(old.condition, item.condition), visibility });
    return undefined;
  }
  const { name, condition, at } = item;
  collection.macros.set(name, {
    name,
    condition: { ...condition, owner: `macro ${name}` },
    index: old?.index ?? visibility,
    visibility,
    at,
  });
}

/** Old and new text with one blank between them. */
function joinTexts(old: Source, added: Source): Source {
  return {
    ...joinSources([old, insertedText(' ', added, 0), added]),
    ...(old.owner === undefined ? {} : { owner: old.owner }),
  };
}

function collectRule(item: RuleItem, collection: Collection, options: CollectOptions, report: Report): undefined {
  const old = collection.rules.get(item.name);
  const { keys } = item;
  // A definition without a source has the default; a change without one takes any.
  const source = keys.source ?? (item.change === 'define' ? 'syscall' : old?.source);
  if (item.change === 'define' && source !== undefined) warnAboutSource(source, item.at, options, report);
  if (old !== undefined && source !== old.source) {
    return report(
      'LOAD_ERR_VALIDATE',
      `rule ${JSON.stringify(item.name)} is of source ${old.source}; it cannot become ${source}`,
      item.at,
    );
  }
  if (item.change === 'define') return defineRule(item, collection, options, report);
  if (old === undefined)
    return report('LOAD_ERR_VALIDATE', noBase('rule', item.name, collection.rules.keys()), item.at);
  switch (item.change) {
    case 'toggle':
      collection.rules.set(item.name, { ...old, enabled: keys.enabled ?? old.enabled });
      return undefined;
    case 'append': {
      if (keys.condition === undefined && keys.exceptions === undefined) {
        return report('LOAD_ERR_VALIDATE', 'an appended rule needs condition or exceptions', item.at);
      }
      const changed = appendKeys(old, keys, options, report);
      if (changed !== undefined) collection.rules.set(item.name, changed);
      return undefined;
    }
    case 'override':
      return overrideRule(item, old, collection, options, report);
  }
}

function warnAboutSource(source: string, at: At, { sources }: CollectOptions, report: Report): void {
  if (sources.includes(source)) return;
  const hint = didYouMean(source, sources);
  report('LOAD_UNKNOWN_SOURCE', `the rule is skipped, for nothing here provides the source ${source}${hint}`, at);
}

function defineRule(item: RuleItem, collection: Collection, options: CollectOptions, report: Report): undefined {
  const { keys, name, at } = item;
  const { condition, output, desc, priority } = keys;
  if (condition === undefined || output === undefined || desc === undefined || priority === undefined) {
    throw new Error('the reader lets no rule without its required keys pass');
  }
  const source = keys.source ?? 'syscall';
  const exceptions = readExceptionItems(keys.exceptions ?? [], source, options, report);
  if (exceptions === undefined) collection.broken.add(name);
  collection.rules.set(name, {
    name,
    condition: { ...condition, owner: `rule ${JSON.stringify(name)}` },
    output: trim(output),
    desc,
    priority,
    source,
    enabled: keys.enabled ?? true,
    tags: sortedSet(keys.tags ?? []),
    exceptions: exceptions ?? [],
    warnEvttypes: keys.warnEvttypes ?? true,
    skipIfUnknownFilter: keys.skipIfUnknownFilter ?? false,
    capture: keys.capture ?? false,
    captureDurationMs: keys.captureDurationMs ?? 0,
    at,
  });
}

function trim(source: Source): Source {
  const { text } = source;
  const start = text.length - text.trimStart().length;
  const trimmed = text.trim();
  if (trimmed === text) return source;
  return sliceSource(source, start, start + trimmed.length);
}

function sortedSet(tags: readonly string[]): readonly string[] {
  return [...new Set(tags)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function overrideRule(
  item: RuleItem,
  old: RuleDefinition,
  collection: Collection,
  options: CollectOptions,
  report: Report,
): undefined {
  const { keys, operations } = item;
  const appended: { -readonly [K in keyof RuleKeys]: RuleKeys[K] } = {};
  if (operations.get('condition') === 'append' && keys.condition !== undefined) appended.condition = keys.condition;
  if (operations.get('output') === 'append' && keys.output !== undefined) appended.output = keys.output;
  if (operations.get('desc') === 'append' && keys.desc !== undefined) appended.desc = keys.desc;
  if (operations.get('tags') === 'append' && keys.tags !== undefined) appended.tags = keys.tags;
  if (operations.get('exceptions') === 'append' && keys.exceptions !== undefined) appended.exceptions = keys.exceptions;
  const changed = appendKeys(old, appended, options, report);
  const replaced = changed && replaceKeys(changed, item, options, report);
  if (replaced !== undefined) collection.rules.set(item.name, replaced);
  for (const { key, keyAt } of item.unlisted) {
    report('LOAD_ERR_YAML_VALIDATE', `${key} is given but not listed in override`, keyAt);
  }
}

function appendKeys(
  old: RuleDefinition,
  keys: RuleKeys,
  options: CollectOptions,
  report: Report,
): RuleDefinition | undefined {
  let exceptions: readonly Exception[] | undefined = old.exceptions;
  for (const item of keys.exceptions ?? [])
    exceptions = exceptions && appendException(exceptions, item, old.source, options, report);
  if (exceptions === undefined) return undefined;
  return {
    ...old,
    condition: keys.condition === undefined ? old.condition : joinTexts(old.condition, keys.condition),
    output: keys.output === undefined ? old.output : joinTexts(old.output, trim(keys.output)),
    desc: keys.desc === undefined ? old.desc : `${old.desc} ${keys.desc}`,
    tags: sortedSet([...old.tags, ...(keys.tags ?? [])]),
    exceptions,
  };
}

function replaceKeys(
  old: RuleDefinition,
  item: RuleItem,
  options: CollectOptions,
  report: Report,
): RuleDefinition | undefined {
  const { keys, operations } = item;
  const replaced = <T>(key: string, value: T | undefined, before: T): T =>
    operations.get(key) === 'replace' && value !== undefined ? value : before;
  let { exceptions } = old;
  if (operations.get('exceptions') === 'replace') {
    const read = readExceptionItems(keys.exceptions ?? [], old.source, options, report);
    if (read === undefined) return undefined;
    exceptions = read;
  }
  return {
    ...old,
    condition: replaced(
      'condition',
      keys.condition && { ...keys.condition, owner: `rule ${JSON.stringify(old.name)}` },
      old.condition,
    ),
    output: replaced('output', keys.output && trim(keys.output), old.output),
    desc: replaced('desc', keys.desc, old.desc),
    priority: replaced('priority', keys.priority, old.priority),
    capture: replaced('capture', keys.capture, old.capture),
    captureDurationMs: replaced('capture_duration', keys.captureDurationMs, old.captureDurationMs),
    tags: replaced('tags', keys.tags && sortedSet(keys.tags), old.tags),
    enabled: replaced('enabled', keys.enabled, old.enabled),
    warnEvttypes: replaced('warn_evttypes', keys.warnEvttypes, old.warnEvttypes),
    skipIfUnknownFilter: replaced('skip-if-unknown-filter', keys.skipIfUnknownFilter, old.skipIfUnknownFilter),
    exceptions,
  };
}

function readExceptionItems(
  items: readonly ExceptionItem[],
  source: string,
  options: CollectOptions,
  report: Report,
): readonly Exception[] | undefined {
  const exceptions = items.map((item) => readException(item, source, options, report));
  const known = exceptions.filter((exception) => exception !== undefined);
  return known.length < exceptions.length ? undefined : known;
}

/** Checks an exception's fields and operators; those of a rule that is skipped anyway are not looked up. */
function readException(
  item: ExceptionItem,
  source: string,
  options: CollectOptions,
  report: Report,
): Exception | undefined {
  const { fields, name, at } = item;
  if (fields === undefined) return report('LOAD_ERR_VALIDATE', `the new exception ${name} needs fields`, at);
  const comps = item.comps ?? defaultComps(fields);
  const misfit = checkComps(fields, comps);
  if (misfit !== undefined) return report('LOAD_ERR_VALIDATE', `exception ${name}: ${misfit.reason}`, misfit.at);
  if (options.sources.includes(source)) {
    for (const field of fields.sources) {
      const parsed = parseFieldExpression(field, 'LOAD_ERR_VALIDATE');
      if (!parsed.ok) {
        const [first] = parsed.diagnostics;
        return report('LOAD_ERR_VALIDATE', `exception ${name}: ${first.message}`, {
          source: first.source,
          span: first.span,
        });
      }
      const checker = makeChecker(options.catalogue);
      checkExpression(parsed.value, checker);
      const [problem] = checker.problems;
      if (problem !== undefined)
        return report('LOAD_ERR_VALIDATE', `exception ${name}: ${problem.message}`, problem.at);
    }
  }
  return { name, fields, comps, values: item.values ?? [], at };
}

function appendException(
  exceptions: readonly Exception[],
  item: ExceptionItem,
  source: string,
  options: CollectOptions,
  report: Report,
): readonly Exception[] | undefined {
  const { name, at } = item;
  const index = exceptions.findIndex((exception) => exception.name === name);
  const old = exceptions[index];
  if (old === undefined) {
    if (item.fields === undefined) return report('LOAD_ERR_VALIDATE', `the new exception ${name} needs fields`, at);
    if ((item.values ?? []).length === 0)
      return report('LOAD_ERR_VALIDATE', `the new exception ${name} needs values`, at);
    const added = readException(item, source, options, report);
    return added && [...exceptions, added];
  }
  const again = item.fields ?? item.comps;
  if (again !== undefined) {
    return report(
      'LOAD_ERR_VALIDATE',
      `exception ${name} has its fields and comps already; an append gives values only`,
      again.at,
    );
  }
  return exceptions.with(index, { ...old, values: [...old.values, ...(item.values ?? [])] });
}
