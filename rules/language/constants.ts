import { type Network, parseAddress, parseNetwork } from './address.ts';
import type { Operator } from './ast.ts';
import { toByteString } from './byte-string.ts';
import type { FieldType } from './field.ts';
import { didYouMean } from './nearest.ts';
import { checkPattern } from './regex.ts';
import { services } from './services.ts';
import { familyOf, wrapInteger } from './type-family.ts';

/** A right-hand constant in the form in which it is compared; text is a byte string. */
export type Constant = string | number | bigint | boolean | Uint8Array | Network;

export type ConstantResult =
  | { readonly ok: true; readonly value: Constant }
  | { readonly ok: false; readonly reason: string };

/** The original stores text constants in 256 bytes. */
const mostBytes = 255;

/** Converts the text to the left side's type. */
export function readConstant(text: string, type: FieldType, operator: Operator): ConstantResult {
  const refuse = (what: string): ConstantResult => ({
    ok: false,
    reason: `${JSON.stringify(cut(text))} is no ${what}`,
  });
  switch (familyOf(type)) {
    case 'signed':
    case 'unsigned': {
      const value = readInteger(text);
      const limit = familyOf(type) === 'signed' ? limitSigned : limitUnsigned;
      return value === undefined ? refuse('decimal integer') : { ok: true, value: wrapInteger(limit(value), type) };
    }
    case 'double': {
      const value = readInteger(text);
      return value === undefined ? refuse('decimal integer') : { ok: true, value: Number(BigInt.asIntN(32, value)) };
    }
    case 'port':
      return readPort(text, type) ?? refuse(`port number or known service${didYouMean(text, services.keys())}`);
    case 'bool':
      return text === 'true' || text === 'false'
        ? { ok: true, value: text === 'true' }
        : refuse('truth value; use true or false');
    case 'string':
      return readText(text, operator);
    case 'bytes':
      return readBytes(text, operator);
    case 'address': {
      const value = parseAddress(text);
      return value === undefined ? refuse('IP address') : { ok: true, value };
    }
    case 'network': {
      const value = parseNetwork(text);
      return value === undefined ? refuse('network; write ADDRESS/PREFIX, such as 10.0.0.0/8') : { ok: true, value };
    }
    case 'id':
    case 'dynamic':
      return refuse('value that this field can be compared with');
  }
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Decimal only: hexadecimal numbers and fractions pass the grammar and are refused here, as in the original. */
function readInteger(text: string): bigint | undefined {
  const digits = /^\s*([+-]?\d{1,40})$/.exec(text)?.[1];
  return digits === undefined ? undefined : BigInt(digits.replace('+', ''));
}

/** What does not fit 64 bits is the largest or smallest that does; only then is it wrapped to the field's width. */
function limitSigned(value: bigint): bigint {
  const largest = 2n ** 63n - 1n;
  return value > largest ? largest : value < -largest - 1n ? -largest - 1n : value;
}

function limitUnsigned(value: bigint): bigint {
  const largest = 2n ** 64n - 1n;
  return value > largest || value < -largest ? largest : value;
}

function readPort(text: string, type: FieldType): ConstantResult | undefined {
  if (text === '') return { ok: true, value: 0 };
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number < 2 ** 31 ? { ok: true, value: wrapInteger(BigInt(number), type) } : undefined;
  }
  const value = services.get(text);
  return value === undefined ? undefined : { ok: true, value };
}

function readText(text: string, operator: Operator): ConstantResult {
  const value = toByteString(text);
  if (value.length > mostBytes)
    return { ok: false, reason: `a text of ${value.length} bytes is too long; at most ${mostBytes}` };
  if (operator === 'regex') {
    const reason = checkPattern(text);
    return reason === undefined ? { ok: true, value } : { ok: false, reason };
  }
  return { ok: true, value };
}

function readBytes(text: string, operator: Operator): ConstantResult {
  if (operator !== 'bcontains' && operator !== 'bstartswith') return readText(text, operator);
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
    return { ok: false, reason: `${JSON.stringify(cut(text))} is not an even number of hexadecimal digits` };
  }
  if (text.length > 2 * mostBytes) return { ok: false, reason: `more than ${mostBytes} bytes` };
  return { ok: true, value: text.replace(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16))) };
}
