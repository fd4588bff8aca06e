import { formatAddress } from '#rules/language/address';

/** How long an address counts after an answer named it: pools of servers answer with a few of their addresses each time. */
const KEEP_MS = 3_600_000;
/** A name that was answered is asked for again after so long, one that was not after so long. */
const AGAIN_MS = 300_000;
const AGAIN_FAILED_MS = 60_000;
const MOST_NAMES = 1_024;
const MOST_ADDRESSES = 64;
/** Questions on their way at the same time: the system's resolver has a thread for each. */
const MOST_ASKED = 2;

export type NamesPorts = {
  /** The system's answer: addresses as 4 or 16 bytes. Rejects when there is none. */
  readonly resolve: (name: string) => Promise<readonly Uint8Array[]>;
  readonly nowMs: () => number;
};

type Entry = { readonly name: string; dueMs: number; readonly seenMs: Map<string, number> };

export type NameCounters = { asked: number; failed: number; tooMany: number };

/**
 * Addresses of the host names that rules compare with (`fd.sip.name`). An event asks nobody: it looks up what the last
 * answers said. A name that nobody answers for leads nowhere.
 */
export class Names {
  readonly counters: NameCounters = { asked: 0, failed: 0, tooMany: 0 };
  readonly #ports: NamesPorts;
  #entries: readonly Entry[] = [];
  #byAddress: ReadonlyMap<string, readonly string[]> = new Map();
  #asked = 0;

  constructor(names: Iterable<string>, ports: NamesPorts) {
    this.#ports = ports;
    this.use(names);
  }

  /** Follows these names from now on; what is known of those that stay is kept. */
  use(names: Iterable<string>): void {
    const wanted = [...names].filter(isHostName);
    const known = new Map(this.#entries.map((entry) => [entry.name, entry]));
    this.#entries = wanted.slice(0, MOST_NAMES).map((name) => known.get(name) ?? { name, dueMs: 0, seenMs: new Map() });
    this.counters.tooMany = wanted.length - this.#entries.length;
  }

  get count(): number {
    return this.#entries.length;
  }

  /** Those that lead to the address, in the order of the rules. */
  of(address: Uint8Array): readonly string[] {
    if (this.#byAddress.size === 0) return none;
    return this.#byAddress.get(formatAddress(plain(address))) ?? none;
  }

  /** Asks for the names whose time has come; to be called now and then. Resolves when all of them are answered. */
  async ask(): Promise<void> {
    const due = this.#entries.filter(({ dueMs }) => dueMs <= this.#ports.nowMs());
    // Not asked for again while its question waits, however long that takes.
    for (const entry of due) entry.dueMs = Number.POSITIVE_INFINITY;
    const queue = due.values();
    const worker = async () => {
      for (const entry of queue) await this.#askFor(entry);
    };
    const workers: Promise<void>[] = [];
    while (this.#asked < MOST_ASKED && workers.length < due.length) {
      this.#asked++;
      workers.push(worker().finally(() => this.#asked--));
    }
    // All are busy with an earlier round: these are due again at once.
    if (workers.length === 0) for (const entry of due) entry.dueMs = 0;
    await Promise.all(workers);
  }

  async #askFor(entry: Entry): Promise<void> {
    const { resolve, nowMs } = this.#ports;
    this.counters.asked++;
    let isAnswered = true;
    try {
      const addresses = await resolve(entry.name);
      for (const address of addresses.slice(0, MOST_ADDRESSES)) {
        entry.seenMs.set(formatAddress(plain(address)), nowMs());
      }
    } catch {
      // No network, no such name: what was known stays for a while, and the count is shown.
      this.counters.failed++;
      isAnswered = false;
    }
    entry.dueMs = nowMs() + (isAnswered ? AGAIN_MS : AGAIN_FAILED_MS);
    this.#forget(entry);
    this.#byAddress = byAddress(this.#entries);
  }

  #forget({ seenMs }: Entry): void {
    const oldestFirst = [...seenMs].toSorted(([, one], [, other]) => one - other);
    for (const [index, [address, atMs]] of oldestFirst.entries()) {
      if (atMs + KEEP_MS < this.#ports.nowMs() || oldestFirst.length - index > MOST_ADDRESSES) seenMs.delete(address);
    }
  }
}

const none: readonly string[] = [];

/** What a rule compares with may be anything; only host names are asked for (RFC 1123, section 2.1). */
function isHostName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$/i.test(text) && /[a-z]/i.test(text);
}

/** An IPv4 address inside an IPv6 socket is the same address. */
function plain(address: Uint8Array): Uint8Array {
  const isMapped =
    address.length === 16 &&
    address[10] === 0xff &&
    address[11] === 0xff &&
    address.subarray(0, 10).every((b) => b === 0);
  return isMapped ? address.subarray(12) : address;
}

function byAddress(entries: readonly Entry[]): ReadonlyMap<string, readonly string[]> {
  const table = new Map<string, string[]>();
  for (const { name, seenMs } of entries) {
    for (const address of seenMs.keys()) {
      const names = table.get(address);
      if (names === undefined) table.set(address, [name]);
      else names.push(name);
    }
  }
  return table;
}
