import { RE2JS } from 're2js';
import { fromByteString } from './byte-string.ts';

/**
 * Regular expressions run on a linear-time engine, because attackers choose the text they meet. The original reads them
 * in RE2's POSIX syntax, so what only RE2's full syntax knows is refused here, and `^` and `$` also match at lines.
 */

/** Why RE2 in POSIX syntax would refuse the pattern; `undefined`: it is fine. */
export function checkPattern(pattern: string): string | undefined {
  const reason = findPerlism(pattern);
  if (reason !== undefined) return reason;
  try {
    RE2JS.compile(squash(pattern), flags);
    return undefined;
  } catch (error) {
    // The package throws its own error classes for every malformed pattern; anything else is our bug.
    // It puts its flags before what it shows.
    if (error instanceof Error && error.name.startsWith('RE2JS'))
      return `not a regular expression: ${error.message.replace('`(?m)', '`')}`;
    throw error;
  }
}

const flags = RE2JS.MULTILINE | RE2JS.DISABLE_UNICODE_GROUPS;

/** Whether the whole value matches. The value is a byte string; the pattern is matched against its characters. */
export function compilePattern(pattern: string): (value: string) => boolean {
  const compiled = RE2JS.compile(squash(fromByteString(pattern)), flags);
  return (value) => compiled.matches(fromByteString(value));
}

/**
 * Perl's `a*?` is no greed of its own in POSIX syntax but `(a*)?`, and `a**` no mistake: of one sign several are that
 * sign, and a mixture is `*`.
 */
function squash(pattern: string): string {
  let inClass = false;
  return pattern.replace(/\\.|\[:\^?[a-z]+:\]|\[\^?\]?|\]|[*+?]{2,}/gs, (found) => {
    if (inClass) {
      if (found === ']') inClass = false;
      return found;
    }
    if (found.startsWith('[')) inClass = !found.endsWith(':]');
    if (!/^[*+?]/.test(found)) return found;
    return new Set(found).size === 1 ? found.charAt(0) : '*';
  });
}

const posixClass = /\[:\^?[a-z]+:\]/y;

function findPerlism(pattern: string): string | undefined {
  let inClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] ?? '';
    if (char === '\\') {
      const reason = checkEscape(pattern.slice(at + 1, at + 4), inClass);
      if (reason !== undefined) return reason;
      at++;
    } else if (inClass) {
      posixClass.lastIndex = at;
      const named = posixClass.exec(pattern)?.[0];
      if (named !== undefined) at += named.length - 1;
      else if (char === ']') inClass = false;
    } else if (char === '[') {
      inClass = true;
      // A bracket that comes first in a class is a member of it.
      if (pattern[at + 1] === '^') at++;
      if (pattern[at + 1] === ']') at++;
    } else if (char === '(' && pattern[at + 1] === '?') {
      return 'groups that begin with (? are not part of the POSIX syntax of regular expressions';
    }
  }
  return undefined;
}

function checkEscape(rest: string, inClass: boolean): string | undefined {
  const next = rest[0];
  if (next === undefined) return 'a backslash ends the regular expression';
  if (/[afnrtvx]/.test(next) || /^0|^[1-7][0-7]/.test(rest) || /^[^\w\u0080-\uffff]/.test(next)) return undefined;
  const instead: Readonly<Record<string, string>> = {
    d: '[0-9]',
    w: '[A-Za-z0-9_]',
    s: '[ \\t\\n\\f\\r]',
    D: '[^0-9]',
    W: '[^A-Za-z0-9_]',
  };
  const hint = inClass ? undefined : instead[next];
  return `\\${next} is not part of the POSIX syntax of regular expressions${hint === undefined ? '' : `; use ${hint}`}`;
}

/** Characters that make a regular expression more than plain text. */
const special = /[\\^$.|?*+()[\]{}]/;

/**
 * Whether a plain operator (`startswith`, `contains`, `=`, …) would do: nothing is special but a `^` or `.*` at the very
 * beginning and a `$` or `.*` at the very end.
 */
export function isNeedless(pattern: string): boolean {
  const core = pattern.replace(/^(?:\^|\.[+*?])/, '').replace(/(?:\$|\.[+*?])$/, '');
  return !special.test(core);
}
