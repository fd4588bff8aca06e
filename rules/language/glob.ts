/** POSIX fnmatch without flags, on bytes: `*` and `?` match `/` and leading dots, too. */

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'byte'; readonly code: number }
  | { readonly kind: 'set'; readonly members: Uint8Array };

export type GlobCase = 'glob' | 'iglob';

export function hasWildcard(pattern: string): boolean {
  return /[*?[\\]/.test(pattern);
}

/** A matcher of whole values. Simple shapes become plain string operations. */
export function compileGlob(pattern: string, letterCase: GlobCase = 'glob'): (value: string) => boolean {
  const simple = letterCase === 'glob' ? compileSimple(pattern) : undefined;
  if (simple !== undefined) return simple;
  const tokens = readTokens(pattern, letterCase);
  // A trailing backslash escapes nothing: fnmatch then matches nothing.
  return tokens === undefined ? () => false : (value) => matchTokens(tokens, value);
}

function compileSimple(pattern: string): ((value: string) => boolean) | undefined {
  if (/[?[\\]/.test(pattern)) return undefined;
  const parts = pattern.split(/\*+/);
  const [first = '', last = ''] = parts;
  if (parts.length === 1) return (value) => value === first;
  if (parts.length === 2 && first === '' && last === '') return () => true;
  if (parts.length === 2 && last === '') return (value) => value.startsWith(first);
  if (parts.length === 2 && first === '') return (value) => value.endsWith(last);
  if (parts.length === 2) {
    const least = first.length + last.length;
    return (value) => value.length >= least && value.startsWith(first) && value.endsWith(last);
  }
  const [, middle = ''] = parts;
  if (parts.length === 3 && first === '' && parts[2] === '') return (value) => value.includes(middle);
  return undefined;
}

function readTokens(pattern: string, letterCase: GlobCase): readonly Token[] | undefined {
  const tokens: Token[] = [];
  const pushByte = (code: number): void => {
    const members = new Uint8Array(256);
    for (const same of letterCase === 'iglob' ? cases(code) : [code]) members[same] = 1;
    tokens.push(letterCase === 'iglob' ? { kind: 'set', members } : { kind: 'byte', code });
  };
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at];
    if (char === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (char === '?') {
      tokens.push({ kind: 'any' });
    } else if (char === '[') {
      const set = readSet(pattern, at, letterCase);
      if (set === undefined) tokens.push({ kind: 'byte', code: 91 });
      else {
        tokens.push({ kind: 'set', members: set.members });
        at = set.end;
      }
    } else if (char === '\\') {
      at++;
      if (at === pattern.length) return undefined;
      pushByte(pattern.charCodeAt(at));
    } else {
      pushByte(pattern.charCodeAt(at));
    }
  }
  return tokens;
}

const classes: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /\p{Cc}/u,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t-\r ]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

/** Reads `[…]`; `undefined` when it is never closed: then the bracket is an ordinary character. */
function readSet(
  pattern: string,
  open: number,
  letterCase: GlobCase,
): { readonly members: Uint8Array; readonly end: number } | undefined {
  let at = open + 1;
  const negated = pattern[at] === '!' || pattern[at] === '^';
  if (negated) at++;
  const members = new Uint8Array(256);
  for (let first = true; first || pattern[at] !== ']'; first = false) {
    if (at >= pattern.length) return undefined;
    const named = /^\[:([a-z]+):\]/.exec(pattern.slice(at, at + 12));
    if (named !== null) {
      addClass(members, named[1] ?? '');
      at += named[0].length;
      continue;
    }
    const low = readMember(pattern, at);
    if (low === undefined) return undefined;
    at = low.next;
    let high = low.code;
    if (pattern[at] === '-' && pattern[at + 1] !== ']' && at + 1 < pattern.length) {
      const upper = readMember(pattern, at + 1);
      if (upper === undefined) return undefined;
      high = upper.code;
      at = upper.next;
    }
    addRange(members, low.code, high, letterCase);
  }
  if (negated) for (let code = 0; code < 256; code++) members[code] = members[code] === 1 ? 0 : 1;
  return { members, end: at };
}

function readMember(pattern: string, at: number): { readonly code: number; readonly next: number } | undefined {
  const escaped = pattern[at] === '\\' ? at + 1 : at;
  return escaped < pattern.length ? { code: pattern.charCodeAt(escaped) & 0xff, next: escaped + 1 } : undefined;
}

/** Both cases of a letter of ASCII. */
function cases(code: number): readonly number[] {
  const low = toLower(code);
  return low >= 97 && low <= 122 ? [low, low - 32] : [code];
}

function toLower(code: number): number {
  return code >= 65 && code <= 90 ? code + 32 : code;
}

/** glibc's fnmatch with FNM_CASEFOLD folds both ends of a range and the letter; what a class like `[:upper:]` names it does not fold. */
function addRange(members: Uint8Array, low: number, high: number, letterCase: GlobCase): void {
  const folds = letterCase === 'iglob';
  for (let code = folds ? toLower(low) : low; code <= (folds ? toLower(high) : high); code++) {
    for (const same of folds ? cases(code) : [code]) if (!folds || toLower(same) === code) members[same] = 1;
  }
}

function addClass(members: Uint8Array, name: string): void {
  const pattern = classes[name];
  if (pattern === undefined) return;
  for (let code = 0; code < 128; code++) if (pattern.test(String.fromCharCode(code))) members[code] = 1;
}

/** On a mismatch only the last star is tried again, so the effort is at most value × pattern. */
function matchTokens(tokens: readonly Token[], value: string): boolean {
  let at = 0;
  let token = 0;
  let starToken = -1;
  let starAt = 0;
  while (at < value.length) {
    const wanted = tokens[token];
    if (wanted?.kind === 'star') {
      starToken = token++;
      starAt = at;
    } else if (wanted !== undefined && matchesByte(wanted, value.charCodeAt(at))) {
      token++;
      at++;
    } else if (starToken !== -1) {
      token = starToken + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === 'star') token++;
  return token === tokens.length;
}

function matchesByte(token: Token, code: number): boolean {
  switch (token.kind) {
    case 'any':
      return true;
    case 'byte':
      return token.code === code;
    case 'set':
      return token.members[code] === 1;
    case 'star':
      return false;
  }
}
