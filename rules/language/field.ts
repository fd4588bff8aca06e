/** The types a field can have; which operators and constants each takes is in `operators.ts` and `constants.ts`. */
export const fieldTypes = [
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'PID',
  'FD',
  'ERRNO',
  'RELTIME',
  'ABSTIME',
  'FLAGS8',
  'FLAGS16',
  'FLAGS32',
  'ENUMFLAGS8',
  'ENUMFLAGS16',
  'ENUMFLAGS32',
  'MODE',
  'SYSCALLID',
  'SIGTYPE',
  'DOUBLE',
  'PORT',
  'UID',
  'GID',
  'BOOL',
  'CHARBUF',
  'FSPATH',
  'FSRELPATH',
  'BYTEBUF',
  'IPADDR',
  'IPNET',
  'DYNAMIC',
] as const;
export type FieldType = (typeof fieldTypes)[number];

/**
 * A field's value for one event; missing is `undefined`. Strings are byte strings (`byte-string.ts`), and so may a
 * BYTEBUF be; IPADDR and IPNET fields give the address in 4 or 16 bytes; integers beyond 2^53 are bigint.
 */
export type FieldValue = string | number | bigint | boolean | Uint8Array | readonly FieldValue[];

/** `index`: digits in brackets; `key`: any text in brackets; `dotted`: part of the name, as in `evt.arg.flags`. */
export type ArgumentKind = 'index' | 'key' | 'index+key';

export type FieldFlag =
  /** May stand in conditions but has no value to print. */
  | 'filter-only'
  /** May stand in outputs only. */
  | 'print-only'
  | 'no-transformer'
  /** May not stand on the right, nor be compared with a field. */
  | 'no-rhs'
  /** The argument follows a dot instead of standing in brackets. */
  | 'dotted'
  /** Left out of `lanner fields`. */
  | 'unlisted'
  /** `append_output` adds it to every output with `suggested_output: true`. */
  | 'suggested'
  | 'PF_HEX'
  | 'PF_OCT'
  | 'PF_10_PADDED_DEC';

export type FieldSpec = {
  readonly name: string;
  readonly class: string;
  readonly type: FieldType;
  /** Every value is a list. */
  readonly list: boolean;
  readonly argument: { readonly kind: ArgumentKind; readonly required: boolean } | undefined;
  readonly doc: string;
  readonly flags: readonly FieldFlag[];
  readonly deprecated: boolean;
  /**
   * The reader gives an array of candidates, of which a check wants one to match. `ancestors`: the parent first, up to
   * init, and only when the field has no argument; `!=` asks that one of them differs. `endpoints`: both ends of a
   * socket (one of a listening socket, none of another descriptor); `!=` asks that every one of them differs. `names`:
   * those that rules compare with and that lead to an address, perhaps none; `!=` asks that every one differs, and the
   * first is printed.
   */
  readonly candidates: Candidates | undefined;
};

export type Candidates = 'ancestors' | 'endpoints' | 'names';

/** One field as a rule names it: `proc.aname[2]` is `{ spec: proc.aname, argument: 2 }`. */
export type FieldUse = { readonly spec: FieldSpec; readonly argument?: string | number };

export type FieldReader<E> = (event: E) => FieldValue | undefined;

/** How a field is read from an event. `undefined`: nobody here can read it, so its value is always missing. */
export type Bind<E> = (field: FieldUse) => FieldReader<E> | undefined;

/** `argument`: the field exists, but its argument is missing or odd, which `skip-if-unknown-filter` does not forgive. */
export type FieldLookup =
  | { readonly ok: true; readonly use: FieldUse }
  | { readonly ok: false; readonly reason: 'unknown' | 'argument'; readonly explain: () => string };

/** What a condition may name. Made by `makeCatalogue`; the product's own is `rules/fields.ts`. */
export type FieldCatalogue = {
  readonly specs: readonly FieldSpec[];
  /** `argument` is the text in the brackets, unquoted. */
  readonly lookup: (name: string, argument?: string) => FieldLookup;
  /** Names that `evt.type` may be compared with, and how many event codes share each; `undefined`: any text. */
  readonly eventTypes: ReadonlyMap<string, number> | undefined;
};
