import { buildTrie, fillTransitions } from './automaton.ts';
import type { CheckedNode } from './checked.ts';
import { type Literal, requirementOf } from './literals.ts';

/**
 * Looks for the literals of all conditions at once: one step forward from the beginning of a text, one back from its
 * end, and one pass over it only if something may stand anywhere.
 */
export type Scan = {
  /** Conditions that are possible whatever the text holds: 1 or 0 for each. */
  readonly always: Uint8Array;
  /** The numbers of the literals that the text has; good until the next call. */
  readonly find: (text: string) => readonly number[];
  /** By literal, the conditions that it makes possible. */
  readonly conditionsOf: readonly (readonly number[])[];
};

/** `undefined`: no condition requires a literal of this field. */
export function compileScan(conditions: readonly CheckedNode[], field: string): Scan | undefined {
  const always = new Uint8Array(conditions.length);
  const numbers = new Map<string, number>();
  const literals: Literal[] = [];
  const conditionsOf: number[][] = [];
  for (const [index, condition] of conditions.entries()) {
    const requirement = requirementOf(condition, field);
    if (requirement === undefined) always[index] = 1;
    for (const literal of requirement ?? []) {
      const key = `${literal.kind} ${literal.text}`;
      const number = numbers.get(key) ?? literals.length;
      if (number === literals.length) {
        numbers.set(key, number);
        literals.push(literal);
        conditionsOf.push([]);
      }
      const users = conditionsOf[number];
      if (users?.at(-1) !== index) users?.push(index);
    }
  }
  if (literals.length === 0) return undefined;
  const passes = [compileForward(literals), compileBackward(literals), compileAnywhere(literals)].filter(
    (pass) => pass !== undefined,
  );
  const found: number[] = [];
  const find = (text: string): readonly number[] => {
    found.length = 0;
    for (const pass of passes) pass(text, found);
    return found;
  };
  return { always, find, conditionsOf };
}

/** Adds the numbers of the literals that it finds. */
type Pass = (text: string, found: number[]) => void;

/** By state, the numbers of the literals that end there. */
function endsOf(numbers: readonly number[], endOf: readonly number[], states: number): (number[] | undefined)[] {
  const ends = new Array<number[] | undefined>(states).fill(undefined);
  for (const [index, number] of numbers.entries()) {
    const state = endOf[index] ?? 0;
    const here = ends[state] ?? [];
    here.push(number);
    ends[state] = here;
  }
  return ends;
}

function numbersOf(literals: readonly Literal[], ...kinds: readonly Literal['kind'][]): readonly number[] {
  return literals.flatMap(({ kind }, number) => (kinds.includes(kind) ? [number] : []));
}

function compileForward(literals: readonly Literal[]): Pass | undefined {
  const numbers = numbersOf(literals, 'whole', 'prefix');
  if (numbers.length === 0) return undefined;
  const { classOf, classes, next, isEnd, endOf } = buildTrie(numbers.map((number) => literals[number]?.text ?? ''));
  const ends = endsOf(numbers, endOf, isEnd.length);
  const add = (state: number, isWhole: boolean, found: number[]): void => {
    for (const number of ends[state] ?? []) if (isWhole || literals[number]?.kind === 'prefix') found.push(number);
  };
  return (text, found) => {
    let state = 0;
    if (isEnd[0] === 1) add(0, text === '', found);
    for (let at = 0; at < text.length; at++) {
      const kind = classOf[text.charCodeAt(at)] ?? 0;
      if (kind === 0) return;
      state = next[state * classes + kind] ?? 0;
      if (state === 0) return;
      if (isEnd[state] === 1) add(state, at === text.length - 1, found);
    }
  };
}

function compileBackward(literals: readonly Literal[]): Pass | undefined {
  const numbers = numbersOf(literals, 'suffix');
  if (numbers.length === 0) return undefined;
  const words = numbers.map((number) => [...(literals[number]?.text ?? '')].reverse().join(''));
  const { classOf, classes, next, isEnd, endOf } = buildTrie(words);
  const ends = endsOf(numbers, endOf, isEnd.length);
  return (text, found) => {
    let state = 0;
    if (isEnd[0] === 1) found.push(...(ends[0] ?? []));
    for (let at = text.length - 1; at >= 0; at--) {
      const kind = classOf[text.charCodeAt(at)] ?? 0;
      if (kind === 0) return;
      state = next[state * classes + kind] ?? 0;
      if (state === 0) return;
      if (isEnd[state] === 1) found.push(...(ends[state] ?? []));
    }
  };
}

/** Up to so many, the engine's own search for each is faster than our pass over the characters: 15 ns against 4 a byte. */
const fewLiterals = 8;

function oneByOne(words: readonly { readonly number: number; readonly text: string }[]): Pass {
  return (text, found) => {
    for (const word of words) if (text.includes(word.text)) found.push(word.number);
  };
}

function compileAnywhere(literals: readonly Literal[]): Pass | undefined {
  const numbers = numbersOf(literals, 'inside');
  if (numbers.length === 0) return undefined;
  if (numbers.length <= fewLiterals)
    return oneByOne(numbers.map((number) => ({ number, text: literals[number]?.text ?? '' })));
  const trie = buildTrie(numbers.map((number) => literals[number]?.text ?? ''));
  const fallback = fillTransitions(trie);
  const { classOf, classes, next, isEnd, endOf } = trie;
  const ends = endsOf(numbers, endOf, isEnd.length);
  return (text, found) => {
    let state = 0;
    if (ends[0] !== undefined) found.push(...ends[0]);
    for (let at = 0; at < text.length; at++) {
      state = next[state * classes + (classOf[text.charCodeAt(at)] ?? 0)] ?? 0;
      if (isEnd[state] === 0) continue;
      for (let shorter = state; shorter !== 0; shorter = fallback[shorter] ?? 0) found.push(...(ends[shorter] ?? []));
    }
  };
}
