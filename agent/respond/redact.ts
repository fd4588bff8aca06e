/** Words in the name of what people keep secret. Rather too much is hidden than too little. */
const secretive = /pass|pwd|secret|token|key|credential|auth|cookie|session|private|dsn|_url$|_uri$/i;
const HIDDEN = '***';

/** `NAME=value`; values of names that sound secret are hidden, and passwords within addresses. */
export function redactEnvironment(words: readonly string[]): readonly string[] {
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at === -1) return word;
    return secretive.test(word.slice(0, at)) ? `${word.slice(0, at)}=${HIDDEN}` : redactAddress(word);
  });
}

/** `--password=x` and `--password x`, and passwords within addresses. */
export function redactArguments(words: readonly string[]): readonly string[] {
  return words.map((word, index) => {
    const before = words[index - 1] ?? '';
    if (/^--?[a-z]/i.test(before) && !before.includes('=') && secretive.test(before) && !word.startsWith('-')) {
      return HIDDEN;
    }
    const at = word.indexOf('=');
    if (at > 0 && secretive.test(word.slice(0, at))) return `${word.slice(0, at)}=${HIDDEN}`;
    return redactAddress(word);
  });
}

/** `scheme://user:password@host`. */
function redactAddress(word: string): string {
  return word.replace(/(:\/\/[^/\s:@]*:)[^/\s@]*@/g, `$1${HIDDEN}@`);
}
