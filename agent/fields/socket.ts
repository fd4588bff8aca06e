import { formatAddress } from '#rules/language/address';
import { socket } from '../events/decode.ts';
import type { Scene } from './scene.ts';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** The calls in which this process is the end that was called. */
const serverCalls: ReadonlySet<string> = new Set(['accept', 'accept4', 'listen', 'bind']);
/** Sockets that only wait: they have one end. */
const listeningCalls: ReadonlySet<string> = new Set(['listen', 'bind']);

/** Whoever takes a datagram from anybody is the one that was called. */
const receivingCalls: ReadonlySet<string> = new Set(['recvfrom', 'recvmsg', 'recvmmsg']);

export function isServer(scene: Scene): boolean {
  if (serverCalls.has(scene.type)) return true;
  const { kind, event, type } = scene;
  if (kind !== 'socket') return false;
  if (socket.isAccepted(event) || socket.isListening(event)) return true;
  return receivingCalls.has(type) && isDatagram(event) && !socket.isConnected(event);
}

const isDatagram = (event: Scene['event']): boolean => (socket.type(event) & 0xf) === SOCK_DGRAM;
export const isListening = ({ type, kind, event }: Scene): boolean =>
  listeningCalls.has(type) || (kind === 'socket' && socket.isListening(event));

/** IPv4 or IPv6: only these have addresses and ports. */
export function isInternet(scene: Scene): boolean {
  if (scene.kind !== 'socket') return false;
  const family = socket.family(scene.event);
  return family === AF_INET || family === AF_INET6;
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

export function localAddress(scene: Scene): Uint8Array | undefined {
  return isInternet(scene) ? socket.local(scene.event) : undefined;
}

export function remoteAddress(scene: Scene): Uint8Array | undefined {
  return isInternet(scene) && !isListening(scene) ? socket.remote(scene.event) : undefined;
}

export function localPort(scene: Scene): number | undefined {
  return isInternet(scene) ? socket.localPort(scene.event) : undefined;
}

export function remotePort(scene: Scene): number | undefined {
  return isInternet(scene) && !isListening(scene) ? socket.remotePort(scene.event) : undefined;
}

export function serverAddress(scene: Scene): Uint8Array | undefined {
  return isServer(scene) ? localAddress(scene) : remoteAddress(scene);
}

export function clientAddress(scene: Scene): Uint8Array | undefined {
  return isServer(scene) ? remoteAddress(scene) : localAddress(scene);
}

export function serverPort(scene: Scene): number | undefined {
  return isServer(scene) ? localPort(scene) : remotePort(scene);
}

export function clientPort(scene: Scene): number | undefined {
  return isServer(scene) ? remotePort(scene) : localPort(scene);
}

/** An IPv4 address inside an IPv6 socket is shown as what it is. */
function show(address: Uint8Array): string {
  const mapped = address.length === 16 && address[10] === 0xff && address[11] === 0xff && isZero(address.slice(0, 10));
  return formatAddress(mapped ? address.slice(12) : address);
}

/** `10.0.0.1:51820->10.0.0.2:443`, `:::8080` of a socket that waits, the path of a unix socket. */
export function socketName(scene: Scene): string | undefined {
  const { event } = scene;
  if (socket.family(event) === AF_UNIX) return unixPath(scene);
  const server = serverAddress(scene);
  if (server === undefined) return undefined;
  // Neither bound nor connected.
  if (socket.localPort(event) === 0 && socket.remotePort(event) === 0) return undefined;
  const to = `${show(server)}:${serverPort(scene)}`;
  const client = clientAddress(scene);
  return client === undefined ? to : `${show(client)}:${clientPort(scene)}->${to}`;
}

/** Abstract names (unix(7)) begin with a NUL, which is written as `@`. */
export function unixPath({ event }: Scene): string | undefined {
  const path = socket.unixPath(event);
  return path?.startsWith('\0') ? `@${path.slice(1)}` : path?.replace(/\0+$/, '');
}

export function socketType(scene: Scene): 'ipv4' | 'ipv6' | 'unix' | 'netlink' | undefined {
  switch (socket.family(scene.event)) {
    case AF_UNIX:
      return 'unix';
    case AF_INET:
      return 'ipv4';
    case AF_INET6:
      return 'ipv6';
    case 16:
      return 'netlink';
    default:
      return undefined;
  }
}

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;

export function transport(scene: Scene): string | undefined {
  if (!isInternet(scene)) return undefined;
  switch (socket.protocol(scene.event)) {
    case 6:
      return 'tcp';
    case 17:
      return 'udp';
    case 1:
    case 58:
      return 'icmp';
  }
  switch (socket.type(scene.event) & 0xf) {
    case SOCK_STREAM:
      return 'tcp';
    case SOCK_DGRAM:
      return 'udp';
    case SOCK_RAW:
      return 'raw';
    default:
      return undefined;
  }
}
