/** Control characters (but tabs and line ends) and marks that turn text around. */
const hiddenInText = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu;
const hiddenInLine = /[\p{Cc}\p{Bidi_Control}]/gu;

/** Fields of an event may hold escape sequences of terminals, line ends, and marks that turn text around: shown as `\u001b`. */
export function visibleText(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(hiddenInText, escaped);
}

/** The same on one line. */
export function visibleLine(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(hiddenInLine, (char) => (char === '\n' ? ' ' : escaped(char)));
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** At most so many UTF-16 units, with an ellipsis where something is missing; never half a character. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
