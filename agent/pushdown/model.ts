import { ALWAYS, NEVER } from './columns.ts';
import { COMM_BYTES, encodeName, hashName, layout, NAMES, OUTPUT_BYTES, PROBES, ROW_UNIT } from './encode.ts';
import {
  ACCESS_SHIFT,
  ADDRESS_SHIFT,
  feature,
  filterKinds,
  GUARD_SHIFT,
  GUARDS,
  PORT_SHIFT,
  SORT_SHIFT,
  sorts,
} from './features.ts';
import { MIXED, NETWORKS } from './servers.ts';

/** A call as the kernel side sees it when it returns. Text is byte strings; `undefined`: it cannot be read. */
export type ModelCall = {
  readonly nr: number;
  readonly ret: number;
  readonly uid: number;
  readonly container: 'unknown' | 'host' | 'container';
  /** The process's name as user space knows it; `undefined`: that is not certain. */
  readonly name: string | undefined;
  /** Guards that hold by what the process was started as; `undefined`: the agent has not been asked. */
  readonly judgement?: number | undefined;
  readonly openFlags?: number;
  readonly mode?: number;
  /** As given. */
  readonly path?: string | undefined;
  /** Of the file that was opened. */
  readonly resolved?: string | undefined;
  /** The folder that a relative path is relative to. */
  readonly base?: string | undefined;
  /** Port and address (IPv4, as a number) are the server's. */
  readonly socket?:
    | { readonly family: number; readonly protocol: number; readonly port: number; readonly address: number }
    | undefined;
  /** A call that carries data names a peer, or has room for one. */
  readonly namesPeer?: boolean;
};

/** Longest path that is looked at as it was given. */
const mostGiven = 254;
/** Longest that is compared with what it led to. */
const mostLink = 62;
const ALL_GUARDS = 2 ** GUARDS - 1;
const IN_PROGRESS = -115;
const CREAT = 85;
const CREAT_FLAGS = 0o1101;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const O_DIRECTORY = 0o200000;
const O_TMPFILE_BIT = 0o20000000;
const calls = { connect: 42, bind: 49 } as const;
const carrying: ReadonlySet<number> = new Set([44, 45, 46, 47]);
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** What native/bpf/filter.h decides, on the same tables. Tests compare it with rules, and the kernel with it. */
export class FilterModel {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(tables: Uint8Array) {
    this.#bytes = tables;
    this.#view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength);
  }

  decide(call: ModelCall): 'send' | 'drop' {
    const at = layout.calls + call.nr * 4;
    const kind = this.#view.getUint8(at + 2);
    if (kind === filterKinds.send) return 'send';
    if (carrying.has(call.nr) && call.namesPeer === true) return 'send';
    const columns = layout.columns + this.#view.getUint16(at, true) * 256;
    const isOpen = kind === filterKinds.open;
    const features =
      this.#generalOf(call) | (isOpen ? openOf(call) : kind === filterKinds.socket ? this.#socketOf(call) : 0);
    const column = this.#bytes[columns + features] ?? ALWAYS;
    if (column === NEVER) return 'drop';
    if (column === ALWAYS || !isOpen) return 'send';
    const output = this.#outputOf(call, this.#isSet(layout.linked, column));
    if (output === undefined) return 'send';
    const isWanted = (one: number) => one === ALWAYS || this.#isSet(output, one);
    if (!isWanted(column)) return 'drop';
    if (isWanted(this.#bytes[columns + (features & ~feature.climbs)] ?? ALWAYS)) return 'send';
    const { path } = call;
    return path === undefined || path.length > mostGiven || path.includes('../') ? 'send' : 'drop';
  }

  #isSet(at: number, bit: number): boolean {
    return ((this.#bytes[at + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  #generalOf({ ret, uid, container, name, judgement }: ModelCall): number {
    const byName = name === undefined ? ALL_GUARDS : this.#guardsOf(name);
    const byProgram = judgement === undefined ? ALL_GUARDS : judgement | ~this.#view.getUint32(layout.judged, true);
    return (
      (ret < 0 ? feature.failed : 0) |
      (container === 'host' ? feature.onHost : container === 'container' ? feature.inContainer : 0) |
      (uid === 0 ? feature.root : 0) |
      ((byName & byProgram & ALL_GUARDS) << GUARD_SHIFT)
    );
  }

  #guardsOf(name: string): number {
    const comm = encodeName(name);
    const first = hashName(comm);
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = (first + probe) % NAMES;
      const at = layout.names + slot * COMM_BYTES;
      if (comm.every((byte, index) => this.#bytes[at + index] === byte)) {
        return this.#view.getUint32(layout.nameGuards + slot * 4, true);
      }
    }
    return this.#view.getUint32(layout.otherGuards, true);
  }

  #socketOf({ nr, ret, socket }: ModelCall): number {
    const progress = ret === IN_PROGRESS ? feature.inProgress : 0;
    const unknown = progress | (sorts.unknown << SORT_SHIFT);
    // Without a port, or after a failure, the address that the call gave is what rules see.
    const isNamed = nr === calls.connect || nr === calls.bind;
    if (isNamed && (socket === undefined || (ret < 0 && progress === 0))) return unknown;
    if (socket === undefined) return progress;
    const { family, protocol, port, address } = socket;
    if (family === AF_UNIX) return progress | (sorts.unix << SORT_SHIFT);
    if (family !== AF_INET && family !== AF_INET6) return progress;
    if (port === 0 || (protocol !== 6 && protocol !== 17)) return unknown;
    const first = family === AF_INET ? sorts.tcp4 : sorts.tcp6;
    const portClass = ((this.#bytes[layout.ports + (port >> 2)] ?? 0) >> (2 * (port & 3))) & 3;
    const addressClass = family === AF_INET ? this.#addressClassOf(address) : MIXED;
    return (
      progress |
      ((first + (protocol === 17 ? 1 : 0)) << SORT_SHIFT) |
      (portClass << PORT_SHIFT) |
      (addressClass << ADDRESS_SHIFT)
    );
  }

  #addressClassOf(address: number): number {
    for (let place = 0; place < NETWORKS; place++) {
      const at = layout.networks + place * 8;
      if ((address & this.#view.getUint32(at + 4)) >>> 0 === this.#view.getUint32(at)) {
        return this.#bytes[layout.networkClasses + place] ?? MIXED;
      }
    }
    return MIXED;
  }

  /** Where the set of columns lies for which the path is wanted; `undefined`: which path rules would see is not certain. */
  #outputOf({ ret, path, resolved, base }: ModelCall, isLinked: boolean): number | undefined {
    if (ret >= 0) {
      if (resolved?.startsWith('/') !== true) return undefined;
      // Rules see the link, where one of a process's own was opened: if that is none, both texts are the same. Nor does it
      // matter where none wants a link.
      if (isLinked && path?.startsWith('/proc/') === true && (path.length > mostLink || path !== resolved))
        return undefined;
      return this.#run(resolved);
    }
    if (path === undefined || path === '' || path.length > mostGiven) return undefined;
    const whole = path.startsWith('/') ? path : base && `${base === '/' ? '' : base}/${path}`;
    if (whole?.startsWith('/') !== true || !isNormal(whole)) return undefined;
    return this.#run(whole);
  }

  #run(path: string): number {
    const cell = (state: number, place: number): number =>
      this.#view.getUint16(layout.next + (state * ROW_UNIT + place) * 2, true);
    let state = this.#view.getUint32(layout.start, true);
    for (let at = 0; at < path.length; at++) {
      state = cell(state, this.#bytes[layout.classOf + path.charCodeAt(at)] ?? 0);
    }
    return layout.outputs + cell(state, this.#view.getUint32(layout.outputCell, true)) * OUTPUT_BYTES;
  }
}

/** Without empty names, `.` and `..`: then it stays as it is when it is made absolute. */
const isNormal = (path: string): boolean => path === '/' || !/\/(?:\.{0,2})(?:\/|$)/.test(path);

function openOf({ nr, openFlags = 0, mode = 0 }: ModelCall): number {
  const flags = nr === CREAT ? CREAT_FLAGS : openFlags;
  const creates = (flags & (O_CREAT | O_TMPFILE_BIT)) !== 0;
  return (
    ((flags & 3) << ACCESS_SHIFT) |
    ((flags & O_DIRECTORY) !== 0 ? feature.directory : 0) |
    ((flags & O_TRUNC) !== 0 ? feature.truncates : 0) |
    (creates ? feature.creates : 0) |
    (creates && (mode & 0o111) !== 0 ? feature.createsProgram : 0) |
    feature.climbs
  );
}
