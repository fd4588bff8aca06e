/** A table of transitions: `next[state * classes + class]`; `output` tells states apart at the end of a text. */
export type Table = {
  readonly states: number;
  readonly classes: number;
  readonly start: number;
  readonly next: Uint32Array;
  readonly output: readonly bigint[];
};

/** The smallest table that gives each text the same output (Valmari and Lehtinen 2008). All states are reachable. */
export function minimize(table: Table): Table {
  const { states, classes, start, next, output } = table;
  const transitions = states * classes;
  const numbers = new Map<bigint, number>();
  const outputs = Uint32Array.from(output, (mask) => {
    const number = numbers.get(mask) ?? numbers.size;
    numbers.set(mask, number);
    return number;
  });
  const blocks = new Partition(states, numbers.size, (state) => outputs[state] ?? 0);
  const cords = new Partition(transitions, classes, (edge) => edge % classes);
  const { from, into } = incoming(table);
  // Any cord may split blocks by whose tails have it; any new block may split cords by where they lead.
  let block = 1;
  for (let cord = 0; cord < cords.count; cord++) {
    for (let at = cords.first(cord); at < cords.end(cord); at++) {
      blocks.mark(Math.floor(cords.element(at) / classes));
    }
    blocks.split();
    for (; block < blocks.count; block++) {
      for (let at = blocks.first(block); at < blocks.end(block); at++) {
        const state = blocks.element(at);
        for (let edge = from[state] ?? 0; edge < (from[state + 1] ?? 0); edge++) cords.mark(into[edge] ?? 0);
      }
      cords.split();
    }
  }
  const count = blocks.count;
  const merged = new Uint32Array(count * classes);
  const kept: bigint[] = [];
  for (let number = 0; number < count; number++) {
    const state = blocks.element(blocks.first(number));
    for (let kind = 0; kind < classes; kind++) {
      merged[number * classes + kind] = blocks.setOf(next[state * classes + kind] ?? 0);
    }
    kept.push(output[state] ?? 0n);
  }
  return { states: count, classes, start: blocks.setOf(start), next: merged, output: kept };
}

/** Transitions by the state that they lead to. */
function incoming({ states, next }: Table): { readonly from: Uint32Array; readonly into: Uint32Array } {
  const from = new Uint32Array(states + 1);
  // Loops with an index: this is most of the work, and iterators take three times as long.
  for (let edge = 0; edge < next.length; edge++) {
    const state = next[edge] ?? 0;
    from[state + 1] = (from[state + 1] ?? 0) + 1;
  }
  for (let state = 0; state < states; state++) from[state + 1] = (from[state + 1] ?? 0) + (from[state] ?? 0);
  const into = new Uint32Array(next.length);
  const at = from.slice();
  for (let edge = 0; edge < next.length; edge++) {
    const state = next[edge] ?? 0;
    const place = at[state] ?? 0;
    into[place] = edge;
    at[state] = place + 1;
  }
  return { from, into };
}

/** Sets of elements that are split by marking some of them. Begins with a set for each different key. */
class Partition {
  count = 0;
  readonly #elements: Uint32Array;
  readonly #places: Uint32Array;
  readonly #sets: Uint32Array;
  readonly #first: number[] = [];
  readonly #end: number[] = [];
  readonly #marked: number[] = [];
  #touched: number[] = [];

  /** `keyOf` is below `keys`, and each key is some element's. */
  constructor(size: number, keys: number, keyOf: (element: number) => number) {
    this.#elements = new Uint32Array(size);
    this.#places = new Uint32Array(size);
    this.#sets = new Uint32Array(size);
    const sizes = new Uint32Array(keys);
    for (let element = 0; element < size; element++) {
      const set = keyOf(element);
      this.#sets[element] = set;
      sizes[set] = (sizes[set] ?? 0) + 1;
    }
    let at = 0;
    for (let set = 0; set < keys; set++) {
      this.#first[set] = at;
      this.#end[set] = at;
      this.#marked[set] = 0;
      at += sizes[set] ?? 0;
    }
    for (let element = 0; element < size; element++) {
      const set = this.#sets[element] ?? 0;
      const place = this.#end[set] ?? 0;
      this.#elements[place] = element;
      this.#places[element] = place;
      this.#end[set] = place + 1;
    }
    this.count = keys;
  }

  first(set: number): number {
    return this.#first[set] ?? 0;
  }

  end(set: number): number {
    return this.#end[set] ?? 0;
  }

  element(place: number): number {
    return this.#elements[place] ?? 0;
  }

  setOf(element: number): number {
    return this.#sets[element] ?? 0;
  }

  mark(element: number): void {
    const set = this.#sets[element] ?? 0;
    const place = this.#places[element] ?? 0;
    const marked = this.#marked[set] ?? 0;
    const to = (this.#first[set] ?? 0) + marked;
    if (place < to) return;
    const other = this.#elements[to] ?? 0;
    this.#elements[place] = other;
    this.#places[other] = place;
    this.#elements[to] = element;
    this.#places[element] = to;
    if (marked === 0) this.#touched.push(set);
    this.#marked[set] = marked + 1;
  }

  /** Of each set with marked elements and others, the smaller half becomes a new set. */
  split(): void {
    for (const set of this.#touched) {
      const first = this.#first[set] ?? 0;
      const end = this.#end[set] ?? 0;
      const middle = first + (this.#marked[set] ?? 0);
      this.#marked[set] = 0;
      if (middle === end) continue;
      const isFirstSmaller = middle - first <= end - middle;
      const made = this.count++;
      this.#first[made] = isFirstSmaller ? first : middle;
      this.#end[made] = isFirstSmaller ? middle : end;
      this.#marked[made] = 0;
      if (isFirstSmaller) this.#first[set] = middle;
      else this.#end[set] = middle;
      for (let place = this.#first[made] ?? 0; place < (this.#end[made] ?? 0); place++) {
        this.#sets[this.#elements[place] ?? 0] = made;
      }
    }
    this.#touched = [];
  }
}
