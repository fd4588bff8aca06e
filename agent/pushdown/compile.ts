import type { CheckedNode } from '#rules/language/checked';
import { type EventSet, holdsEvent } from '#rules/language/event-set';
import { foldForType } from '#rules/language/fold';
import { numberOfCall } from '../events/calls.ts';
import { type Automaton, buildAutomaton } from './automaton.ts';
import { ALWAYS, columnsOf, type OpenColumns } from './columns.ts';
import { fits } from './encode.ts';
import { type FilterKind, filterKindOf, GUARD_SHIFT, GUARDS } from './features.ts';
import { Formulas } from './formula.ts';
import { isOfPrograms, isPossibleFor, namesIn } from './guards.ts';
import { holdsOf, type PathLiteral } from './literals.ts';
import { LiteralTable, type Projection, projectRule } from './project.ts';
import { type Servers, serversOf } from './servers.ts';

/** A rule, as far as the filter asks. */
export type FilterRule = { readonly condition: CheckedNode; readonly eventSet: EventSet };

/** How the kernel side looks at a call; `columns` by features. */
export type CallFilter = { readonly kind: Exclude<FilterKind, 'send'>; readonly columns: Uint8Array };

/** What the kernel side drops: everything else is sent. encode.ts makes its tables. */
export type Filter = {
  /** By system call number. */
  readonly calls: ReadonlyMap<number, CallFilter>;
  /** Says of a path for which columns it is wanted. `undefined`: paths are not looked at. */
  readonly automaton: Automaton | undefined;
  /** Columns for which a process's own link may be wanted, whatever it led to. */
  readonly linked: readonly number[];
  /** By a process's name, the guards that hold; none do for other names. */
  readonly guards: ReadonlyMap<string, number>;
  /** Guards that hold for names that are not in the table. */
  readonly otherGuards: number;
  /** By guard, its rules by number, where what a process was started as decides as well; else none. */
  readonly judges: readonly (readonly number[])[];
  readonly servers: Servers;
  /** What was given up to keep to the bounds, for whoever reads the log. */
  readonly simplified: readonly string[];
};

/** States before the smallest automaton is made; the kernel's table has room for as many after. */
const mostStates = 49_152;

/** Rules of one guard that programs decide; the tables have room for so many. */
export const MOST_JUDGES = 16;

/** A path of which no rule names a letter. */
const plainPath = '/\x01/\x01';

/**
 * The filter for these types of events. An event that it drops fires none of the rules; `kept` are types that somebody
 * else needs as well: their events are all sent.
 */
export function compileFilter(
  rules: readonly FilterRule[],
  types: Iterable<string>,
  kept: ReadonlySet<string>,
): Filter {
  const wanted = [...new Set(types)].filter((type) => !kept.has(type) && filterKindOf(type) !== 'send');
  const servers = serversOf(rules.map(({ condition }) => condition));
  for (const attempt of attempts) {
    const filter = build(rules, wanted, servers, attempt);
    if (filter !== undefined) return filter;
  }
  return { ...nothing, servers };
}

const nothing = {
  calls: new Map(),
  automaton: undefined,
  linked: [],
  guards: new Map(),
  otherGuards: 0,
  judges: [],
  simplified: ['everything'],
};

/** Literals that are looked for in paths, and how many different questions may be asked of them. */
type Attempt = { readonly kinds: ReadonlySet<PathLiteral['kind']>; readonly mostColumns: number };

const beginnings = ['whole', 'prefix', 'under', 'folder', 'folder-prefix'] as const;
/** What may stand anywhere in a path makes the most states; what is left out may hold of any path. */
const attempts: readonly Attempt[] = [
  { kinds: new Set([...beginnings, 'suffix', 'inside', 'glob']), mostColumns: ALWAYS },
  { kinds: new Set([...beginnings, 'suffix', 'inside']), mostColumns: ALWAYS },
  { kinds: new Set([...beginnings, 'suffix', 'inside']), mostColumns: 64 },
  { kinds: new Set([...beginnings, 'suffix']), mostColumns: 64 },
  { kinds: new Set(beginnings), mostColumns: ALWAYS },
  { kinds: new Set(), mostColumns: 1 },
];

type OfType = {
  readonly type: string;
  readonly kind: Exclude<FilterKind, 'send'>;
  readonly parts: readonly { readonly rule: FilterRule; readonly projection: Projection }[];
};

/** `undefined`: the automaton would be too large. */
function build(
  rules: readonly FilterRule[],
  types: readonly string[],
  servers: Servers,
  { kinds, mostColumns }: Attempt,
): Filter | undefined {
  const literals = new LiteralTable(kinds);
  const project = (guardOf: (rule: FilterRule) => number) =>
    types.flatMap((type): readonly OfType[] => {
      const kind = filterKindOf(type);
      if (kind === 'send') return [];
      const parts = rules.flatMap((rule) => {
        if (!holdsEvent(rule.eventSet, type)) return [];
        const folded = foldForType(rule.condition, type);
        const options = { type, kind, literals: kind === 'open' ? literals : undefined, servers };
        const projection = projectRule(folded, options, guardOf(rule));
        return projection.kind === 'never' ? [] : [{ rule, projection }];
      });
      return [{ type, kind, parts }];
    });
  const isWide = (projection: Projection): boolean => holdsOfPlain(projection, literals);
  const wide = project(() => 0).flatMap(({ parts }) =>
    parts.filter(({ projection }) => isWide(projection)).map(({ rule }) => rule),
  );
  const { guardOf, ...guards } = chooseGuards(rules, [...new Set(wide)]);
  const formulas = new Formulas();
  const simplified = literals.kinds === attempts[0]?.kinds ? [] : [`paths: only ${[...kinds].join(', ')}`];
  const calls = new Map<number, CallFilter>();
  const open: OpenColumns = { columns: [{ whole: formulas.never, isLinked: false }], masks: new Map() };
  for (const { type, kind, parts } of project(guardOf)) {
    const number = numberOfCall(type);
    if (number === undefined) continue;
    const projections = parts.map(({ projection }) => projection);
    const columns = columnsOf(projections, kind, formulas, open, literals.literals, mostColumns);
    if (columns.forgotten !== 0) simplified.push(`${type}: features ${columns.forgotten.toString(2)}`);
    if (columns.table !== undefined) calls.set(number, { kind, columns: columns.table });
  }
  const combined = formulas.or([...open.masks].map(([part, mask]) => formulas.and([formulas.mask(mask), part])));
  const automaton =
    combined === formulas.never ? undefined : buildAutomaton(combined, literals.literals, formulas, mostStates);
  if (combined !== formulas.never && (automaton === undefined || !fits(automaton))) return undefined;
  const linked = open.columns.flatMap(({ isLinked }, column) => (isLinked ? [column] : []));
  return { calls, automaton, linked, ...guards, servers, simplified };
}

/** Whether the rule is possible for a path that no rule is about. */
function holdsOfPlain(projection: Projection, literals: LiteralTable): boolean {
  switch (projection.kind) {
    case 'always':
    case 'feature':
      return true;
    case 'never':
      return false;
    case 'path': {
      const literal = literals.literals[projection.literal];
      return literal === undefined || holdsOf(literal, plainPath) === projection.positive;
    }
    case 'and':
      return projection.children.every((child) => holdsOfPlain(child, literals));
    case 'or':
      return projection.children.some((child) => holdsOfPlain(child, literals));
  }
}

/**
 * Rules that any path may fire, but only in some processes: of some names, which are looked up when a process gets its
 * name, or started as some programs, which the agent is asked about.
 */
function chooseGuards(
  rules: readonly FilterRule[],
  wide: readonly FilterRule[],
): Pick<Filter, 'guards' | 'otherGuards' | 'judges'> & { readonly guardOf: (rule: FilterRule) => number } {
  const guarded = wide
    .filter(({ condition }) => !isPossibleFor(condition, undefined) || isOfPrograms(condition))
    .map((rule, place) => ({
      rule,
      guard: Math.min(place, GUARDS - 1),
      names: new Set(namesIn(rule.condition)),
      isForOthers: isPossibleFor(rule.condition, undefined),
      isOfPrograms: isOfPrograms(rule.condition),
    }));
  const guards = new Map<string, number>();
  const judges: number[][] = Array.from({ length: GUARDS }, () => []);
  const open = new Set<number>();
  let otherGuards = 0;
  for (const { rule, guard, isForOthers, isOfPrograms: isDecided } of guarded) {
    if (isDecided) judges[guard]?.push(rules.indexOf(rule));
    else open.add(guard);
    if (isForOthers) otherGuards |= 1 << guard;
  }
  const forOthers = guarded.filter(({ isForOthers }) => isForOthers);
  for (const name of new Set(guarded.flatMap(({ names }) => [...names]))) {
    const unaware = forOthers.filter(({ names }) => !names.has(name));
    guards.set(
      name,
      unaware.reduce((held, { guard }) => held | (1 << guard), 0),
    );
  }
  for (const { rule, guard, names } of guarded) {
    for (const name of names) {
      if (isPossibleFor(rule.condition, name)) guards.set(name, (guards.get(name) ?? 0) | (1 << guard));
    }
  }
  const bits = new Map(guarded.map(({ rule, guard }) => [rule, 1 << (guard + GUARD_SHIFT)]));
  // A guard that several share is decided by programs only if all of them are.
  const decided = judges.map((each, guard) => (open.has(guard) || each.length > MOST_JUDGES ? [] : each));
  return { guardOf: (rule) => bits.get(rule) ?? 0, guards, otherGuards, judges: decided };
}
