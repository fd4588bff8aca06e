import { formatAddress } from './address.ts';
import { fromByteString, toByteString } from './byte-string.ts';
import { fieldText } from './catalogue.ts';
import type { Expression } from './checked.ts';
import type { FieldReader, FieldSpec, FieldType, FieldUse, FieldValue } from './field.ts';
import { compileExpression, type Machine, readerOf } from './machine.ts';
import { printOperand } from './print.ts';
import type { Segment, Template } from './template.ts';
import { candidatesOf } from './test-matcher.ts';
import { bitsIn } from './type-family.ts';

/** A value as it stands in `output_fields`; nanosecond times are bigint. */
export type JsonValue = string | number | bigint | boolean | null | readonly JsonValue[];

export type Rendered = {
  readonly text: string;
  /** False when a missing value ended the message. */
  readonly complete: boolean;
};

export type RenderedFields = {
  /** By the field as written; `undefined` when there is none. */
  readonly fields: Readonly<Record<string, JsonValue>> | undefined;
  readonly complete: boolean;
};

export type CompiledTemplate<E> = {
  readonly render: (event: E) => Rendered;
  readonly renderFields: (event: E) => RenderedFields;
};

/** `star`: print `<NA>` for what is missing, whatever the template says. */
export function compileSegments<E>(template: Template, machine: Machine<E>, star = template.star): CompiledTemplate<E> {
  const parts = template.segments.map((segment) => compileSegment(segment, machine));
  const fields = compileFields(template, machine);
  return {
    render: (event) => {
      let text = '';
      for (const part of parts) {
        const value = part(event);
        if (value === undefined && !star) return { text: fromByteString(text), complete: false };
        text += value ?? '';
      }
      return { text: fromByteString(text), complete: true };
    },
    renderFields: (event) => renderFields(fields, event, star),
  };

  function compileSegment(segment: Segment, into: Machine<E>): (event: E) => string | undefined {
    if (segment.kind === 'text') {
      const text = toByteString(segment.text);
      return () => text;
    }
    const { expression, width } = segment;
    const read = printed(expression, compileExpression(expression, into));
    const show = textOf(expression.kind === 'field' ? expression.use.spec : undefined, expression.type);
    return (event) => {
      const value = read(event);
      if (value === undefined) return star ? setWidth('<NA>', width) : undefined;
      return setWidth(show(value), width);
    };
  }
}

function setWidth(text: string, width: number): string {
  return width === 0 ? text : text.slice(0, width).padEnd(width, ' ');
}

/** Of fields that compare candidates, endpoints have no value of their own; of names the first is shown. */
function printed<E>(expression: Expression, read: FieldReader<E>): FieldReader<E> {
  switch (candidatesOf(expression)) {
    case 'endpoints':
      return () => undefined;
    case 'names':
      return (event) => {
        const names = read(event);
        return Array.isArray(names) ? names[0] : undefined;
      };
    case 'ancestors':
    case undefined:
      return read;
  }
}

type FieldPart<E> = {
  readonly name: string;
  readonly read: FieldReader<E>;
  readonly toJson: (value: FieldValue) => JsonValue;
};

/** Times are printed as text, but their JSON is the event's time in nanoseconds: ours, not those that a probe made up. */
const isEventTime = ({ class: group, name }: FieldSpec): boolean =>
  group === 'evt' && /^evt\.(?:date)?time(?:\.|$)/.test(name);

/** As the original writes the field: an argument that is no plain word stands in quotes. */
function nameOf(use: FieldUse): string {
  const { spec, argument } = use;
  if (typeof argument !== 'string' || spec.flags.includes('dotted')) return fieldText(use);
  return printOperand({ kind: 'field', name: spec.name, argument });
}

function compileFields<E>(template: Template, machine: Machine<E>): readonly FieldPart<E>[] {
  return template.segments.flatMap((segment) => {
    if (segment.kind === 'text') return [];
    return segment.fields.map((use): FieldPart<E> => {
      const name = nameOf(use);
      if (isEventTime(use.spec))
        return {
          name,
          read: readerOf({ spec: rawTime }, machine),
          toJson: (value) => jsonOf(value, 'ABSTIME', undefined),
        };
      const expression: Expression = { kind: 'field', use, type: use.spec.type, list: use.spec.list };
      const read = printed(expression, readerOf(use, machine));
      return { name, read, toJson: (value) => jsonOf(value, use.spec.type, use.spec) };
    });
  });
}

const rawTime: FieldSpec = {
  name: 'evt.rawtime',
  class: 'evt',
  type: 'ABSTIME',
  list: false,
  argument: undefined,
  doc: '',
  flags: [],
  deprecated: false,
  candidates: undefined,
};

function renderFields<E>(parts: readonly FieldPart<E>[], event: E, star: boolean): RenderedFields {
  const fields: Record<string, JsonValue> = Object.create(null);
  let any = false;
  for (const { name, read, toJson } of parts) {
    const found = read(event);
    // To the original an empty list is null here, though it prints ().
    const value = Array.isArray(found) && found.length === 0 ? undefined : found;
    if (value === undefined && !star) return { fields: any ? fields : undefined, complete: false };
    fields[name] = value === undefined ? null : toJson(value);
    any = true;
  }
  return { fields: any ? fields : undefined, complete: true };
}

/** The original prints into 1024 bytes. */
const mostBuffer = 1_022;
const cutBuffer = 1_021;
const mostList = 1_023;

/** What is no printable ASCII is a dot. */
function showBuffer(bytes: string): string {
  return (bytes.length > mostBuffer ? bytes.slice(0, cutBuffer) : bytes).replace(/[^ -~]/g, '.');
}

/** How a value is printed; the result is a byte string. */
function textOf(spec: FieldSpec | undefined, type: FieldType): (value: FieldValue) => string {
  const flags = spec?.flags ?? [];
  const one = (value: FieldValue): string => {
    if (Array.isArray(value)) return `(${value.map(one).join(',')})`.slice(0, mostList);
    if (typeof value === 'string') return type === 'BYTEBUF' ? showBuffer(value) : value;
    if (value instanceof Uint8Array) return type === 'IPNET' ? '<IPNET>' : formatAddress(value);
    if (typeof value === 'boolean') return String(value);
    if (typeof value === 'bigint' || typeof value === 'number') {
      if (flags.includes('PF_HEX')) return bitsOf(value, type).toString(16).toUpperCase();
      if (flags.includes('PF_OCT')) return bitsOf(value, type).toString(8);
      if (flags.includes('PF_10_PADDED_DEC')) return padNumber(value);
      return type === 'DOUBLE' ? oneDecimal(Number(value)) : value.toString();
    }
    return '';
  };
  return one;
}

/** As C's `%X` and `%o` see a number: without a sign, in 32 bits unless its type has 64. */
function bitsOf(value: number | bigint, type: FieldType): number | bigint {
  return value < 0 ? BigInt.asUintN(Math.max(32, bitsIn(type)), BigInt(value)) : value;
}

/** `%09d` */
function padNumber(value: number | bigint): string {
  return value < 0 ? `-${(-value).toString().padStart(8, '0')}` : value.toString().padStart(9, '0');
}

/** As C prints `%.1f`: a tie goes to the even digit. */
function oneDecimal(value: number): string {
  const isTie = Number.isInteger(value * 4) && !Number.isInteger(value * 2);
  if (!isTie) return value.toFixed(1);
  const floor = Math.floor(value * 10);
  return ((floor % 2 === 0 ? floor : floor + 1) / 10).toFixed(1);
}

function jsonOf(value: FieldValue, type: FieldType, spec: FieldSpec | undefined): JsonValue {
  if (Array.isArray(value)) return value.map((element) => jsonOf(element, type, spec));
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number' || typeof value === 'bigint') {
    const isShown = spec?.flags.some((flag) => flag === 'PF_HEX' || flag === 'PF_OCT' || flag === 'PF_10_PADDED_DEC');
    return isShown === true ? textOf(spec, type)(value) : value;
  }
  return fromByteString(textOf(spec, type)(value));
}

/** Every field that a template prints. */
export function templateFields(template: Template): readonly FieldUse[] {
  return template.segments.flatMap((segment) => (segment.kind === 'text' ? [] : segment.fields));
}
