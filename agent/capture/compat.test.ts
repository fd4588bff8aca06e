import { describe, expect, it } from 'vitest';
import { numberOfCall } from '../events/calls.ts';
import { encodeLookedAt } from './compat.ts';

/** The numbers whose bits are set. */
function lookedAt(...types: readonly string[]): readonly number[] {
  const bits = encodeLookedAt(types);
  return Array.from({ length: bits.length * 8 }, (_, number) => number).filter(
    (number) => ((bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0,
  );
}

describe('the numbers that are looked at', () => {
  it('are none when nothing is asked for', () => {
    expect(lookedAt()).toEqual([]);
    expect(lookedAt('procexit')).toEqual([]);
  });

  it('are those of the call, by each entry', () => {
    // arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl
    expect(lookedAt('open')).toEqual([2, 5]);
    expect(lookedAt('openat')).toEqual([257, 295]);
    expect(lookedAt('setuid')).toEqual([23, 105, 213]);
  });

  it('are those of the old calls that are many as well', () => {
    const [socketcall, ipc] = [102, 117];
    expect(lookedAt('shmat')).toEqual([30, ipc, 397]);
    expect(lookedAt('semtimedop')).toContain(ipc);
    expect(lookedAt('connect')).toEqual([42, socketcall, 362]);
    expect(lookedAt('sendmmsg')).toContain(socketcall);
    expect(lookedAt('dup')).not.toContain(socketcall);
  });

  it('leave out what most programs do most, with what Lanner asks for at least', () => {
    const state = lookedAt('chdir', 'setuid', 'execve', 'openat', 'connect', 'mkdir');
    for (const call of ['getppid', 'futex', 'epoll_wait', 'recvmsg', 'mprotect'])
      expect(state, call).not.toContain(numberOfCall(call));
  });
});
