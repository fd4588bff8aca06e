import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What `.build/lanner.node` exports (native/addon/addon.cpp). */
type Addon = {
  readonly Capture: new (
    objectPath: string,
    lifecycleBytes: number,
    bulkBytes: number,
    leaveOut: string,
    deny: boolean,
    byPerf: boolean,
    isSeconded: boolean,
  ) => NativeCapture;
  readonly findBlindSpots: () => readonly string[];
  readonly tryWays: () => readonly string[];
  readonly takesOtherEntries: () => boolean;
  readonly raisePriority: (nice: number) => string | undefined;
} & Pidfds &
  OwnMemory;

/** pidfd_open(2) and pidfd_send_signal(2), which Node has not. Both throw with the `code` of the kernel's error. */
export type Pidfds = {
  /** A descriptor that means this process for ever; the caller closes it. */
  readonly openPidfd: (pid: number) => number;
  readonly signalPidfd: (descriptor: number, signal: number) => void;
};

/** Memory of this process that it can do without. */
export type OwnMemory = {
  /** What was freed goes back to the kernel. */
  readonly trimAllocator: () => void;
  /**
   * Takes pages out of memory, from one address up to another each; they come back from their files when they are used. Whoever asks
   * knows that they were never changed; what was not loaded read-only is left alone. Returns how many ranges were taken out.
   */
  readonly dropPages: (ranges: BigUint64Array) => number;
};

/** The kernel programs, loaded. Calls after `close()` throw with code EBADF; `close()` may be called again. */
export type NativeCapture = {
  /** From here on records arrive. */
  attach(): void;
  /**
   * Only with `byPerf`: puts the program that sees calls on exactly these tracepoints (`syscalls/sys_exit_openat`). What it
   * was on stays untouched, new ones come before old ones go. Returns those that the kernel has not.
   */
  hook(events: readonly string[]): readonly string[];
  /** Moves whole records into `bytes` while they fit; returns how many bytes. */
  drain(ring: Ring, bytes: Uint8Array): number;
  /**
   * The ring's pages as they are: the reader's position, the writer's, and the data, with their beginning once
   * more behind their end. Only the first may be written to: a write to the others kills the process. They stay readable after `close()`. `undefined`: refused here.
   */
  map(ring: Ring): readonly [reader: ArrayBuffer, writer: ArrayBuffer, data: ArrayBuffer] | undefined;
  /** Calls back while the ring has records; again after `pause`: resumes. */
  watch(ring: Ring, callback: () => void): void;
  pause(ring: Ring): void;
  /** Once, after so many milliseconds; what was asked for before is forgotten. A timer of Node costs twice as much. */
  wakeIn(ms: number, callback: () => void): void;
  /** Writes a table from its first element on. */
  fill(table: Table, bytes: Uint8Array): void;
  ignore(pid: number, ignored: boolean): void;
  /** What is dropped in the kernel (`struct filter`), from now on; `undefined`: nothing. */
  setFilter(tables: Uint8Array | undefined): void;
  /** Answers a record that asks (FLAG_ASKS): `struct judgement_key` and `struct judgement`, four words. */
  judge(words: BigUint64Array): void;
  /** Says what a cgroup is: 1 the host, 2 a container, 0 not known. */
  setCgroupKind(cgroup: number, kind: 0 | 1 | 2): void;
  /** A program that no reflex kills, by its path on the host: at most 127 bytes. */
  sparePath(path: Uint8Array): void;
  /** What the guard rails say of kills in a cgroup: 1 no objection, 2 protected. */
  clearCgroup(cgroup: number, verdict: 1 | 2): void;
  /** By system call, two numbers: how many the filter sent and dropped. */
  filterCounters(): Float64Array;
  /**
   * A row of `enum loss` (native/bpf/event.h) for each system call, one for exits, one for what was made outside a known call.
   */
  losses(): Float64Array;
  /** In the order of `enum counter` in native/bpf/event.h, then the runs that the kernel skipped. */
  counters(): Float64Array;
  /**
   * Writes the next processes of the host into `bytes`, 32 KiB or more: exec records in a row, though many of them were
   * started long ago. Returns how many bytes; 0: that was all, and the next call begins anew. `undefined`: not on this kernel.
   */
  snapshot(bytes: Uint8Array): number | undefined;
  /** What no program sees here, and why, as sentences. Empty on kernels that have every hook. */
  blindSpots(): readonly string[];
  close(): void;
};

/**
 * Exec, fork and exit come in a ring of their own, so that a flood of calls does not push them out. What is in the doorbell
 * says nothing but that one of them must be looked at now.
 */
export const rings = { lifecycle: 0, bulk: 1, doorbell: 2 } as const;
export type Ring = (typeof rings)[keyof typeof rings];

export type Table = 'shapes' | 'compat_calls' | '.data.looked_at' | 'reflex_tests' | 'reflex_controls';

export type Support = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export type NativeOptions = {
  /** A power of two, at least a page. */
  readonly lifecycleBytes: number;
  readonly bulkBytes: number;
  /** A tracepoint that is treated as if the kernel had it not: tests see what follows. */
  readonly leaveOut?: string | undefined;
  /** Loads the program that refuses execs, which takes a kernel with BPF LSM. */
  readonly deny?: boolean | undefined;
  /** Calls are seen where `hook()` says, not by the typed tracepoint. */
  readonly byPerf?: boolean | undefined;
  /** Execs, forks and exits come to two hooks each: typed ones alone lose some where they are preempted. */
  readonly isSeconded?: boolean | undefined;
};

export type OpenOutcome =
  | { readonly ok: true; readonly capture: NativeCapture }
  | { readonly ok: false; readonly reason: string };

const addonPath = fileURLToPath(new URL('../.build/lanner.node', import.meta.url));
const objectPath = fileURLToPath(new URL('../.build/lanner.bpf.o', import.meta.url));

/**
 * Gives the threads that this process has now the nice value `nice` (-20 to 19), unless whoever started it chose one; those that
 * they make later have the usual one, and so have programs that are started. The `code` of the kernel's error if it refuses.
 */
export function raisePriority(nice: number): string | undefined {
  return load().raisePriority(nice);
}

/** Whether this machine can capture at all, as far as that can be told without trying. */
export function checkSupport(): Support {
  const reason = findObstacle();
  return reason === undefined ? { ok: true } : { ok: false, reason };
}

function findObstacle(): string | undefined {
  if (process.platform !== 'linux') return `capture needs Linux, this is ${process.platform}`;
  if (process.arch !== 'x64') return `capture needs an x86_64 machine, this one is ${process.arch}`;
  if (!isAtLeast(release(), 5, 17)) return `capture needs Linux 5.17 or newer (bpf_loop), this is ${release()}`;
  if (process.geteuid?.() !== 0) return 'capture needs root: run it with sudo';
  if (!isReadable('/sys/kernel/btf/vmlinux')) {
    return 'this kernel has no type information (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF';
  }
  if (!existsSync(addonPath) || !existsSync(objectPath)) {
    return 'the native parts are not built: run sh infra/setup.sh';
  }
  return undefined;
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [own = 0, ownMinor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return own > major || (own === major && ownMinor >= minor);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

const load = (): Addon => createRequire(import.meta.url)(addonPath);

/** Throws when the native parts are not built. */
export function openPidfds(): Pidfds {
  const { openPidfd, signalPidfd } = load();
  return { openPidfd, signalPidfd };
}

/** Throws when the native parts are not built. */
export function openOwnMemory(): OwnMemory {
  const { trimAllocator, dropPages } = load();
  return { trimAllocator, dropPages };
}

/** What the programs cannot see on this kernel, as far as its types tell; empty where nothing can be captured at all. */
export function findBlindSpots(): readonly string[] {
  return checkSupport().ok ? load().findBlindSpots() : [];
}

/** Of the ways to see what happens that are not used, whether the kernel has them, or its reason: `fentry: available`. */
export function tryOtherWays(): readonly string[] {
  return checkSupport().ok ? load().tryWays() : [];
}

/** Whether calls can be made through another entry than that of x86_64: the 32-bit one, or x32's numbers. Yes, if unknown. */
export function takesOtherEntries(): boolean {
  return checkSupport().ok ? load().takesOtherEntries() : true;
}

/** Loads the programs; `attach()` starts them. Fails with a sentence when the kernel or the machine does not allow it. */
export function openNative(options: NativeOptions): OpenOutcome {
  const support = checkSupport();
  if (!support.ok) return support;
  try {
    const { Capture } = load();
    return {
      ok: true,
      capture: new Capture(
        objectPath,
        options.lifecycleBytes,
        options.bulkBytes,
        options.leaveOut ?? '',
        options.deny ?? false,
        options.byPerf ?? false,
        options.isSeconded ?? false,
      ),
    };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
