/**
 * Conditions about a path, in the form in which an automaton's states are told apart: equal formulas are one object.
 * There is no negation but of literals, so that a bigger part makes the whole bigger: an over-approximation of a part
 * is one of the whole. `mask` is a set of columns (compile.ts): the formula stands for as many conditions at once.
 */
export type Formula = {
  readonly id: number;
  /** The literals that it depends on, in order. */
  readonly literals: readonly number[];
} & (
  | { readonly kind: 'mask'; readonly mask: bigint }
  | { readonly kind: 'literal'; readonly literal: number; readonly positive: boolean }
  | { readonly kind: 'and' | 'or'; readonly children: readonly Formula[] }
);

const ALL = (1n << 256n) - 1n;

export class Formulas {
  readonly #interned = new Map<string, Formula>();
  /** By the number itself: its text of up to 78 digits would be most of the work. */
  readonly #masks = new Map<bigint, Formula>();
  readonly never: Formula = this.mask(0n);
  readonly always: Formula = this.mask(ALL);

  mask(mask: bigint): Formula {
    const known = this.#masks.get(mask);
    if (known !== undefined) return known;
    const made: Formula = { id: this.#made, kind: 'mask', mask, literals: [] };
    this.#masks.set(mask, made);
    return made;
  }

  literal(literal: number, positive: boolean): Formula {
    return this.#intern(`${positive ? 'l' : 'n'}${literal}`, (id) => ({
      id,
      kind: 'literal',
      literal,
      positive,
      literals: [literal],
    }));
  }

  and(parts: readonly Formula[]): Formula {
    return this.#group('and', parts, this.always, this.never, (a, b) => a & b);
  }

  or(parts: readonly Formula[]): Formula {
    return this.#group('or', parts, this.never, this.always, (a, b) => a | b);
  }

  #group(
    kind: 'and' | 'or',
    parts: readonly Formula[],
    neutral: Formula,
    deciding: Formula,
    combine: (a: bigint, b: bigint) => bigint,
  ): Formula {
    let mask = neutral.kind === 'mask' ? neutral.mask : 0n;
    const found = new Map<number, Formula>();
    const add = (part: Formula): void => {
      if (part.kind === 'mask') mask = combine(mask, part.mask);
      else if (part.kind === kind) part.children.forEach(add);
      else found.set(part.id, part);
    };
    parts.forEach(add);
    const constant = this.mask(mask);
    if (constant === deciding) return deciding;
    const children = [...found.values()].sort((a, b) => a.id - b.id);
    if (constant !== neutral) children.unshift(constant);
    const [first, second] = children;
    if (first === undefined) return neutral;
    if (second === undefined) return first;
    return this.#intern(`${kind}${children.map(({ id }) => id).join()}`, (id) => ({
      id,
      kind,
      children,
      literals: [...new Set(children.flatMap(({ literals }) => literals))].sort((a, b) => a - b),
    }));
  }

  /** Puts truth values, or other formulas, in the place of literals; `undefined` leaves one as it is. */
  replace(formula: Formula, by: (literal: number) => Formula | boolean | undefined): Formula {
    const known = new Map<number, Formula>();
    const walk = (node: Formula): Formula => {
      const done = known.get(node.id);
      if (done !== undefined) return done;
      const result = this.#replaceIn(node, by, walk);
      known.set(node.id, result);
      return result;
    };
    return walk(formula);
  }

  #replaceIn(
    node: Formula,
    by: (literal: number) => Formula | boolean | undefined,
    walk: (node: Formula) => Formula,
  ): Formula {
    switch (node.kind) {
      case 'mask':
        return node;
      case 'literal': {
        const value = by(node.literal);
        if (value === undefined) return node;
        if (typeof value === 'boolean') return value === node.positive ? this.always : this.never;
        if (node.positive) return value;
        if (value.kind !== 'literal') throw new Error('only a literal can be negated');
        return this.literal(value.literal, !value.positive);
      }
      case 'and':
        return this.and(node.children.map(walk));
      case 'or':
        return this.or(node.children.map(walk));
    }
  }

  get #made(): number {
    return this.#interned.size + this.#masks.size;
  }

  #intern(key: string, make: (id: number) => Formula): Formula {
    const known = this.#interned.get(key);
    if (known !== undefined) return known;
    const made = make(this.#made);
    this.#interned.set(key, made);
    return made;
  }
}

/** The columns for which the formula is true, when each literal is decided. */
export function columnsWhere(formula: Formula, holds: (literal: number) => boolean): bigint {
  // Parts may be shared: each is looked at once.
  const known = new Map<Formula, bigint>();
  const walk = (node: Formula): bigint => {
    if (node.kind === 'mask') return node.mask;
    if (node.kind === 'literal') return holds(node.literal) === node.positive ? ALL : 0n;
    const done = known.get(node);
    if (done !== undefined) return done;
    const isAnd = node.kind === 'and';
    let mask = isAnd ? ALL : 0n;
    for (const child of node.children) {
      mask = isAnd ? mask & walk(child) : mask | walk(child);
      if (mask === (isAnd ? 0n : ALL)) break;
    }
    known.set(node, mask);
    return mask;
  };
  return walk(formula);
}
