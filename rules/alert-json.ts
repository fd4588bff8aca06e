/** `JSON.rawJSON` is in Node 24; TypeScript's library does not know it yet. */
const { rawJSON } = JSON as typeof JSON & { readonly rawJSON: (text: string) => unknown };

/** JSON on one line in which integers beyond 2^53 keep all their digits, as Falco prints them. */
export function alertJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? rawJSON(String(inner)) : inner));
}

/** Stands for an integer while `JSON.parse` runs; objects have no place in an alert's fields. */
const HELD = 'held-integer';
/** A body, an alert in it, its fields, a list among them: nothing is looked for further down. */
const MOST_DEPTH = 5;

/**
 * Reads what `alertJson` or Falco wrote: integers beyond 2^53 become bigints. Throws a SyntaxError, as `JSON.parse`
 * does. A reviver would see their digits, too, but makes reading five times slower.
 */
export function parseAlertJson(text: string): unknown {
  const held = text.includes(HELD) ? text : holdIntegers(text);
  // What is no JSON is told in the words of the text as it came.
  return held === text ? JSON.parse(text) : release(tryParse(held) ?? JSON.parse(text), MOST_DEPTH);
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Integers of 16 to 20 digits: 2^53 has 16, 2^64 has 20. */
const longInteger = /(?<![\d.eE+-])-?[1-9]\d{15,19}(?![\d.eE])/g;

/** Writes `{"held-integer":"123…"}` for every integer that a double cannot hold and that stands outside of strings. */
function holdIntegers(text: string): string {
  const pieces: string[] = [];
  let isInString = false;
  let quotesFrom = 0;
  let copiedTo = 0;
  for (const { 0: digits, index } of text.matchAll(longInteger)) {
    for (let quote = text.indexOf('"', quotesFrom); quote !== -1 && quote < index; ) {
      isInString = !isInString || isEscaped(text, quote);
      quotesFrom = quote + 1;
      quote = text.indexOf('"', quotesFrom);
    }
    if (isInString || Number.isSafeInteger(Number(digits))) continue;
    pieces.push(text.slice(copiedTo, index), `{"${HELD}":"${digits}"}`);
    copiedTo = index + digits.length;
  }
  return pieces.length === 0 ? text : pieces.join('') + text.slice(copiedTo);
}

function isEscaped(text: string, quote: number): boolean {
  let from = quote;
  while (text[from - 1] === '\\') from--;
  return (quote - from) % 2 === 1;
}

function release(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth === 0) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => release(item, depth - 1));
  if (HELD in value) return BigInt(String(value[HELD]));
  for (const [key, inner] of Object.entries(value)) {
    const released = release(inner, depth - 1);
    if (released !== inner) Object.assign(value, { [key]: released });
  }
  return value;
}
