import { buildTrie, fillTransitions } from '#rules/language/automaton';
import type { PathLiteral } from './literals.ts';

/** Looks for the texts of `suffix` and `inside` literals, all at once (Aho and Corasick). */
export type Search = {
  readonly step: (state: number, byte: number) => number;
  /** Literals of which a text ends here. */
  readonly found: (state: number) => readonly number[];
  /** From a state to the one that tells as much about these literals, and no more about others. */
  readonly reduceTo: (literals: readonly number[]) => (state: number) => number;
};

export function makeSearch(literals: readonly PathLiteral[]): Search {
  const words: { readonly text: string; readonly literal: number }[] = [];
  for (const [literal, { kind, texts }] of literals.entries()) {
    if (kind === 'suffix' || kind === 'inside') for (const text of texts) words.push({ text, literal });
  }
  const trie = buildTrie(words.map(({ text }) => text));
  const { classOf, classes, next, endOf, isEnd } = trie;
  const fallback = fillTransitions(trie);
  const own = new Map<number, number[]>();
  for (const [index, { literal }] of words.entries()) {
    const end = endOf[index] ?? 0;
    own.set(end, [...(own.get(end) ?? []), literal]);
  }
  const step = (state: number, byte: number): number => next[state * classes + (classOf[byte] ?? 0)] ?? 0;
  const foundAt: (readonly number[] | undefined)[] = [];
  const found = (state: number): readonly number[] => {
    const known = foundAt[state];
    if (known !== undefined) return known;
    const shorter = state === 0 ? [] : found(fallback[state] ?? 0);
    const all = [...new Set([...(own.get(state) ?? []), ...shorter])];
    foundAt[state] = all;
    return all;
  };
  const nodesOf = (wanted: readonly number[]): Uint8Array => {
    const nodes = new Uint8Array(isEnd.length);
    for (const { text, literal } of words) {
      if (!wanted.includes(literal)) continue;
      let state = 0;
      for (let at = 0; at < text.length; at++) {
        state = step(state, text.charCodeAt(at));
        nodes[state] = 1;
      }
    }
    return nodes;
  };
  // Thousands of formulas ask for a few sets of texts.
  const reducers = new Map<string, (state: number) => number>();
  const reduceTo = (wanted: readonly number[]): ((state: number) => number) => {
    const key = wanted.join();
    const reduce = reducers.get(key) ?? makeReduce(wanted);
    reducers.set(key, reduce);
    return reduce;
  };
  const makeReduce = (wanted: readonly number[]): ((state: number) => number) => {
    if (wanted.length === 0) return () => 0;
    const nodes = nodesOf(wanted);
    const reduced = new Int32Array(nodes.length).fill(-1);
    return (state) => {
      const known = reduced[state] ?? 0;
      if (known >= 0) return known;
      let node = state;
      while (node !== 0 && nodes[node] === 0) node = fallback[node] ?? 0;
      reduced[state] = node;
      return node;
    };
  };
  return { step, found, reduceTo };
}
