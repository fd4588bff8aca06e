import { type Beginning, makeBeginnings } from './beginnings.ts';
import { columnsWhere, type Formula, type Formulas } from './formula.ts';
import { GlobMachine } from './glob-machine.ts';
import type { PathLiteral } from './literals.ts';
import { minimize, type Table } from './minimize.ts';
import { makeSearch, type Search } from './search.ts';

/** One pass over a path tells the columns for which the formula is true of it. */
export type Automaton = {
  /** Byte → class. */
  readonly classOf: Uint8Array;
} & Table;

const SLASH = 47;

/** A state: what the beginning of a path has told. While it is the beginning of a text that a literal asks for, `beginning`. */
type State = {
  readonly beginning: Walk | undefined;
  /** What is left to be known. */
  readonly rest: Formula;
  /** Of the search for what may stand anywhere. */
  readonly search: number;
  /** Of the globs among the literals of `rest`, in their order. */
  readonly globs: readonly number[];
};

type Walk = {
  readonly node: Beginning;
  readonly true: readonly number[];
  readonly pending: readonly number[];
  readonly folders: readonly number[];
};

/** What a formula asks of the bytes to come. */
type Needs = {
  readonly globs: readonly { readonly literal: number; readonly machine: GlobMachine }[];
  readonly reduce: (search: number) => number;
  readonly inside: ReadonlySet<number>;
  readonly noSlash: boolean;
};

const none: readonly number[] = [];
const noneDecided: ReadonlyMap<number, boolean> = new Map();

/** `undefined`: it would have more than `mostStates`, before the smallest is made of it. */
export function buildAutomaton(
  formula: Formula,
  literals: readonly PathLiteral[],
  formulas: Formulas,
  mostStates: number,
): Automaton | undefined {
  return new Builder(formula, literals, formulas).build(mostStates);
}

class Builder {
  readonly #formula: Formula;
  readonly #literals: readonly PathLiteral[];
  readonly #formulas: Formulas;
  readonly #search: Search;
  readonly #globs: ReadonlyMap<number, GlobMachine>;
  /** True as long as no slash follows. */
  readonly #noSlash: number;
  readonly #states: State[] = [];
  readonly #numbers = new Map<string | number, number>();
  readonly #needs = new Map<Formula, Needs>();
  readonly #rests = new Map<string, Formula>();
  readonly #begun = new Map<Beginning, number>();

  constructor(formula: Formula, all: readonly PathLiteral[], formulas: Formulas) {
    // Literals that the formula does not have, of rules that are not for these events, would only make states.
    const used = new Set(formula.literals);
    const literals = all.map((literal, number) => (used.has(number) ? literal : { ...literal, texts: [] }));
    this.#formula = formula;
    this.#literals = literals;
    this.#formulas = formulas;
    this.#search = makeSearch(literals);
    this.#noSlash = literals.length;
    this.#globs = new Map(
      literals.flatMap(({ kind, texts: [text] }, number) =>
        kind === 'glob' && text !== undefined ? [[number, new GlobMachine(text)] as const] : [],
      ),
    );
  }

  build(mostStates: number): Automaton | undefined {
    const { classOf, bytes } = this.#classes();
    const root = makeBeginnings(this.#literals);
    const start = this.#begin({
      beginning: { node: root, true: root.prefixes, pending: root.folderPrefixes, folders: [] },
      rest: this.#formula,
      search: 0,
      globs: this.#needsOf(this.#formula).globs.map(({ machine }) => machine.start),
    });
    const next = new Uint32Array(mostStates * bytes.length);
    let edge = 0;
    for (let number = 0; number < this.#states.length; number++) {
      if (number >= mostStates) return undefined;
      const state = this.#states[number];
      if (state !== undefined) for (const byte of bytes) next[edge++] = this.#step(state, number, byte);
    }
    const smallest = minimize({
      states: this.#states.length,
      classes: bytes.length,
      start,
      next: next.subarray(0, edge),
      output: this.#states.map((state) => this.#outputOf(state)),
    });
    return mergeClasses(smallest, classOf);
  }

  /** Bytes that no literal names are alike. */
  #classes(): { readonly classOf: Uint8Array; readonly bytes: readonly number[] } {
    const named = new Set([SLASH]);
    for (const { texts } of this.#literals) {
      for (const text of texts) for (let at = 0; at < text.length; at++) named.add(text.charCodeAt(at) & 0xff);
    }
    const classOf = new Uint8Array(256);
    // The first stands for all that are not named.
    const bytes = Array.from({ length: 256 }, (_, byte) => byte)
      .filter((byte) => !named.has(byte))
      .slice(0, 1);
    for (const byte of [...named].sort((a, b) => a - b)) {
      classOf[byte] = bytes.length;
      bytes.push(byte);
    }
    return { classOf, bytes };
  }

  // What is asked for each state and byte makes no function: V8 would make room for what that sees at each call.
  #needsOf(rest: Formula): Needs {
    const known = this.#needs.get(rest);
    if (known !== undefined) return known;
    const needs = this.#makeNeeds(rest);
    this.#needs.set(rest, needs);
    return needs;
  }

  #makeNeeds(rest: Formula): Needs {
    const ofKind = (...kinds: readonly PathLiteral['kind'][]) =>
      rest.literals.filter((literal) => kinds.some((kind) => this.#literals[literal]?.kind === kind));
    return {
      globs: ofKind('glob').flatMap((literal) => {
        const machine = this.#globs.get(literal);
        return machine === undefined ? [] : [{ literal, machine }];
      }),
      reduce: this.#search.reduceTo(ofKind('suffix', 'inside')),
      inside: new Set(ofKind('inside')),
      noSlash: rest.literals.includes(this.#noSlash),
    };
  }

  #begin(state: State & { readonly beginning: Walk }): number {
    const known = this.#begun.get(state.beginning.node);
    if (known !== undefined) return known;
    const number = this.#states.length;
    this.#begun.set(state.beginning.node, number);
    this.#states.push(state);
    return number;
  }

  /** The state in which no more is kept than `rest` asks for. */
  #settle(rest: Formula, search: number, globs: readonly number[]): number {
    const reduced = this.#needsOf(rest).reduce(search);
    const key = globs.length === 0 ? rest.id * 65_536 + reduced : `${rest.id}/${reduced}/${globs.join()}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#states.length;
    this.#numbers.set(key, number);
    this.#states.push({ beginning: undefined, rest, search: reduced, globs });
    return number;
  }

  #step(state: State, number: number, byte: number): number {
    const { beginning, rest } = state;
    if (beginning === undefined && rest.kind === 'mask') return number;
    const search = this.#search.step(state.search, byte);
    const globs = stepGlobs(this.#needsOf(rest), state.globs, byte);
    return beginning === undefined
      ? this.#goOn(rest, byte, search, globs)
      : this.#stepBeginning(rest, beginning, byte, search, globs);
  }

  #stepBeginning(whole: Formula, walk: Walk, byte: number, search: number, globs: readonly number[]): number {
    const isSlash = byte === SLASH;
    const seen = this.#search.found(search).filter((literal) => this.#literals[literal]?.kind === 'inside');
    const known = unite(walk.true, isSlash ? [...seen, ...walk.pending] : seen);
    const pending = isSlash ? [] : walk.pending;
    const node = walk.node.children.get(byte);
    if (node !== undefined) {
      const beginning = {
        node,
        true: unite(known, node.prefixes),
        pending: unite(pending, node.folderPrefixes),
        folders: isSlash ? node.folders : walk.folders,
      };
      return this.#begin({ beginning, rest: whole, search, globs });
    }
    const folders = isSlash ? [] : walk.folders;
    const decided = this.#decidedGlobs(whole, globs);
    const key = [known.join(), folders.join(), pending.join(), [...decided].join()].join('/');
    const rest = this.#rests.get(key) ?? this.#restAfter(whole, known, folders, pending, decided);
    this.#rests.set(key, rest);
    return this.#settle(rest, search, this.#keepGlobs(whole, rest, globs));
  }

  /** Beyond the beginnings, no text that begins a path can become true any more. */
  #restAfter(
    rest: Formula,
    known: readonly number[],
    folders: readonly number[],
    pending: readonly number[],
    decided: ReadonlyMap<number, boolean>,
  ): Formula {
    const isTrue = new Set(known);
    const noSlash = this.#formulas.literal(this.#noSlash, true);
    const slash = this.#formulas.literal(this.#noSlash, false);
    return this.#formulas.replace(rest, (literal) => {
      if (isTrue.has(literal)) return true;
      if (folders.includes(literal)) return noSlash;
      if (pending.includes(literal)) return slash;
      switch (this.#literals[literal]?.kind) {
        case 'suffix':
        case 'inside':
          return undefined;
        case 'glob':
          return decided.get(literal);
        default:
          return false;
      }
    });
  }

  #goOn(rest: Formula, byte: number, search: number, globs: readonly number[]): number {
    const needs = this.#needsOf(rest);
    const found = this.#search.found(search);
    const decided = this.#decidedGlobs(rest, globs);
    const slash = byte === SLASH && needs.noSlash;
    const seen = found.length === 0 ? none : amongst(found, needs.inside);
    if (seen.length === 0 && decided.size === 0 && !slash) return this.#settle(rest, search, globs);
    const next = this.#decide(rest, seen, decided, slash);
    return this.#settle(next, search, this.#keepGlobs(rest, next, globs));
  }

  /** What is left when these literals are known. */
  #decide(rest: Formula, seen: readonly number[], decided: ReadonlyMap<number, boolean>, slash: boolean): Formula {
    return this.#formulas.replace(rest, (literal) => {
      if (literal === this.#noSlash) return slash ? false : undefined;
      return seen.includes(literal) ? true : decided.get(literal);
    });
  }

  #decidedGlobs(rest: Formula, globs: readonly number[]): ReadonlyMap<number, boolean> {
    if (globs.length === 0) return noneDecided;
    const needs = this.#needsOf(rest).globs;
    let decided: Map<number, boolean> | undefined;
    for (let index = 0; index < globs.length; index++) {
      const verdict = needs[index]?.machine.decided(globs[index] ?? 0);
      if (verdict === undefined) continue;
      decided ??= new Map();
      decided.set(needs[index]?.literal ?? 0, verdict);
    }
    return decided ?? noneDecided;
  }

  /** Of the states of the globs in `before`, those that are still asked for. */
  #keepGlobs(before: Formula, rest: Formula, globs: readonly number[]): readonly number[] {
    if (globs.length === 0) return none;
    return this.#needsOf(before).globs.flatMap(({ literal }, index) =>
      rest.literals.includes(literal) ? (globs[index] ?? 0) : [],
    );
  }

  /** Of a path that ends in this state. */
  #outputOf(state: State): bigint {
    const { beginning, rest, search } = state;
    const isTrue = new Set([
      ...this.#search.found(search).filter((literal) => this.#literals[literal]?.kind === 'suffix'),
      ...(beginning === undefined ? [] : [...beginning.true, ...beginning.node.wholes, ...beginning.folders]),
    ]);
    for (const [index, { literal, machine }] of this.#needsOf(rest).globs.entries()) {
      if (machine.accepts(state.globs[index] ?? 0)) isTrue.add(literal);
    }
    return columnsWhere(rest, (literal) => literal === this.#noSlash || isTrue.has(literal));
  }
}

/** For each state and byte: a loop, not a callback. */
function stepGlobs({ globs }: Needs, states: readonly number[], byte: number): readonly number[] {
  if (globs.length === 0) return none;
  const next: number[] = [];
  for (let index = 0; index < globs.length; index++)
    next.push(globs[index]?.machine.step(states[index] ?? 0, byte) ?? 0);
  return next;
}

function amongst(found: readonly number[], wanted: ReadonlySet<number>): readonly number[] {
  return found.filter((literal) => wanted.has(literal));
}

/** In order, each once. */
function unite(left: readonly number[], right: readonly number[]): readonly number[] {
  return right.length === 0 ? left : [...new Set([...left, ...right])].sort((a, b) => a - b);
}

/** Classes that no state tells apart become one. */
function mergeClasses(table: Table, classOf: Uint8Array): Automaton {
  const { states, classes, next } = table;
  const numbers = new Map<string, number>();
  const kept: number[] = [];
  const classAs = Array.from({ length: classes }, (_, kind) => {
    const column = Array.from({ length: states }, (__, state) => next[state * classes + kind] ?? 0).join();
    const number = numbers.get(column) ?? kept.length;
    if (number === kept.length) {
      numbers.set(column, number);
      kept.push(kind);
    }
    return number;
  });
  const merged = new Uint32Array(states * kept.length);
  for (let state = 0; state < states; state++) {
    for (const [number, kind] of kept.entries()) {
      merged[state * kept.length + number] = next[state * classes + kind] ?? 0;
    }
  }
  return { ...table, classes: kept.length, next: merged, classOf: classOf.map((kind) => classAs[kind] ?? 0) };
}
