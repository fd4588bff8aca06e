import { parseAddress } from '../language/address.ts';
import { toByteString } from '../language/byte-string.ts';
import { fieldText } from '../language/catalogue.ts';
import {
  type Bind,
  type FieldCatalogue,
  type FieldFlag,
  type FieldSpec,
  type FieldType,
  type FieldValue,
  fieldTypes,
} from '../language/field.ts';
import { familyOf, normalizeInteger } from '../language/type-family.ts';

/**
 * Fields that a question brings along: `{"f.s": "CHARBUF", "f.l": "UINT64[]"}`. The form is that of the conformance
 * vectors, where `f.arr[2]` is the name of a field with an argument.
 */
export type VectorTypes = Readonly<Record<string, string>>;
export type VectorValue = string | number | boolean | null | readonly VectorValue[];
export type VectorFlags = Readonly<Record<string, readonly string[]>>;

const flagNames: Readonly<Record<string, FieldFlag>> = {
  NO_RHS: 'no-rhs',
  NO_TRANSFORMER: 'no-transformer',
  PF_HEX: 'PF_HEX',
  PF_OCT: 'PF_OCT',
  PF_10_PADDED_DEC: 'PF_10_PADDED_DEC',
};

export function readType(text: string): { readonly type: FieldType; readonly list: boolean } | undefined {
  const list = text.endsWith('[]');
  const name = list ? text.slice(0, -2) : text;
  const type = fieldTypes.find((known) => known === name);
  return type && { type, list };
}

export function vectorCatalogue(types: VectorTypes, flags: VectorFlags = {}): FieldCatalogue {
  const specs = Object.entries(types).map(([name, text]): FieldSpec => {
    const found = readType(text);
    if (found === undefined) throw new Error(`unknown type ${text}`);
    return {
      name,
      class: 'f',
      ...found,
      argument: undefined,
      doc: '',
      flags: (flags[name] ?? []).map((flag) => flagNames[flag]).filter((flag) => flag !== undefined),
      deprecated: false,
      candidates: undefined,
    };
  });
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  return {
    specs,
    eventTypes: undefined,
    lookup: (name, argument) => {
      const text = argument === undefined || argument === '' ? name : `${name}[${argument}]`;
      const spec = byName.get(text);
      return spec === undefined
        ? { ok: false, reason: 'unknown', explain: () => `unknown field ${text}` }
        : { ok: true, use: text === name ? { spec } : { spec: { ...spec, name }, argument: argument ?? '' } };
    },
  };
}

/** Reads the values beside the question; a text is converted to its field's type. */
export function vectorBind(fields: Readonly<Record<string, VectorValue>>, types: VectorTypes): Bind<unknown> {
  return (use) => {
    const name = fieldText(use);
    const found = readType(types[name] ?? '');
    const value = found === undefined ? undefined : readVectorValue(fields[name] ?? null, found.type);
    return () => value;
  };
}

function readVectorValue(value: VectorValue, type: FieldType): FieldValue | undefined {
  if (value === null) return undefined;
  if (typeof value === 'object')
    return value.map((element) => readVectorValue(element, type)).filter((element) => element !== undefined);
  if (typeof value !== 'string') return value;
  switch (familyOf(type)) {
    case 'signed':
    case 'unsigned':
    case 'port':
    case 'id':
      return /^-?\d{1,40}$/.test(value) ? normalizeInteger(BigInt(value)) : undefined;
    case 'address':
    case 'network':
      return parseAddress(value);
    case 'double':
      return Number(value);
    case 'bool':
      return value === 'true';
    case 'string':
      // As the kernel's do, texts end at a NUL byte.
      return toByteString(value.split('\0')[0] ?? '');
    case 'bytes':
    case 'dynamic':
      return toByteString(value);
  }
}
