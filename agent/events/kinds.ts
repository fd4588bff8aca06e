import { nameOfCall } from './calls.ts';

/** What a record is (`enum event_kind` in native/bpf/event.h). */
export const kinds = { exec: 1, fork: 2, exit: 3, file: 4, socket: 5, call: 6, denied: 7, polled: 8 } as const;
export type Kind = keyof typeof kinds;

const names: readonly (Kind | undefined)[] = [
  undefined,
  'exec',
  'fork',
  'exit',
  'file',
  'socket',
  'call',
  'denied',
  'polled',
];

/** `undefined` for a number that this version does not know. */
export function kindOf(number: number): Kind | undefined {
  return names[number];
}

/** The event's `evt.type`. A fork seen outside a known call (kernel threads) is a clone. */
export function typeOf(kind: Kind, call: number): string {
  switch (kind) {
    case 'exit':
      return 'procexit';
    case 'exec':
    case 'denied':
      return nameOfCall(call) === 'execveat' ? 'execveat' : 'execve';
    case 'fork': {
      const name = nameOfCall(call);
      return name === 'fork' || name === 'vfork' || name === 'clone3' ? name : 'clone';
    }
    case 'file':
    case 'socket':
    case 'call':
    case 'polled':
      return nameOfCall(call) ?? 'syscall';
  }
}
