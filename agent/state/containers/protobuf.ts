/** Values of one field, in the order in which they stand; numbers of fixed width are passed over. */
type Values = { readonly numbers: number[]; readonly bytes: Uint8Array[] };

/** Most fields of one message, and the deepest nesting is what its reader asks for. */
const MOST_FIELDS = 65_536;

const text = new TextDecoder();
const bytesOf = new TextEncoder();

/**
 * A protocol buffer that was taken apart, read by field numbers (protobuf.dev, "Encoding"). What is asked for and not
 * there is empty, as the format has it.
 */
export class Message {
  readonly #fields = new Map<number, Values>();

  /** Throws when the bytes are no message. */
  constructor(bytes: Uint8Array) {
    const reader = new Reader(bytes);
    for (let count = 0; !reader.isAtEnd; count++) {
      if (count > MOST_FIELDS) throw new Error('too many fields');
      const key = reader.varint();
      const number = Math.floor(key / 8);
      const values = this.#fields.get(number) ?? { numbers: [], bytes: [] };
      this.#fields.set(number, values);
      const wire = key % 8;
      if (wire === 0) values.numbers.push(reader.varint());
      else if (wire === 2) values.bytes.push(reader.take(reader.varint()));
      else if (wire === 1) reader.take(8);
      else if (wire === 5) reader.take(4);
      else throw new Error(`wire type ${wire}`);
    }
  }

  /** The last one counts. Exact up to 2^53; times of this century in nanoseconds lose less than a microsecond. */
  number(field: number): number {
    return this.#fields.get(field)?.numbers.at(-1) ?? 0;
  }

  text(field: number): string {
    const bytes = this.#fields.get(field)?.bytes.at(-1);
    return bytes === undefined ? '' : text.decode(bytes);
  }

  message(field: number): Message {
    return new Message(this.#fields.get(field)?.bytes.at(-1) ?? new Uint8Array());
  }

  has(field: number): boolean {
    return this.#fields.has(field);
  }

  messages(field: number): Message[] {
    return (this.#fields.get(field)?.bytes ?? []).map((bytes) => new Message(bytes));
  }

  /** `map<string, string>`: entries with the key as field 1 and the value as field 2. */
  map(field: number): Map<string, string> {
    return new Map(this.messages(field).map((entry) => [entry.text(1), entry.text(2)]));
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error('it ends within a number');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a number without end');
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Error('it ends within a field');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** A message by field numbers, to be sent; several values of one field are several pairs. */
export type Fields = readonly (readonly [number, string | number | Fields])[];

export function encodeMessage(fields: Fields): Uint8Array {
  const out: number[] = [];
  for (const [number, value] of fields) {
    if (typeof value === 'number') {
      out.push(...encodeVarint(number * 8), ...encodeVarint(value));
      continue;
    }
    const bytes = typeof value === 'string' ? bytesOf.encode(value) : encodeMessage(value);
    out.push(...encodeVarint(number * 8 + 2), ...encodeVarint(bytes.length), ...bytes);
  }
  return Uint8Array.from(out);
}

function encodeVarint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...out, rest];
}
