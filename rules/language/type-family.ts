import type { Operator } from './ast.ts';
import type { FieldType } from './field.ts';

/** What a type is compared as. */
export type TypeFamily =
  | 'signed'
  | 'unsigned'
  | 'double'
  | 'port'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'address'
  | 'network'
  | 'id'
  | 'dynamic';

type TypeFacts = { readonly family: TypeFamily; readonly bits: number };

const facts: Readonly<Record<FieldType, TypeFacts>> = {
  INT8: { family: 'signed', bits: 8 },
  INT16: { family: 'signed', bits: 16 },
  INT32: { family: 'signed', bits: 32 },
  INT64: { family: 'signed', bits: 64 },
  UINT8: { family: 'unsigned', bits: 8 },
  UINT16: { family: 'unsigned', bits: 16 },
  UINT32: { family: 'unsigned', bits: 32 },
  UINT64: { family: 'unsigned', bits: 64 },
  PID: { family: 'signed', bits: 64 },
  FD: { family: 'signed', bits: 64 },
  ERRNO: { family: 'signed', bits: 64 },
  RELTIME: { family: 'unsigned', bits: 64 },
  ABSTIME: { family: 'unsigned', bits: 64 },
  FLAGS8: { family: 'unsigned', bits: 8 },
  FLAGS16: { family: 'unsigned', bits: 16 },
  FLAGS32: { family: 'unsigned', bits: 32 },
  ENUMFLAGS8: { family: 'unsigned', bits: 8 },
  ENUMFLAGS16: { family: 'unsigned', bits: 16 },
  ENUMFLAGS32: { family: 'unsigned', bits: 32 },
  MODE: { family: 'unsigned', bits: 32 },
  SYSCALLID: { family: 'unsigned', bits: 16 },
  SIGTYPE: { family: 'unsigned', bits: 8 },
  DOUBLE: { family: 'double', bits: 32 },
  PORT: { family: 'port', bits: 16 },
  UID: { family: 'id', bits: 32 },
  GID: { family: 'id', bits: 32 },
  BOOL: { family: 'bool', bits: 1 },
  CHARBUF: { family: 'string', bits: 0 },
  FSPATH: { family: 'string', bits: 0 },
  FSRELPATH: { family: 'string', bits: 0 },
  BYTEBUF: { family: 'bytes', bits: 0 },
  IPADDR: { family: 'address', bits: 0 },
  IPNET: { family: 'network', bits: 0 },
  DYNAMIC: { family: 'dynamic', bits: 0 },
};

export const familyOf = (type: FieldType): TypeFamily => facts[type].family;

export const bitsIn = (type: FieldType): number => facts[type].bits;

const equality: readonly Operator[] = ['=', '==', '!='];
const sets: readonly Operator[] = ['in', 'intersects'];
const order: readonly Operator[] = ['<', '<=', '>', '>='];
const numeric = [...equality, ...order, ...sets];

const allowed: Readonly<Record<TypeFamily, readonly Operator[]>> = {
  signed: numeric,
  unsigned: numeric,
  double: numeric,
  port: numeric,
  bool: [...equality, ...sets],
  string: [...numeric, 'contains', 'icontains', 'startswith', 'endswith', 'glob', 'iglob', 'regex', 'pmatch'],
  bytes: [...equality, ...sets, 'contains', 'startswith', 'endswith', 'bcontains', 'bstartswith'],
  address: [...equality, ...sets],
  network: [...equality, ...sets],
  // No shipped field has these types; the original compares them with nothing.
  id: [],
  dynamic: [...numeric, 'contains', 'icontains', 'startswith', 'endswith', 'glob', 'iglob', 'regex', 'pmatch'],
};

const listTypes: readonly FieldType[] = ['CHARBUF', 'UINT64', 'RELTIME', 'ABSTIME', 'BOOL', 'IPADDR', 'IPNET'];

/** The operators, besides `exists`, that a value of this type takes on its left. */
export function operatorsOf(type: FieldType, list: boolean): readonly Operator[] {
  if (list) return listTypes.includes(type) ? sets : [];
  return allowed[familyOf(type)];
}

/** The integer as a field of this type would hold it: the original wraps what does not fit. */
export function wrapInteger(value: bigint, type: FieldType): number | bigint {
  const { family, bits } = facts[type];
  return normalizeInteger(
    family === 'unsigned' || family === 'port' ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value),
  );
}

/** Integers are numbers as long as these are exact, so that `===` and sets work. */
export function normalizeInteger(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
