import type { Automaton } from './automaton.ts';
import { type Filter, MOST_JUDGES } from './compile.ts';
import { filterKinds, GUARDS } from './features.ts';
import { maskOf, NETWORKS, type Servers } from './servers.ts';

/** `struct filter` of native/bpf/filter.h: sizes of its parts, and where they begin. */
/** Rows of the automaton begin at multiples of this. */
export const ROW_UNIT = 8;
const CELLS = 1 << 19;
const OUTPUTS = 2_048;
export const OUTPUT_BYTES = 32;
const COLUMN_BYTES = 1 << 19;
/** Tables of columns begin at multiples of this. */
const COLUMN_UNIT = 256;
export const NAMES = 512;
/** A name lies in one of so many places from where its hash says. */
export const PROBES = 8;
export const COMM_BYTES = 16;

export const layout = {
  start: 0,
  /** The cell of each row that says what holds of a path that ends there. */
  outputCell: 4,
  otherGuards: 8,
  /** At 12 the capture puts a number that tells filters apart. */
  judged: 16,
  /** Not for the kernel: by guard, the numbers of its rules, from 1; 0: no more. */
  judges: 24,
  /** A bit for each column. */
  linked: 152,
  classOf: 184,
  calls: 440,
  names: 2_488,
  nameGuards: 10_680,
  /** Two bits for each port. */
  ports: 12_728,
  networks: 29_112,
  networkClasses: 29_368,
  columns: 29_400,
  outputs: 553_688,
  next: 619_224,
  bytes: 1_668_312,
} as const;

/** A row for each state: by class the next state, then one for NUL, then what holds of a path that ends in it. */
const strideOf = ({ classes }: Automaton): number => Math.ceil((classes + 2) / ROW_UNIT) * ROW_UNIT;

/** Whether the kernel's tables have room for it. */
export const fits = (automaton: Automaton): boolean =>
  automaton.classes < 255 &&
  automaton.states * strideOf(automaton) <= CELLS &&
  new Set(automaton.output).size <= OUTPUTS;

/** The tables as the kernel side reads them. */
export function encodeFilter({ calls, automaton, linked, guards, otherGuards, judges, servers }: Filter): Uint8Array {
  const bytes = new Uint8Array(layout.bytes);
  const view = new DataView(bytes.buffer);
  if (automaton !== undefined) writeAutomaton(automaton, bytes, view);
  view.setUint32(layout.otherGuards, writeNames(guards, bytes, view) ? otherGuards : 2 ** GUARDS - 1, true);
  for (const column of linked) setBit(bytes, layout.linked, column);
  writeJudges(judges, view);
  writeServers(servers, bytes, view);
  const places: { readonly columns: Uint8Array; readonly place: number }[] = [];
  let end = 0;
  for (const [number, { kind, columns }] of calls) {
    const known = places.find((one) => isSame(one.columns, columns))?.place;
    // No room: what is not here is sent.
    if (known === undefined && end + columns.length > COLUMN_BYTES) continue;
    const place = known ?? end;
    if (known === undefined) {
      bytes.set(columns, layout.columns + end);
      places.push({ columns, place });
      end += columns.length;
    }
    view.setUint16(layout.calls + number * 4, place / COLUMN_UNIT, true);
    view.setUint8(layout.calls + number * 4 + 2, filterKinds[kind]);
  }
  return bytes;
}

function setBit(bytes: Uint8Array, at: number, bit: number): void {
  bytes[at + (bit >> 3)] = (bytes[at + (bit >> 3)] ?? 0) | (1 << (bit & 7));
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

function writeAutomaton(automaton: Automaton, bytes: Uint8Array, view: DataView): void {
  const { classOf, classes, start, states, next, output } = automaton;
  const stride = strideOf(automaton);
  const rowOf = (state: number): number => (state * stride) / ROW_UNIT;
  view.setUint32(layout.start, rowOf(start), true);
  view.setUint32(layout.outputCell, classes + 1, true);
  bytes.set(classOf, layout.classOf);
  // No path has a NUL: the kernel puts some before and behind it, which change nothing.
  bytes[layout.classOf] = classes;
  const places = new Map<bigint, number>();
  for (let state = 0; state < states; state++) {
    const mask = output[state] ?? 0n;
    const place = places.get(mask) ?? places.size;
    places.set(mask, place);
    const at = layout.next + state * stride * 2;
    for (let kind = 0; kind < classes; kind++) {
      view.setUint16(at + kind * 2, rowOf(next[state * classes + kind] ?? 0), true);
    }
    view.setUint16(at + classes * 2, rowOf(state), true);
    view.setUint16(at + (classes + 1) * 2, place, true);
  }
  for (const [mask, place] of places) {
    for (let word = 0; word < OUTPUT_BYTES / 8; word++) {
      const at = layout.outputs + place * OUTPUT_BYTES + word * 8;
      view.setBigUint64(at, BigInt.asUintN(64, mask >> BigInt(64 * word)), true);
    }
  }
}

/** `false`: a name finds no place; then every guard has to hold for every name. */
function writeNames(guards: ReadonlyMap<string, number>, bytes: Uint8Array, view: DataView): boolean {
  for (const [name, bits] of guards) {
    const comm = encodeName(name);
    const first = hashName(comm);
    const probes = Array.from({ length: PROBES }, (_, index) => (first + index) % NAMES);
    const place = probes.find((slot) => bytes[layout.names + slot * COMM_BYTES] === 0);
    if (place === undefined) return false;
    bytes.set(comm, layout.names + place * COMM_BYTES);
    view.setUint32(layout.nameGuards + place * 4, bits, true);
  }
  return true;
}

function writeJudges(judges: Filter['judges'], view: DataView): void {
  let judged = 0;
  for (const [guard, rules] of judges.entries()) {
    if (rules.length > 0) judged |= 1 << guard;
    for (const [place, rule] of rules.entries()) {
      view.setUint16(layout.judges + (guard * MOST_JUDGES + place) * 2, rule + 1, true);
    }
  }
  view.setUint32(layout.judged, judged, true);
}

/** By guard, the numbers of the rules that decide it by what a process was started as. */
export function judgesOf(tables: Uint8Array): readonly (readonly number[])[] {
  const view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength);
  return Array.from({ length: GUARDS }, (_, guard) =>
    Array.from({ length: MOST_JUDGES }, (__, place) =>
      view.getUint16(layout.judges + (guard * MOST_JUDGES + place) * 2, true),
    ).flatMap((rule) => (rule === 0 ? [] : [rule - 1])),
  );
}

function writeServers({ ports, addresses }: Servers, bytes: Uint8Array, view: DataView): void {
  for (const [port, each] of ports.classOf.entries()) {
    const at = layout.ports + (port >> 2);
    bytes[at] = (bytes[at] ?? 0) | (each << (2 * (port & 3)));
  }
  // An empty entry holds every address: the first one says what holds of the rest.
  bytes.fill(addresses.other, layout.networkClasses, layout.networkClasses + NETWORKS);
  for (const [place, { network, class: each }] of addresses.networks.entries()) {
    bytes.set(network.address, layout.networks + place * 8);
    view.setUint32(layout.networks + place * 8 + 4, maskOf(network.prefix));
    bytes[layout.networkClasses + place] = each;
  }
}

/** As task_struct has it, with zeros at its end. */
export function encodeName(name: string): Uint8Array {
  const comm = new Uint8Array(COMM_BYTES);
  for (let at = 0; at < name.length && at < COMM_BYTES - 1; at++) comm[at] = name.charCodeAt(at) & 0xff;
  return comm;
}

const WORD = (1n << 64n) - 1n;

/** The first place to look for a name. */
export function hashName(comm: Uint8Array): number {
  const view = new DataView(comm.buffer, comm.byteOffset, COMM_BYTES);
  const low = (view.getBigUint64(0, true) * 0x9e3779b97f4a7c15n) & WORD;
  const high = (view.getBigUint64(8, true) * 0xc2b2ae3d27d4eb4fn) & WORD;
  return Number((low ^ high) >> 55n);
}
