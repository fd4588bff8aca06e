import type { CheckedNode, CheckedTest } from './checked.ts';
import { genericCodes } from './event-names.ts';

/** A set of names, or everything but these names. */
export type EventSet = { readonly kind: 'only' | 'all-but'; readonly names: ReadonlySet<string> };

const allEvents: EventSet = { kind: 'all-but', names: new Set() };

/** The event types for which the condition can be true, as far as its checks of `evt.type` say. */
export function eventSetOf(node: CheckedNode, nameOf: (name: string) => string = (name) => name): EventSet {
  return walk(node, false, nameOf);
}

function walk(node: CheckedNode, negated: boolean, nameOf: (name: string) => string): EventSet {
  switch (node.kind) {
    case 'not':
      return walk(node.child, !negated, nameOf);
    case 'check':
      return leaf(node, negated, nameOf);
    case 'and':
    case 'or': {
      const sets = node.children.map((child) => walk(child, negated, nameOf));
      const combine = (node.kind === 'and') === negated ? unite : intersect;
      return sets.reduce(combine);
    }
  }
}

const negate = (set: EventSet): EventSet => ({ kind: set.kind === 'only' ? 'all-but' : 'only', names: set.names });

/** Only `= == != in` with constants name types; every other check says nothing, and neither does its negation. */
function leaf(test: CheckedTest, negated: boolean, nameOf: (name: string) => string): EventSet {
  const { left, operator, modifier, right } = test;
  const name = left.kind === 'field' ? left.use.spec.name : '';
  if ((name !== 'evt.type' && name !== 'syscall.type') || modifier !== undefined || right.kind !== 'constants')
    return allEvents;
  if (operator !== '=' && operator !== '==' && operator !== '!=' && operator !== 'in') return allEvents;
  const named: EventSet = { kind: 'only', names: new Set(right.values.map((value) => nameOf(String(value)))) };
  return (operator === '!=') === negated ? named : negate(named);
}

function intersect(a: EventSet, b: EventSet): EventSet {
  if (b === allEvents) return a;
  if (a === allEvents) return b;
  if (a.kind === 'only' && b.kind === 'only')
    return { kind: 'only', names: keep(a.names, (name) => b.names.has(name)) };
  if (a.kind === 'only') return { kind: 'only', names: keep(a.names, (name) => !b.names.has(name)) };
  if (b.kind === 'only') return { kind: 'only', names: keep(b.names, (name) => !a.names.has(name)) };
  return { kind: 'all-but', names: new Set([...a.names, ...b.names]) };
}

function keep(names: ReadonlySet<string>, isWanted: (name: string) => boolean): ReadonlySet<string> {
  return new Set([...names].filter(isWanted));
}

function unite(a: EventSet, b: EventSet): EventSet {
  if (a === allEvents || b === allEvents) return allEvents;
  return negate(intersect(negate(a), negate(b)));
}

export function holdsEvent(set: EventSet, name: string): boolean {
  return set.names.has(name) === (set.kind === 'only');
}

/** How many event codes of the original the set holds; the system calls without their own event share two. */
export function countCodes(node: CheckedNode, eventTypes: ReadonlyMap<string, number>): number {
  const set = eventSetOf(node, (name) => (eventTypes.get(name) === 0 ? 'generic' : name));
  if (set.kind === 'all-but' && set.names.size === 0) return eventTypes.size;
  const codesOf = (name: string): number => (name === 'generic' ? genericCodes : (eventTypes.get(name) ?? 0));
  let named = 0;
  for (const name of set.names) named += codesOf(name);
  if (set.kind === 'only') return named;
  let all = genericCodes;
  for (const codes of eventTypes.values()) all += codes;
  return all - named;
}
