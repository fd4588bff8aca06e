import { formatAddress } from '#rules/language/address';
import { fromByteString } from '#rules/language/byte-string';
import { decodeExec, decodeFork, file, socket } from '../events/decode.ts';
import type { Event } from '../events/event.ts';
import { redactArguments } from './redact.ts';

/** Which of the remembered events belong to these processes: their own, their children's, and all of their container. */
export function makeIsAbout(pids: readonly number[], wanted: string) {
  const own = new Set(pids);
  return ({ pid, ppid }: Event, container: string | undefined): boolean =>
    own.has(pid) || own.has(ppid) || (wanted !== 'host' && container?.startsWith(wanted) === true);
}

/** One line of `events.jsonl`. */
export function eventLine(event: Event): string {
  const { timeNs, type, pid, tid, ppid, uid, ret } = event;
  return JSON.stringify({ time_ns: timeNs, type, pid, tid, ppid, uid, ret, ...detailsOf(event) });
}

function detailsOf(event: Event): Readonly<Record<string, unknown>> {
  switch (event.kind) {
    case 'exec': {
      const { exePath, argv, cwd } = decodeExec(event);
      return { exe: text(exePath), argv: redactArguments(argv.map(fromByteString)), cwd: text(cwd) };
    }
    case 'fork':
      return { child: decodeFork(event).pid };
    case 'file':
      return { path: text(file.absolute(event)), path2: text(file.absolute2(event)) };
    case 'socket':
      return {
        local: endOf(socket.local(event), socket.localPort(event)),
        remote: endOf(socket.remote(event), socket.remotePort(event)),
        unix: text(socket.unixPath(event)),
      };
    case 'exit':
    case 'call':
    case 'polled':
    case 'denied':
    case undefined:
      return {};
  }
}

const text = (bytes: string | undefined): string | undefined => bytes && fromByteString(bytes);

function endOf(address: Uint8Array | undefined, port: number): string | undefined {
  return address && `${formatAddress(address)} ${port}`;
}
