import { fieldText } from './catalogue.ts';
import type { Expression } from './checked.ts';
import type { Bind, FieldReader, FieldUse, FieldValue } from './field.ts';
import type { Matcher } from './matchers.ts';
import { compileCall } from './transformers.ts';
import { familyOf } from './type-family.ts';

/**
 * What compiled conditions and outputs share: each field is read at most once per event. The event object itself is
 * used again for the next event, so it cannot be the key; `nextEvent` says when what was read is old.
 */
export type Machine<E> = {
  generation: number;
  readonly bind: Bind<E>;
  readonly fields: Map<string, Reading<E>>;
  /** Everything that is kept for one event. */
  readonly cells: Cell<unknown>[];
  /** By the text of the test. */
  readonly matchers: Map<string, Matcher>;
  /** Fields that nothing here can read. */
  readonly unreadable: Set<string>;
};

/** What was last worked out, and for which event. */
export type Cell<V> = { generation: number; value: V | undefined };

export type Reading<E> = { readonly read: FieldReader<E>; readonly cell: Cell<FieldValue> };

/** Beyond this a number is no small integer to the JavaScript engine any more. */
const lastGeneration = 0x3fff_ffff;
const notRead = -1;

export function makeMachine<E>(bind: Bind<E>): Machine<E> {
  return { generation: 0, bind, fields: new Map(), cells: [], matchers: new Map(), unreadable: new Set() };
}

/** To be called before each event. */
export function nextEvent<E>(machine: Machine<E>): void {
  if (machine.generation++ < lastGeneration) return;
  machine.generation = 0;
  for (const cell of machine.cells) cell.generation = notRead;
}

export function makeCell<E, V>(machine: Machine<E>): Cell<V> {
  const cell: Cell<V> = { generation: notRead, value: undefined };
  machine.cells.push(cell);
  return cell;
}

export function cellOf<E>(use: FieldUse, machine: Machine<E>): Reading<E> {
  const text = fieldText(use);
  const known = machine.fields.get(text);
  if (known !== undefined) return known;
  const bound = machine.bind(use);
  if (bound === undefined) machine.unreadable.add(text);
  const read = bound !== undefined && familyOf(use.spec.type) === 'bytes' ? asByteString(bound) : bound;
  const reading: Reading<E> = { read: read ?? (() => undefined), cell: makeCell(machine) };
  machine.fields.set(text, reading);
  return reading;
}

function asByteString<E>(read: FieldReader<E>): FieldReader<E> {
  return (event) => {
    const value = read(event);
    return value instanceof Uint8Array ? String.fromCharCode(...value) : value;
  };
}

/** Reads the field at most once per event. */
export function readerOf<E>(use: FieldUse, machine: Machine<E>): FieldReader<E> {
  const { cell, read } = cellOf(use, machine);
  return (event) => {
    if (cell.generation !== machine.generation) {
      cell.value = read(event);
      cell.generation = machine.generation;
    }
    return cell.value;
  };
}

export function compileExpression<E>(expression: Expression, machine: Machine<E>): FieldReader<E> {
  switch (expression.kind) {
    case 'field':
      return readerOf(expression.use, machine);
    case 'text':
      return () => expression.value;
    case 'tuple':
      return readAll(expression.items.map((item) => compileExpression(item, machine)));
    case 'call': {
      const readOperands = readAll(expression.operands.map((operand) => compileExpression(operand, machine)));
      const transform = compileCall(
        expression.name,
        expression.option,
        expression.operands.map(({ type }) => type),
      );
      return (event) => {
        const values = readOperands(event);
        return values === undefined ? undefined : transform(values);
      };
    }
  }
}

/** All values, or nothing when one is missing. */
function readAll<E>(readers: readonly FieldReader<E>[]): (event: E) => readonly FieldValue[] | undefined {
  return (event) => {
    const values: FieldValue[] = [];
    for (const read of readers) {
      const value = read(event);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  };
}
