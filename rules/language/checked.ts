import type { At, Modifier, Operator, TransformerName } from './ast.ts';
import type { Constant } from './constants.ts';
import type { FieldType, FieldUse } from './field.ts';

/** A value to compare, with its type. */
export type Expression =
  | { readonly kind: 'field'; readonly use: FieldUse; readonly type: FieldType; readonly list: boolean }
  | {
      readonly kind: 'call';
      readonly name: TransformerName;
      readonly operands: readonly Expression[];
      /** `getopt`'s option letter. */
      readonly option: string | undefined;
      readonly type: FieldType;
      readonly list: boolean;
    }
  /** `value` is a byte string. */
  | { readonly kind: 'text'; readonly value: string; readonly type: 'CHARBUF'; readonly list: false }
  | { readonly kind: 'tuple'; readonly items: readonly Expression[]; readonly type: 'CHARBUF'; readonly list: true };

export type CheckedTest = {
  readonly kind: 'check';
  readonly left: Expression;
  readonly operator: Operator;
  readonly modifier: Modifier | undefined;
  readonly right:
    | { readonly kind: 'none' }
    | { readonly kind: 'constants'; readonly values: readonly Constant[] }
    | { readonly kind: 'expression'; readonly expression: Expression };
  /** The canonical text: equal texts are equal tests. */
  readonly text: string;
  readonly at: At;
};

/** A condition whose fields exist, whose types fit, and whose constants are converted. */
export type CheckedNode =
  | { readonly kind: 'and' | 'or'; readonly children: readonly CheckedNode[] }
  | { readonly kind: 'not'; readonly child: CheckedNode }
  | CheckedTest;
