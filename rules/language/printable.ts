/**
 * Control characters, and marks that are not seen but turn text around, as `\u{…}`: text that somebody else wrote must
 * not rewrite the reader's terminal.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
}
