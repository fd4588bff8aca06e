import { severityOf } from '../alert.ts';
import { extraFieldsOf, finishOutput, finishTags } from './append-output.ts';
import type { At, Node, ResolvedNode } from './ast.ts';
import { checkCondition, makeChecker, type Problem } from './check.ts';
import type { CheckedNode } from './checked.ts';
import type { Collection, MacroDefinition, RuleDefinition } from './collect.ts';
import type { DiagnosticCode, Result } from './diagnostic.ts';
import { manyCodes } from './event-names.ts';
import { countCodes, eventSetOf } from './event-set.ts';
import { foldExceptions } from './exceptions.ts';
import type { Report } from './item-value.ts';
import { compileLists, isUpToDate, type Lists, mostText, substituteLists } from './lists.ts';
import type { LoadOptions } from './load.ts';
import { type Draft, type Memory, remember } from './memory.ts';
import { nearest } from './nearest.ts';
import { parseCondition } from './parser.ts';
import { checksOf, findUsers, sayWhere } from './reach.ts';
import { depthOf, resolveNames, sizeOf } from './resolve.ts';
import type { LoadedMacro, Rule, RuleSet } from './rule-set.ts';
import type { Source } from './source.ts';
import { readTemplate } from './template.ts';
import { type Warning, warnAboutCondition, warnAboutOutput } from './warnings.ts';

/** Macros multiply trees; a condition with more checks than this is refused. */
const mostChecks = 100_000;
/** Everything that walks trees recurses. */
const mostNesting = 600;

type Pass = {
  readonly collection: Collection;
  readonly memory: Memory;
  readonly options: LoadOptions;
  readonly report: Report;
  readonly lists: Lists;
  readonly usedLists: Set<string>;
  readonly usedMacros: Set<string>;
  readonly parsedMacros: Map<string, Node>;
  readonly macros: Map<string, ResolvedMacro | undefined>;
};

type ResolvedMacro = { readonly parsed: Node; readonly resolved: ResolvedNode };

/** Puts the collected items together: lists into conditions, macros into rules, and everything checked. */
export function assemble(collection: Collection, memory: Memory, options: LoadOptions, report: Report): RuleSet {
  const usedLists = new Set<string>();
  let failed = false;
  const noting =
    (userOf: UserOf): Report =>
    (code, message, at) => {
      if (!code.startsWith('LOAD_ERR')) return report(code, sayWhere(message, at, undefined), at);
      failed = true;
      return report(code, sayWhere(message, at, userOf(at.source.owner)), at);
    };
  const pass: Pass = {
    collection,
    memory,
    options,
    report: noting((owner) => userOf(owner)),
    lists: compileLists(collection.lists, usedLists, memory.lists),
    usedLists,
    usedMacros: new Set(),
    parsedMacros: new Map(),
    macros: new Map(),
  };
  const userOf = lookUpUsers(pass);
  for (const macro of collection.macros.values()) {
    const parsed = parseWithLists(macro.condition, pass);
    if (parsed?.ok === true) pass.parsedMacros.set(macro.name, parsed.value);
  }
  for (const macro of collection.macros.values()) {
    if (pass.parsedMacros.has(macro.name)) continue;
    parse(macro.condition, pass);
    pass.macros.set(macro.name, undefined);
  }
  for (const macro of collection.macros.values()) resolveMacro(macro, [], 0, pass);
  const rules = [...collection.rules.values()]
    .map((rule) => assembleRule(rule, { ...pass, report: noting(() => rule.name) }))
    .filter((rule) => rule !== undefined);
  if (!failed) reportUnused(pass);
  return {
    rules,
    macros: loadedMacros(pass),
    lists: pass.lists.all.map(({ name, items, definition }) => ({
      name,
      written: definition.items.map(({ text }) => text),
      items: items.map(({ text }) => text),
      isUsed: usedLists.has(name),
    })),
    engineVersion: collection.engineVersion,
    plugins: collection.plugins,
  };
}

/** The first rule that uses the macro that owns a text. */
type UserOf = (owner: string | undefined) => string | undefined;

/** Only a mistake in a macro asks: then the rules are parsed early. */
function lookUpUsers(pass: Pass): UserOf {
  let users: ReadonlyMap<string, string> | undefined;
  return (owner) => {
    if (owner?.startsWith('macro ') !== true) return undefined;
    users ??= findUsers(
      [...pass.collection.rules.values()].map(({ name, condition }) => {
        const parsed = parseWithLists(condition, pass);
        return { name, condition: parsed?.ok === true ? parsed.value : undefined };
      }),
      pass.parsedMacros,
    );
    return users.get(owner.slice('macro '.length));
  };
}

function loadedMacros(pass: Pass): readonly LoadedMacro[] {
  return [...pass.collection.macros.values()].flatMap(({ name, condition }): readonly LoadedMacro[] => {
    const macro = pass.macros.get(name);
    return macro === undefined ? [] : [{ name, written: condition, ...macro, isUsed: pass.usedMacros.has(name) }];
  });
}

/** Puts the lists in and parses. `undefined`: reported. */
function parse(condition: Source, pass: Pass): Node | undefined {
  const parsed = parseWithLists(condition, pass);
  if (parsed === undefined) {
    const at: At = { source: condition, span: { start: 0, end: 1 } };
    const message = `with its lists put in, the condition is longer than ${mostText}`;
    return pass.report('LOAD_ERR_COMPILE_CONDITION', message, at);
  }
  if (parsed.ok) return parsed.value;
  for (const { code, message, source, span } of parsed.diagnostics) pass.report(code, message, { source, span });
  return undefined;
}

/** `undefined`: too long with its lists. */
function parseWithLists(condition: Source, { lists, usedLists, memory }: Pass): Result<Node> | undefined {
  const before = memory.conditions.get(condition);
  if (before !== undefined && isUpToDate(before.substituted, lists)) {
    for (const { name } of before.substituted.used) usedLists.add(name);
    return { ok: true, value: before.node };
  }
  const substituted = substituteLists(condition, lists, usedLists);
  if (substituted === undefined) return undefined;
  const { text } = substituted;
  const key = `${text.owner ?? ''}\n${text.path}\n${text.pieces[0]?.at}\n${text.text}`;
  const known = memory.parsed.get(key);
  const parsed: Result<Node> = known === undefined ? parseCondition(text) : { ok: true, value: known };
  if (!parsed.ok) return parsed;
  memory.parsed.set(key, parsed.value);
  memory.conditions.set(condition, { substituted, node: parsed.value });
  return parsed;
}

/** `undefined`: reported. */
function resolve(
  node: Node,
  memory: Memory,
  expand: (name: string, at: At) => ResolvedNode | undefined,
): ResolvedNode | undefined {
  const known = memory.resolved.get(node);
  const macros = new Map<string, ResolvedNode>();
  const tree = resolveNames(node, (name, at) => {
    const macro = expand(name, at);
    if (macro !== undefined) macros.set(name, macro);
    return macro;
  });
  if (tree === undefined) return undefined;
  const isSame = known !== undefined && [...macros].every(([name, macro]) => known.macros.get(name) === macro);
  if (isSame) return known.tree;
  memory.resolved.set(node, { tree, macros });
  return tree;
}

/** Resolves a macro after those it uses; `path` is the chain of macros that led here, `outside` how deep they are. */
function resolveMacro(
  macro: MacroDefinition,
  path: readonly string[],
  outside: number,
  pass: Pass,
): ResolvedNode | undefined {
  if (pass.macros.has(macro.name)) return pass.macros.get(macro.name)?.resolved;
  const node = pass.parsedMacros.get(macro.name);
  if (node === undefined) return undefined;
  const nesting = outside + depthOf(node);
  if (nesting > mostNesting) return tooLarge(macro.at, pass);
  const resolved = resolve(node, pass.memory, (name, at) => {
    const other = pass.collection.macros.get(name);
    if (name === macro.name || path.includes(name)) {
      const round = [...path, macro.name, name].slice(path.includes(name) ? path.indexOf(name) : path.length);
      return pass.report('LOAD_ERR_VALIDATE', `macro ${name} uses itself: ${round.join(' → ')}`, at);
    }
    if (other === undefined || other.index >= macro.visibility)
      return unknownMacro(name, at, pass, other !== undefined);
    pass.usedMacros.add(name);
    return resolveMacro(other, [...path, macro.name], nesting, pass);
  });
  const sound = resolved !== undefined && isSmall(resolved, macro.at, pass) ? resolved : undefined;
  pass.macros.set(macro.name, sound && { parsed: node, resolved: sound });
  return sound;
}

function unknownMacro(name: string, at: At, pass: Pass, isLater: boolean): undefined {
  if (pass.collection.broken.has(name)) return undefined;
  const { collection } = pass;
  if (isLater)
    return pass.report('LOAD_ERR_VALIDATE', `macro ${name} is defined later; a macro sees only those before it`, at);
  const list = collection.lists.has(name) ? '; there is a list of that name' : undefined;
  const near = nearest(name, collection.macros.keys());
  return pass.report(
    'LOAD_ERR_VALIDATE',
    `unknown macro ${name}${list ?? (near === undefined ? '' : `; did you mean ${near}?`)}`,
    at,
  );
}

function isSmall(node: ResolvedNode, at: At, pass: Pass): boolean {
  const { checks, depth } = sizeOf(node, pass.memory.sizes);
  if (checks <= mostChecks && depth <= mostNesting) return true;
  tooLarge(at, pass);
  return false;
}

function tooLarge(at: At, pass: Pass): undefined {
  return pass.report(
    'LOAD_ERR_VALIDATE',
    `with its macros put in, this has more than ${mostChecks} checks or is nested more than ${mostNesting} deep`,
    at,
  );
}

function assembleRule(rule: RuleDefinition, pass: Pass): Rule | undefined {
  const { options, report, memory } = pass;
  if (!(options.sources ?? ['syscall']).includes(rule.source)) return undefined;
  const additions = options.appendOutput ?? [];
  const draft = remember(memory.drafts, rule, () => draftRule(rule, options));
  const { condition: folded, output, template } = draft;
  for (const { code, message, at } of draft.said) report(code, message, at);
  const problems: readonly CodedProblem[] = template.ok
    ? []
    : template.problems.map((problem) => ({ code: 'LOAD_ERR_COMPILE_OUTPUT', problem }));
  if (problems.length > 0 && !forgives(rule, problems, report)) reportProblems(problems, report);
  if (problems.length > 0 && forgiven(rule, problems)) return undefined;
  if (template.ok) for (const { code, message, at } of warnAboutOutput(output)) report(code, message, at);
  const parsed = folded && parse(folded, pass);
  const resolved = parsed && resolve(parsed, pass.memory, (name, at) => expandInRule(name, at, pass));
  if (parsed !== undefined && resolved === undefined) checkParts(parsed, rule, pass);
  if (parsed === undefined || resolved === undefined || !isSmall(resolved, rule.at, pass)) return undefined;
  const vocabulary = { catalogue: options.fields, lists: pass.collection.lists };
  const warnings = warnAboutCondition(resolved, vocabulary, memory.warnings);
  const isLate = ({ code }: Warning): boolean => code === 'LOAD_COMPILE_CONDITION';
  for (const { code, message, at } of warnings.filter((warning) => !isLate(warning))) report(code, message, at);
  const condition = checkResolved(resolved, rule, pass);
  if (condition === undefined) return undefined;
  // The original finds these while it compiles, and keeps them to itself when that fails.
  for (const { code, message, at } of warnings.filter(isLate)) report(code, message, at);
  if (!template.ok) return undefined;
  const { eventTypes } = options.fields;
  const events = remember(memory.events, condition, () => ({
    set: eventSetOf(condition),
    codes: eventTypes === undefined ? 0 : countCodes(condition, eventTypes),
  }));
  if (rule.warnEvttypes && eventTypes !== undefined) warnAboutEvents(events.codes, rule, report);
  const { name, desc, priority, source, enabled, capture, captureDurationMs, at } = rule;
  return {
    name,
    desc,
    priority,
    source,
    tags: finishTags(rule, additions),
    enabled,
    capture,
    captureDurationMs,
    at,
    parsed,
    resolved,
    condition,
    writtenCondition: rule.condition,
    isTooMild: options.minPriority !== undefined && severityOf(priority) > severityOf(options.minPriority),
    eventSet: events.set,
    writtenOutput: rule.output.text,
    output: output.text,
    template: template.template,
    extraFields: extraFieldsOf(rule, additions, options.fields, report),
    exceptions: rule.exceptions,
  };
}

function draftRule(rule: RuleDefinition, options: LoadOptions): Draft {
  const said: Warning[] = [];
  const report: Report = (code, message, at) => {
    said.push({ code, message, at });
    return undefined;
  };
  const condition = foldExceptions(rule.condition, rule.exceptions, report);
  const output = finishOutput(rule, options.appendOutput ?? [], options.fields, report);
  return { condition, output, template: readTemplate(output, options.fields), said };
}

function expandInRule(name: string, at: At, pass: Pass): ResolvedNode | undefined {
  if (!pass.collection.macros.has(name)) return unknownMacro(name, at, pass, false);
  pass.usedMacros.add(name);
  return pass.macros.get(name)?.resolved;
}

function warnAboutEvents(codes: number, rule: RuleDefinition, report: Report): void {
  if (codes > 0 && codes <= manyCodes) return;
  const what = codes === 0 ? 'no event type can match' : 'nearly every event type is looked at';
  report(
    'LOAD_NO_EVTTYPE',
    `rule ${JSON.stringify(rule.name)}: ${what}; name the types, as in evt.type in (open, openat)`,
    rule.at,
  );
}

type CodedProblem = { readonly code: DiagnosticCode; readonly problem: Problem };

/** The original stops at the first problem, and so that one decides. */
function forgiven(rule: RuleDefinition, [first]: readonly CodedProblem[]): boolean {
  return rule.skipIfUnknownFilter && (first === undefined || first.problem.kind === 'unknown');
}

/** Reports the warning that a rule is left out. */
function forgives(rule: RuleDefinition, problems: readonly CodedProblem[], report: Report): boolean {
  const [first] = problems;
  if (first === undefined || !forgiven(rule, problems)) return false;
  report(
    'LOAD_UNKNOWN_FILTER',
    `${first.problem.message}: rule ${JSON.stringify(rule.name)} is left out`,
    first.problem.at,
  );
  return true;
}

function reportProblems(problems: readonly CodedProblem[], report: Report): void {
  for (const { code, problem } of problems) report(code, problem.message, problem.at);
}

function checkResolved(resolved: ResolvedNode, rule: RuleDefinition, pass: Pass): CheckedNode | undefined {
  const checker = makeChecker(pass.options.fields, pass.memory.checked);
  const condition = checkCondition(resolved, checker);
  const problems = checker.problems.map((problem): CodedProblem => ({ code: 'LOAD_ERR_COMPILE_CONDITION', problem }));
  if (problems.length === 0) return condition;
  if (!forgives(rule, problems, pass.report)) reportProblems(problems, pass.report);
  return undefined;
}

/** Of a condition that cannot be put together every check still can be looked at: all mistakes are told at once. */
function checkParts(parsed: Node, rule: RuleDefinition, pass: Pass): void {
  const checker = makeChecker(pass.options.fields, pass.memory.checked);
  for (const check of checksOf(parsed, pass.parsedMacros)) checkCondition(check, checker);
  const problems = checker.problems.map((problem): CodedProblem => ({ code: 'LOAD_ERR_COMPILE_CONDITION', problem }));
  if (!forgiven(rule, problems)) reportProblems(problems, pass.report);
}

function reportUnused(pass: Pass): void {
  for (const { name, at } of pass.collection.macros.values()) {
    if (!pass.usedMacros.has(name)) pass.report('LOAD_UNUSED_MACRO', `macro ${name} is used by no rule or macro`, at);
  }
  for (const { name, at } of pass.collection.lists.values()) {
    if (!pass.usedLists.has(name))
      pass.report('LOAD_UNUSED_LIST', `list ${name} is used by no rule, macro or list`, at);
  }
}
