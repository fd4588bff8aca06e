import { i386Calls, numberOfCall, x32Calls } from '../events/calls.ts';

const CALLS = 512;
const COMPAT_CALLS = 576;
const CALL_UNKNOWN = 0xffff;

/** `enum repack` in native/bpf/event.h. */
const kinds = {
  socketcall: 1,
  array: 2,
  noFlags: 3,
  join: 4,
  position: 5,
  pages: 6,
  halves: 7,
  signed: 8,
  ids: 9,
  clone: 10,
  ipc: 11,
};

type Repack = readonly [kind: keyof typeof kinds, parameter?: number];

/** Arguments as bits, from 1. */
const these = (...positions: readonly number[]): number => positions.reduce((bits, each) => bits | (1 << each), 0);
/** Where two registers are one value; the second place is counted after the first two are joined. */
const at = (first: number, second = 0): number => first | (second << 3);

/**
 * 32-bit calls whose arguments are not those of the 64-bit call: arch/x86/entry/syscalls/syscall_32.tbl, and the entries
 * that it names in arch/x86/kernel/sys_ia32.c, fs/, mm/ and kernel/uid16.c.
 */
const repacked: ReadonlyMap<number, Repack> = new Map([
  [16, ['ids', these(2, 3)]], // lchown
  [19, ['signed', these(2)]], // lseek
  [22, ['noFlags']], // oldumount
  [23, ['ids', these(1)]], // setuid
  [46, ['ids', these(1)]], // setgid
  [70, ['ids', these(1, 2)]], // setreuid
  [71, ['ids', these(1, 2)]], // setregid
  [82, ['array', 5]], // select
  [90, ['array', 6]], // mmap
  [92, ['signed', these(2)]], // truncate
  [93, ['signed', these(2)]], // ftruncate
  [95, ['ids', these(2, 3)]], // fchown
  [102, ['socketcall']],
  [117, ['ipc']],
  [120, ['clone']],
  [138, ['ids', these(1)]], // setfsuid
  [139, ['ids', these(1)]], // setfsgid
  [140, ['halves', 2]], // _llseek
  [164, ['ids', these(1, 2, 3)]], // setresuid
  [170, ['ids', these(1, 2, 3)]], // setresgid
  [180, ['join', at(4)]], // pread64
  [181, ['join', at(4)]], // pwrite64
  [182, ['ids', these(2, 3)]], // chown
  [192, ['pages', 6]], // mmap2
  [193, ['join', at(2)]], // truncate64
  [194, ['join', at(2)]], // ftruncate64
  [225, ['join', at(2)]], // readahead
  [250, ['join', at(2)]], // fadvise64
  [253, ['join', at(1)]], // lookup_dcookie
  [272, ['join', at(2, 3)]], // fadvise64_64
  [314, ['join', at(2, 3)]], // sync_file_range
  [324, ['join', at(3, 4)]], // fallocate
  [333, ['position', 4]], // preadv
  [334, ['position', 4]], // pwritev
  [339, ['join', at(3)]], // fanotify_mark
  [378, ['position', 4]], // preadv2
  [379, ['position', 4]], // pwritev2
]);

/** Calls of 32 bits that are many: native/bpf/compat.h, `unpack_socketcall` and `unpack_ipc`. */
const many: Readonly<Record<string, readonly string[]>> = {
  socketcall: `socket bind connect listen accept getsockname getpeername socketpair sendto recvfrom shutdown setsockopt
    getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg`.split(/\s+/),
  ipc: 'semop semget semctl semtimedop msgsnd msgrcv msgget msgctl shmat shmdt shmget shmctl'.split(' '),
};

/**
 * A bit for each number that a register may hold when one of these calls is made, by whatever entry: `looked_at` in
 * native/bpf/call.bpf.c. What x32 alone has lies above them all, and is always looked at.
 */
export function encodeLookedAt(types: Iterable<string>): Uint8Array {
  const wanted = new Set(types);
  const bits = new Uint8Array(CALLS / 8);
  const look = (number: number | undefined): void => {
    if (number !== undefined && number < CALLS) bits[number >> 3] = (bits[number >> 3] ?? 0) | (1 << (number & 7));
  };
  for (const type of wanted) look(numberOfCall(type));
  for (const [number, name] of i386Calls) if ((many[name] ?? [name]).some((call) => wanted.has(call))) look(number);
  return bits;
}

/**
 * The kernel's table: what a 32-bit number stands for, and from 512 on what a number of x32 does. The number of the 64-bit
 * call, and above it how the arguments become that call's.
 */
export function encodeCompatCalls(): Uint8Array {
  const table = new Uint32Array(COMPAT_CALLS).fill(CALL_UNKNOWN);
  for (const [number, name] of [...i386Calls, ...x32Calls]) {
    const [kind, parameter = 0] = repacked.get(number) ?? [];
    table[number] = (numberOfCall(name) ?? CALL_UNKNOWN) | ((kind ? kinds[kind] : 0) << 16) | (parameter << 24);
  }
  return new Uint8Array(table.buffer);
}
