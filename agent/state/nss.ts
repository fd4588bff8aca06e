import { execFile } from 'node:child_process';
import { makeUsers, parseGroup, parsePasswd, type User, type Users } from './users.ts';

const GETENT = '/usr/bin/getent';
const TIMEOUT_MS = 2_000;
const MOST_BYTES = 1024 * 1024;
/** Numbers of one question: what comes while one is under way goes into the next. */
const MOST_AT_ONCE = 64;
const MOST_WAITING = 1_024;
const MOST_KNOWN = 8_192;
/** How long an answer counts, that a number is nobody's, and that nobody answered. */
const FOUND_MS = 300_000;
const MISSING_MS = 60_000;
const FAILED_MS = 10_000;
/** What was answered once is good for so long while nobody answers. */
const KEEP_MS = 3_600_000;
/** (uid_t) -1: no user. */
const NOBODY = 0xffff_ffff;

type Database = 'passwd' | 'group';

export type NssPorts = {
  /** /etc/passwd and /etc/group: what is in them is not asked for. */
  readonly files: Users;
  /** Lines as in passwd(5) and group(5) of those that there are; rejects when it cannot be told. */
  readonly ask: (database: Database, ids: readonly number[]) => Promise<string>;
  readonly nowMs: () => number;
  /** Some of the numbers that were asked for are known now, or nobody's, or nobody answered. */
  readonly answered: () => void;
};

export type NssCounters = { questions: number; failed: number; found: number; missing: number; tooMany: number };

/**
 * Users and groups as the system knows them (NSS: LDAP, SSSD, systemd …), for numbers that the files have not. Nothing is
 * looked up while an event is handled: a number that was never seen is asked for, and until the answer it has no name.
 */
export class NssUsers implements Users {
  readonly counters: NssCounters = { questions: 0, failed: 0, found: 0, missing: 0, tooMany: 0 };
  readonly #files: Users;
  readonly #users: Lookup<User>;
  readonly #groups: Lookup<string>;

  constructor(ports: NssPorts) {
    this.#files = ports.files;
    this.#users = new Lookup('passwd', parsePasswd, ports, this.counters);
    this.#groups = new Lookup('group', parseGroup, ports, this.counters);
  }

  user(uid: number): User | undefined {
    return this.#files.user(uid) ?? this.#users.find(uid);
  }

  groupName(gid: number): string | undefined {
    return this.#files.groupName(gid) ?? this.#groups.find(gid);
  }

  /** Whether one of them has no name yet because its first answer is still to come. */
  isAsking({ uid, gid, loginUid }: Identity): boolean {
    return this.#isAskingUser(uid) || this.#isAskingUser(loginUid) || this.#isAskingGroup(gid);
  }

  #isAskingUser(uid: number): boolean {
    return uid < NOBODY && this.user(uid) === undefined && this.#users.isFirst(uid);
  }

  #isAskingGroup(gid: number): boolean {
    return this.groupName(gid) === undefined && this.#groups.isFirst(gid);
  }
}

export type Identity = { readonly uid: number; readonly gid: number; readonly loginUid: number };

type Entry<T> = { readonly value: T | undefined; readonly dueMs: number; readonly answeredMs: number };

/** One database: what was answered, and what is to be asked. */
class Lookup<T> {
  readonly #database: Database;
  readonly #parse: (text: string) => ReadonlyMap<number, T>;
  readonly #ports: NssPorts;
  readonly #counters: NssCounters;
  readonly #known = new Map<number, Entry<T>>();
  /** To be asked for or under way. */
  readonly #waiting = new Set<number>();
  #isBusy = false;

  constructor(
    database: Database,
    parse: (text: string) => ReadonlyMap<number, T>,
    ports: NssPorts,
    counters: NssCounters,
  ) {
    this.#database = database;
    this.#parse = parse;
    this.#ports = ports;
    this.#counters = counters;
  }

  /** The last answer; asks when there is none, or when its time is over. */
  find(id: number): T | undefined {
    const entry = this.#known.get(id);
    if (entry === undefined || entry.dueMs <= this.#ports.nowMs()) this.#want(id);
    return entry?.value;
  }

  isFirst(id: number): boolean {
    return this.#waiting.has(id) && !this.#known.has(id);
  }

  #want(id: number): void {
    if (id >= NOBODY || this.#waiting.has(id)) return;
    if (this.#waiting.size >= MOST_WAITING) {
      this.#counters.tooMany++;
      return;
    }
    this.#waiting.add(id);
    if (!this.#isBusy) void this.#askAll();
  }

  async #askAll(): Promise<void> {
    this.#isBusy = true;
    // Events that are at hand in this turn are asked for together.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const ids = [...this.#waiting].slice(0, MOST_AT_ONCE);
      await this.#askFor(ids);
      for (const id of ids) this.#waiting.delete(id);
      this.#ports.answered();
    }
    this.#isBusy = false;
  }

  async #askFor(ids: readonly number[]): Promise<void> {
    this.#counters.questions++;
    try {
      const answer = this.#parse(await this.#ports.ask(this.#database, ids));
      for (const id of ids) this.#learn(id, answer.get(id));
    } catch {
      // No server, no getent: what was known stays for a while, and the count is shown.
      this.#counters.failed++;
      for (const id of ids) this.#keep(id);
    }
  }

  #learn(id: number, value: T | undefined): void {
    const nowMs = this.#ports.nowMs();
    if (value === undefined) this.#counters.missing++;
    else this.#counters.found++;
    this.#remember(id, { value, dueMs: nowMs + (value === undefined ? MISSING_MS : FOUND_MS), answeredMs: nowMs });
  }

  #keep(id: number): void {
    const nowMs = this.#ports.nowMs();
    const { value, answeredMs = Number.NEGATIVE_INFINITY } = this.#known.get(id) ?? {};
    const isGood = answeredMs + KEEP_MS > nowMs;
    this.#remember(id, { value: isGood ? value : undefined, dueMs: nowMs + FAILED_MS, answeredMs });
  }

  /** The one that was asked for longest ago goes first. */
  #remember(id: number, entry: Entry<T>): void {
    this.#known.delete(id);
    if (this.#known.size >= MOST_KNOWN) {
      const oldest = this.#known.keys().next().value;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(id, entry);
  }
}

/** getent(1) of the C library, which alone may load NSS's modules. It says 2 when some of the numbers are nobody's. */
function askGetent(database: Database, ids: readonly number[]): Promise<string> {
  const options = {
    encoding: 'latin1',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: MOST_BYTES,
    env: { LC_ALL: 'C' },
  } as const;
  return new Promise((resolve, reject) => {
    execFile(GETENT, [database, ...ids.map(String)], options, (error, stdout) => {
      if (error === null || error.code === 2) resolve(stdout);
      else reject(error);
    });
  });
}

/** The host's users: of the files, and of NSS when that is asked for. */
export function openUsers(source: 'files' | 'nss', nowMs: () => number, answered: () => void) {
  const files = makeUsers(nowMs);
  const nss = source === 'nss' ? new NssUsers({ files, ask: askGetent, nowMs, answered }) : undefined;
  const isAsking = nss && ((identity: Identity) => nss.isAsking(identity));
  return { users: nss ?? files, isAsking, counters: nss?.counters };
}
