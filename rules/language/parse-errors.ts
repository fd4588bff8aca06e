import { operators, wordOperators } from './ast.ts';
import { type Cursor, fail } from './lexer.ts';
import { didYouMean } from './nearest.ts';

/** What follows a complete condition is not part of it. */
export function failRest(cursor: Cursor): undefined {
  const word = wordAt(cursor);
  const meant = instead.get(word.toLowerCase());
  const reason =
    meant === undefined
      ? explainName(cursor)
      : meant === word
        ? '; put what is before it in parentheses'
        : `; write ${meant}`;
  const end = cursor.at + Math.max(1, word.length);
  return fail(cursor, `unexpected ${seen(cursor)} after a complete condition${reason}`, cursor.at, end);
}

/** What other languages write, and people do here. */
const instead: ReadonlyMap<string, string> = new Map([
  ['&&', 'and'],
  ['and', 'and'],
  ['||', 'or'],
  ['or', 'or'],
  ['~', 'regex'],
  ['matches', 'regex'],
  ['like', 'glob'],
  ['has', 'contains'],
  ['<>', '!='],
  ['not', 'not before the field'],
]);

function wordAt({ text, at }: Cursor): string {
  return /^[^\s(),"']+/.exec(text.slice(at, at + 40))?.[0] ?? '';
}

/** A word before an operator was meant as a field, and read as a macro. */
function explainName({ text, at }: Cursor): string {
  const [, name] = /(?:^|[\s(])([a-zA-Z]\w*)\s*$/.exec(text.slice(Math.max(0, at - 100), at)) ?? [];
  const next = /^(?:[=<>!]+|[a-z]+)/.exec(text.slice(at, at + 20))?.[0] ?? '';
  if (name === undefined || !operators.some((operator) => operator === next)) return '';
  return `; ${name} is read as a macro, for the name of a field has a dot`;
}

/** The text at the cursor, for messages. */
export function seen(cursor: Cursor): string {
  const word = /^[^\s(),]+|^./su.exec(cursor.text.slice(cursor.at, cursor.at + 40))?.[0];
  return word === undefined ? 'the end' : JSON.stringify(word);
}

/** What follows a field is no operator. */
export function failOperator(cursor: Cursor): undefined {
  const word = wordAt(cursor);
  const end = cursor.at + Math.max(1, word.length);
  const lower = word.toLowerCase();
  const meant = instead.get(lower) ?? operators.find((operator) => operator === lower && operator !== word);
  const hint = wordOperators.some((operator) => operator === word)
    ? `; a blank must follow ${word}`
    : meant === undefined
      ? didYouMean(word, operators)
      : `; write ${meant}`;
  return fail(cursor, `expected an operator after the field, found ${seen(cursor)}${hint}`, cursor.at, end);
}
