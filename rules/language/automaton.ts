/** Many literals looked for in one pass over the text, whatever their number. Texts are byte strings. */

export type Trie = {
  /** Byte → class; bytes in no literal share class 0. */
  readonly classOf: Uint16Array;
  readonly classes: number;
  /** state × class → state; 0 is the root, which also means "no transition" before failure links are added. */
  readonly next: Int32Array;
  readonly isEnd: Uint8Array;
  /** The state in which each word ends. */
  readonly endOf: readonly number[];
};

/** `any-case`: ASCII letters only. */
type Letters = 'exact' | 'any-case';

export function buildTrie(words: readonly string[], letters: Letters = 'exact'): Trie {
  const classOf = new Uint16Array(256);
  let classes = 1;
  let most = 1;
  for (const word of words) {
    most += word.length;
    for (let at = 0; at < word.length; at++) {
      const code = word.charCodeAt(at) & 0xff;
      if (classOf[code] === 0) classOf[code] = classes++;
    }
  }
  // Words are in lower case then: their capitals count as the same byte.
  if (letters === 'any-case') for (let code = 65; code <= 90; code++) classOf[code] = classOf[code + 32] ?? 0;
  const next = new Int32Array(most * classes);
  const isEnd = new Uint8Array(most);
  let states = 1;
  const endOf = words.map((word) => {
    let state = 0;
    for (let at = 0; at < word.length; at++) {
      const slot = state * classes + (classOf[word.charCodeAt(at) & 0xff] ?? 0);
      if (next[slot] === 0) next[slot] = states++;
      state = next[slot] ?? 0;
    }
    isEnd[state] = 1;
    return state;
  });
  return { classOf, classes, next: next.slice(0, states * classes), isEnd: isEnd.slice(0, states), endOf };
}

/** Whether the text starts with one of the words. */
export function compilePrefixes(words: readonly string[]): (text: string) => boolean {
  if (words.includes('')) return () => true;
  const { classOf, classes, next, isEnd } = buildTrie(words);
  return (text) => {
    let state = 0;
    for (let at = 0; at < text.length; at++) {
      const kind = classOf[text.charCodeAt(at)] ?? 0;
      if (kind === 0) return false;
      state = next[state * classes + kind] ?? 0;
      if (state === 0) return false;
      if (isEnd[state] === 1) return true;
    }
    return false;
  };
}

/** Whether the text ends with one of the words. */
export function compileSuffixes(words: readonly string[]): (text: string) => boolean {
  if (words.includes('')) return () => true;
  const { classOf, classes, next, isEnd } = buildTrie(words.map((word) => [...word].reverse().join('')));
  return (text) => {
    let state = 0;
    for (let at = text.length - 1; at >= 0; at--) {
      const kind = classOf[text.charCodeAt(at)] ?? 0;
      if (kind === 0) return false;
      state = next[state * classes + kind] ?? 0;
      if (state === 0) return false;
      if (isEnd[state] === 1) return true;
    }
    return false;
  };
}

/** Whether one of the words is a component-wise prefix of the path; the words are normalized (`/a/b`). */
export function compilePathPrefixes(words: readonly string[]): (path: string) => boolean {
  const { classOf, classes, next, isEnd } = buildTrie(words);
  return (path) => {
    let state = 0;
    for (let at = 0; at < path.length; at++) {
      const code = path.charCodeAt(at);
      if (code === 47 && isEnd[state] === 1) return true;
      const kind = classOf[code] ?? 0;
      if (kind === 0) return false;
      state = next[state * classes + kind] ?? 0;
      if (state === 0) return false;
    }
    return isEnd[state] === 1;
  };
}

/**
 * Fills in all transitions, so that one pass finds words that begin anywhere (Aho and Corasick). Gives each state's
 * longest other state that is a suffix of it; what ends there ends here, too.
 */
export function fillTransitions({ classes, next, isEnd }: Trie): Int32Array {
  const fallback = new Int32Array(isEnd.length);
  const queue: number[] = [];
  for (let kind = 1; kind < classes; kind++) {
    const child = next[kind] ?? 0;
    if (child !== 0) queue.push(child);
  }
  for (let head = 0; head < queue.length; head++) {
    const state = queue[head] ?? 0;
    const shorter = fallback[state] ?? 0;
    if (isEnd[shorter] === 1) isEnd[state] = 1;
    for (let kind = 1; kind < classes; kind++) {
      const slot = state * classes + kind;
      const child = next[slot] ?? 0;
      const other = next[shorter * classes + kind] ?? 0;
      if (child === 0) next[slot] = other;
      else {
        fallback[child] = other;
        queue.push(child);
      }
    }
  }
  return fallback;
}

/** A byte that has no capital form, rarer ones first: the engine finds it ten times faster than we walk a text. */
const anchors = [/[^a-zA-Z/ .=-]/, /[^a-zA-Z]/];
/** Each place of the anchor costs up to a word's length. */
const longestAnchored = 64;

/** Whether the text contains the word, given in lower case, whatever the case of ASCII letters; `undefined`: no anchor. */
function compileAnchored(word: string): ((text: string) => boolean) | undefined {
  const offset = anchors.map((anchor) => word.search(anchor)).find((at) => at !== -1);
  if (offset === undefined || word.length > longestAnchored) return undefined;
  const anchor = word[offset] ?? '';
  const codes = Array.from(word, (char) => char.charCodeAt(0));
  const matchesAt = (text: string, start: number): boolean => {
    for (let index = 0; index < codes.length; index++) {
      const code = text.charCodeAt(start + index);
      if ((code >= 65 && code <= 90 ? code + 32 : code) !== codes[index]) return false;
    }
    return true;
  };
  return (text) => {
    for (let at = text.indexOf(anchor, offset); at !== -1; at = text.indexOf(anchor, at + 1)) {
      if (matchesAt(text, at - offset)) return true;
    }
    return false;
  };
}

/** Whether the text contains one of the words; for `any-case` these are given in lower case. */
export function compileContains(words: readonly string[], letters: Letters = 'exact'): (text: string) => boolean {
  if (words.includes('')) return () => true;
  const [word = '', other] = words;
  const anchored = letters === 'any-case' && other === undefined ? compileAnchored(word) : undefined;
  if (anchored !== undefined) return anchored;
  const trie = buildTrie(words, letters);
  fillTransitions(trie);
  const { classOf, classes, next, isEnd } = trie;
  return (text) => {
    let state = 0;
    for (let at = 0; at < text.length; at++) {
      state = next[state * classes + (classOf[text.charCodeAt(at)] ?? 0)] ?? 0;
      if (isEnd[state] === 1) return true;
    }
    return false;
  };
}
