import type { TransformerName } from './ast.ts';
import type { Expression } from './checked.ts';
import type { FieldType, FieldValue } from './field.ts';
import { familyOf } from './type-family.ts';

type CallType =
  | { readonly ok: true; readonly type: FieldType; readonly list: boolean }
  | { readonly ok: false; readonly reason: string };

const isText = (operand: Expression): boolean => operand.type === 'CHARBUF' && !operand.list;
/** What `join` renders as text. */
const joined: readonly FieldType[] = ['CHARBUF', 'INT64', 'UINT64', 'PID'];

/** The type of a transformer's result, or why it does not take these values. */
export function checkCall(
  name: TransformerName,
  operands: readonly Expression[],
  argument: string | undefined,
): CallType {
  const refuse = (reason: string): CallType => ({ ok: false, reason: `${name}(): ${reason}` });
  if (argument !== undefined && name !== 'getopt') return refuse('only getopt() takes an argument in brackets');
  const [first, second] = operands;
  if (first === undefined) return refuse('a value is missing');
  const shown = `${first.list ? 'a list of ' : ''}${first.type}`;
  switch (name) {
    case 'tolower':
    case 'toupper':
    case 'basename':
    case 'b64': {
      if (operands.length !== 1) return refuse(`takes one value, found ${operands.length}`);
      const fits =
        name === 'b64' ? first.type === 'CHARBUF' || first.type === 'BYTEBUF' : familyOf(first.type) === 'string';
      if (!fits || first.kind === 'tuple')
        return refuse(`takes ${name === 'b64' ? 'CHARBUF or BYTEBUF' : 'text'}, found ${shown}`);
      return { ok: true, type: first.type, list: first.list };
    }
    case 'len': {
      if (operands.length !== 1) return refuse(`takes one value, found ${operands.length}`);
      const family = familyOf(first.type);
      if (!first.list && family !== 'string' && family !== 'bytes')
        return refuse(`takes text, bytes or a list, found ${shown}`);
      return { ok: true, type: 'UINT64', list: false };
    }
    case 'join': {
      if (second === undefined || operands.length !== 2) return refuse('takes a separator and a list');
      if (!isText(first)) return refuse(`the separator must be text, found ${shown}`);
      if (!second.list || second.type !== 'CHARBUF') return refuse('the second value must be a list of text');
      const odd =
        second.kind === 'tuple' ? second.items.find((item) => item.list || !joined.includes(item.type)) : undefined;
      if (odd !== undefined) return refuse(`cannot join ${odd.list ? 'a list of ' : ''}${odd.type}`);
      return { ok: true, type: 'CHARBUF', list: false };
    }
    case 'concat':
      if (operands.length < 2) return refuse('takes two values or more');
      if (!operands.every(isText)) return refuse('takes CHARBUF texts only');
      return { ok: true, type: 'CHARBUF', list: false };
    case 'getopt': {
      if (second === undefined || operands.length !== 2)
        return refuse('takes a list of arguments and the option letters');
      if (!first.list || first.type !== 'CHARBUF' || first.kind === 'tuple')
        return refuse(`takes a list of text, found ${shown}`);
      if (!isText(second)) return refuse('the option letters must be text');
      if (argument !== undefined && argument.length !== 1) return refuse(`[${argument}] must be one option letter`);
      return { ok: true, type: 'CHARBUF', list: argument === undefined };
    }
  }
}

/** `undefined` when the input cannot be transformed: then the result is missing. */
export type Transform = (values: readonly FieldValue[]) => FieldValue | undefined;

/** All values are present; texts are byte strings. */
export function compileCall(name: TransformerName, option: string | undefined, types: readonly FieldType[]): Transform {
  switch (name) {
    case 'tolower':
      return eachText((text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()));
    case 'toupper':
      return eachText((text) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()));
    case 'basename':
      return eachText((text) => text.slice(text.lastIndexOf('/') + 1));
    case 'b64':
      return eachText(decodeBase64);
    case 'len':
      return types[0] === 'BYTEBUF' ? ([value]) => lengthOf(value) : ([value]) => lengthOf(cutAtNul(value));
    case 'join':
      return ([separator, list]) => (Array.isArray(list) ? list.map(String).join(String(separator)) : undefined);
    case 'concat':
      return (values) => values.join('');
    case 'getopt':
      return ([words, letters]) => {
        if (!Array.isArray(words)) return undefined;
        const found = readOptions(words.map(String), String(letters));
        return option === undefined ? found : selectOption(found, option, String(letters));
      };
  }
}

function eachText(transform: (text: string) => string | undefined): Transform {
  return ([value]) => {
    if (typeof value === 'string') return transform(value);
    if (!Array.isArray(value)) return undefined;
    const results = value.map((element) => transform(String(element)));
    return results.includes(undefined) ? undefined : results.filter((result) => result !== undefined);
  };
}

/** Texts end at a NUL byte, as those do that `b64` decodes. */
function cutAtNul(value: FieldValue | undefined): FieldValue | undefined {
  const end = typeof value === 'string' ? value.indexOf('\0') : -1;
  return typeof value === 'string' && end !== -1 ? value.slice(0, end) : value;
}

function lengthOf(value: FieldValue | undefined): number | undefined {
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  return undefined;
}

/** Standard alphabet, padding optional. */
function decodeBase64(text: string): string | undefined {
  const body = text.replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(body) || body.length % 4 === 1) return undefined;
  if (body.length < text.length && text.length % 4 !== 0) return undefined;
  return atob(body);
}

/** POSIX getopt on short options: letters, each followed by its value if it takes one. */
function readOptions(words: readonly string[], letters: string): string[] {
  const found: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--' || word === '-' || word === '' || !word.startsWith('-')) break;
    if (word.startsWith('--')) continue;
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] ?? '';
      const known = letter === ':' ? -1 : letters.indexOf(letter);
      if (known === -1) {
        found.push('?');
        continue;
      }
      if (letters[known + 1] !== ':') {
        found.push(letter);
        continue;
      }
      const value = at + 1 < word.length ? word.slice(at + 1) : words[++index];
      if (value === undefined) found.push('');
      else found.push(letter, value);
      break;
    }
  }
  return found;
}

/** The value of the last occurrence, or the letter itself when it takes none. */
function selectOption(found: readonly string[], option: string, letters: string): string | undefined {
  const takesValue = letters[letters.indexOf(option) + 1] === ':' && letters.includes(option);
  let selected: string | undefined;
  for (let index = 0; index < found.length; index++) {
    const letter = found[index] ?? '';
    const hasValue = letters[letters.indexOf(letter) + 1] === ':' && letter !== '' && letters.includes(letter);
    if (letter === option) selected = takesValue ? found[index + 1] : letter;
    if (hasValue) index++;
  }
  return selected;
}
