import { formatAddress } from '#rules/language/address';
import { type Polled, polledOf } from '../events/decode.ts';
import { letterOf, nameOf } from './descriptor.ts';
import { type Parameter, parameter } from './parameters.ts';
import type { Reader, ReaderTable, Scene } from './scene.ts';
import { clientAddress, clientPort, isListening, serverAddress, serverPort } from './socket.ts';

/** A descriptor as if the event were on it alone. */
function alone(scene: Scene, { event }: Polled): Scene {
  return { ...scene, event, kind: event.kind ?? 'call' };
}

/** What is known of each descriptor, separated by commas; those of which nothing is are left out. */
const listOf =
  (read: (scene: Scene, polled: Polled) => string | undefined): Reader =>
  (scene) => {
    if (scene.kind !== 'polled') return undefined;
    const found = polledOf(scene.event)
      .map((polled) => read(alone(scene, polled), polled))
      .filter((text) => text !== undefined);
    return found.length === 0 ? undefined : found.join(',');
  };

const addresses = (read: (scene: Scene) => Uint8Array | undefined): Reader =>
  listOf((scene) => {
    const found = read(scene);
    return found && formatAddress(found);
  });

/** The original has ports of sockets with two ends only. */
const ports = (read: (scene: Scene) => number | undefined): Reader =>
  listOf((scene) => (isListening(scene) ? undefined : read(scene)?.toString()));

/** Fields of the descriptors that poll(2) and ppoll(2) wait for. */
export const polledFields = {
  'fdlist.nums': { read: listOf((_, { fd }) => String(fd)) },
  // One for each number, in the original's word for none.
  'fdlist.names': { read: listOf((scene) => nameOf(scene) ?? '<NA>') },
  'fdlist.cips': { read: addresses(clientAddress) },
  'fdlist.sips': { read: addresses(serverAddress) },
  'fdlist.cports': { read: ports(clientPort) },
  'fdlist.sports': { read: ports(serverPort) },
} as const satisfies ReaderTable;

/** Bits of poll(2), and those of the original. */
const bits: readonly (readonly [kernel: number, own: number])[] = [
  [0x001, 0x001], // POLLIN
  [0x002, 0x002], // POLLPRI
  [0x004, 0x004], // POLLOUT
  [0x2000, 0x008], // POLLRDHUP
  [0x008, 0x010], // POLLERR
  [0x010, 0x020], // POLLHUP
  [0x020, 0x040], // POLLNVAL
  [0x040, 0x080], // POLLRDNORM
  [0x080, 0x100], // POLLRDBAND
  [0x100, 0x200], // POLLWRNORM
  [0x200, 0x400], // POLLWRBAND
];

const ownBits = (kernel: number): number => bits.reduce((own, [bit, is]) => ((kernel & bit) === 0 ? own : own | is), 0);

/** `3:f1 5:40`: each descriptor's number, its kind's letter if known, and what it is ready for in hexadecimal. */
export const polledParameter: Parameter = parameter('fds', (scene) =>
  scene.kind === 'polled'
    ? polledOf(scene.event)
        .map((polled) => {
          const letter = letterOf(alone(scene, polled)) ?? '?';
          return `${polled.fd}:${letter}${ownBits(polled.returned).toString(16)}`;
        })
        .join(' ')
    : undefined,
);
