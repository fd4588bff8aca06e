import type { CheckNode, FieldNode, Node, Operand, Right } from './ast.ts';

/**
 * `canonical`: as the original renders a tree, which people compare and which `rules describe` shows; it quotes too
 * little to be read again always. `exact`: what parses to the same tree.
 */
export type PrintForm = 'canonical' | 'exact';

export function printCondition(node: Node, form: PrintForm = 'canonical'): string {
  switch (node.kind) {
    case 'and':
    case 'or':
      return `(${node.children.map((child) => printCondition(child, form)).join(` ${node.kind} `)})`;
    case 'not': {
      const child = printCondition(node.child, form);
      // `not not x` would cancel out: keep the group.
      return node.child.kind === 'not' && form === 'exact' ? `not (${child})` : `not ${child}`;
    }
    case 'name':
      return node.name;
    case 'check':
      return printCheck(node, form);
  }
}

/** A node that nobody wrote. */
type Unplaced<N> = Omit<N, 'at'>;

/** What the grammar takes without quotes, wherever it stands. */
const bareText = /[^()"' \t\n\v\f\r\b=,]+/;
const bareArgument = /[^\][ "'\t\n\v\f\r\b]+/;

function printCheck(node: CheckNode, form: PrintForm): string {
  const parts: string[] = [printOperand(node.left, form), node.operator];
  if (node.modifier !== undefined) parts.push(node.modifier);
  if (node.right !== undefined) parts.push(printRight(node.right, form));
  return parts.join(' ');
}

function printRight(right: Right, form: PrintForm): string {
  switch (right.kind) {
    case 'literal':
      return right.number ? right.value : quoteWhere(right.value, form, bareText);
    case 'list': {
      const values = right.values.map(({ value }) => quoteWhere(value, form, bareText));
      return right.bare ? right.values.map(({ value }) => value).join('') : `(${values.join(', ')})`;
    }
    case 'val':
      return `val(${printOperand(right.field, form)})${printArgument(right.argument, form)}`;
    case 'transformer':
      return printOperand(right, form);
  }
}

export function printOperand(operand: Operand | Unplaced<FieldNode>, form: PrintForm = 'canonical'): string {
  switch (operand.kind) {
    case 'field':
      return operand.name + printArgument(operand.argument, form);
    case 'transformer': {
      const operands = operand.operands.map((inner) => printOperand(inner, form)).join(',');
      return `${operand.name}(${operands})${printArgument(operand.argument, form)}`;
    }
    case 'literal':
      if (form === 'exact') return operand.number ? operand.value : quoteExactly(operand.value);
      return quoteWhere(operand.value, form, /.*/s);
    case 'tuple':
      return `(${operand.items.map((inner) => printOperand(inner, form)).join(',')})`;
  }
}

function printArgument(argument: string | undefined, form: PrintForm): string {
  if (argument === undefined) return '';
  return `[${argument === '' ? '""' : quoteWhere(argument, form, bareArgument)}]`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const canonicallyQuoted = /[\u0000-\u0020="'\\\u007f]/;

/** Quotes what the form wants quoted; `bare` is what the grammar takes without quotes at this place. */
function quoteWhere(value: string, form: PrintForm, bare: RegExp): string {
  if (form === 'canonical') return canonicallyQuoted.test(value) ? quote(value) : value;
  return new RegExp(`^(?:${bare.source})$`, 's').test(value) ? value : quoteExactly(value);
}

const escaped: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
};

function quote(value: string): string {
  return `"${value.replace(/[\b\f\n\r\t"\\]/g, (char) => escaped[char] ?? char)}"`;
}

/** An escaped backslash before the closing quote would hide it; backslash and blank means a backslash, too. */
function quoteExactly(value: string): string {
  return value.endsWith('\\') ? `${quote(value).slice(0, -2)} "` : quote(value);
}
