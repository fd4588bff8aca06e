import type { Source, Span } from './source.ts';

export const transformerNames = ['tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'] as const;
export type TransformerName = (typeof transformerNames)[number];

export const numberOperators = ['<=', '<', '>=', '>'] as const;
/** In the order in which they are tried: `==` before `=`. */
export const symbolOperators = ['==', '=', '!='] as const;
export const wordOperators = [
  'glob',
  'iglob',
  'contains',
  'icontains',
  'bcontains',
  'startswith',
  'bstartswith',
  'endswith',
  'regex',
] as const;
export const listOperators = ['intersects', 'in', 'pmatch'] as const;
export const modifiers = ['oneof', 'anyof', 'allof'] as const;

export type NumberOperator = (typeof numberOperators)[number];
export type StringOperator = (typeof symbolOperators)[number] | (typeof wordOperators)[number];
export type ListOperator = (typeof listOperators)[number];
export type Operator = 'exists' | NumberOperator | StringOperator | ListOperator;
export type Modifier = (typeof modifiers)[number];

/** Where something was written. Trees of macros are substituted into others, so every leaf knows its own source. */
export type At = { readonly source: Source; readonly span: Span };

export type FieldNode = {
  readonly kind: 'field';
  readonly name: string;
  /** The text in the brackets, unquoted. */
  readonly argument: string | undefined;
  readonly at: At;
};

export type TransformerNode = {
  readonly kind: 'transformer';
  readonly name: TransformerName;
  readonly operands: readonly Operand[];
  readonly argument: string | undefined;
  readonly at: At;
};

export type LiteralNode = {
  readonly kind: 'literal';
  readonly value: string;
  /** A number written without quotes. */
  readonly number: boolean;
  readonly at: At;
};

/** `(a, b)` among a transformer's operands. */
export type TupleNode = { readonly kind: 'tuple'; readonly items: readonly Operand[]; readonly at: At };

export type Operand = FieldNode | TransformerNode | LiteralNode | TupleNode;

export type Right =
  | LiteralNode
  /** `bare`: a lone identifier where a list may stand; it is a list of that one text. */
  | {
      readonly kind: 'list';
      readonly values: readonly LiteralNode[];
      readonly bare: boolean;
      /** A text with an unknown escape, in a list that is empty because of it. */
      readonly unread?: At;
      readonly at: At;
    }
  /** `val(field)`; the grammar lets an argument follow, which means nothing. */
  | { readonly kind: 'val'; readonly field: FieldNode; readonly argument: string | undefined; readonly at: At }
  | TransformerNode;

export type CheckNode = {
  readonly kind: 'check';
  readonly left: FieldNode | TransformerNode;
  readonly operator: Operator;
  readonly modifier: Modifier | undefined;
  /** `undefined` for `exists` only. */
  readonly right: Right | undefined;
  readonly at: At;
};

/** A macro's name, before macros are resolved. */
export type NameNode = { readonly kind: 'name'; readonly name: string; readonly at: At };

/** A condition as written. */
export type Node =
  | { readonly kind: 'and' | 'or'; readonly children: readonly Node[] }
  | { readonly kind: 'not'; readonly child: Node }
  | NameNode
  | CheckNode;

/** A condition without macro names. A macro used twice is the same object twice. */
export type ResolvedNode =
  | { readonly kind: 'and' | 'or'; readonly children: readonly ResolvedNode[] }
  | { readonly kind: 'not'; readonly child: ResolvedNode }
  | CheckNode;

export const operators: readonly Operator[] = [
  'exists',
  ...numberOperators,
  ...symbolOperators,
  ...wordOperators,
  ...listOperators,
];
