import type { FieldValue } from '#rules/language/field';
import { services } from '#rules/language/services';
import { file, socket } from '../events/decode.ts';
import { shortId } from './container.ts';
import { descriptorOf, kindOf, letterOf, nameOf } from './descriptor.ts';
import { descriptorPath, isOpen, path, pathRaw, secondPath, secondPathRaw } from './paths.ts';
import type { Reader, ReaderTable, Scene } from './scene.ts';
import {
  clientAddress,
  clientPort,
  isInternet,
  isListening,
  isServer,
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
  serverAddress,
  serverPort,
  transport,
  unixPath,
} from './socket.ts';

/** Sockets have a name, but no folder. */
const fileName = (scene: Scene): string | undefined => (scene.kind === 'file' ? nameOf(scene) : undefined);

function folderOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const slash = text.lastIndexOf('/');
  return slash <= 0 ? '/' : text.slice(0, slash);
}

const lastName = (text: string | undefined): string | undefined => text?.slice(text.lastIndexOf('/') + 1);

const containerId = ({ container }: Scene): string => (container === undefined ? 'host' : shortId(container.id));

const inContainer = (scene: Scene, text: string | undefined): string | undefined =>
  text === undefined ? undefined : `${containerId(scene)}:${text}`;

/** Both ends, or the one of a socket that waits. */
const bothEnds =
  (one: (scene: Scene) => FieldValue | undefined, other: (scene: Scene) => FieldValue | undefined): Reader =>
  (scene) => {
    if (!isInternet(scene)) return undefined;
    return [one(scene), other(scene)].filter((value) => value !== undefined);
  };

const serviceByPort: ReadonlyMap<number, string> = new Map([...services].map(([service, port]) => [port, service]));

const service =
  (port: (scene: Scene) => number | undefined): ((scene: Scene) => string | undefined) =>
  (scene) => {
    const number = port(scene);
    return number === undefined ? undefined : (serviceByPort.get(number) ?? String(number));
  };

function isConnected(scene: Scene): boolean | undefined {
  if (scene.kind !== 'socket') return undefined;
  if (scene.type === 'connect') return scene.event.hasResult ? scene.event.ret >= 0 : undefined;
  return !isListening(scene) && socket.isConnected(scene.event);
}

/** A connection made, or a datagram to or from another peer than the socket's last one. */
function hasNewName(scene: Scene): boolean {
  if (scene.kind !== 'socket') return false;
  return scene.type === 'connect' ? scene.event.ret >= 0 : socket.hasNewPeer(scene.event);
}

/** Host names that rules compare with and that lead to the address; `[]`: none does. */
const namesOf =
  (read: (scene: Scene) => Uint8Array | undefined): Reader =>
  (scene) => {
    const address = read(scene);
    return address && scene.around.namesOf(address);
  };

const MINOR_LOW = 0xff;
/** new_encode_dev of linux/kdev_t.h. */
const majorOf = (device: number): number => (device >>> 8) & 0xfff;
const minorOf = (device: number): number => (device & MINOR_LOW) | ((device >>> 12) & 0xfff00);

const onDisk =
  <T>(read: (event: Scene['event']) => T): ((scene: Scene) => T | undefined) =>
  (scene) =>
    scene.kind === 'file' && file.inode(scene.event) !== 0 ? read(scene.event) : undefined;

/** Fields of the file or socket behind the event's descriptor. */
export const fdFields = {
  'fd.num': { read: descriptorOf },
  'fd.type': { read: kindOf },
  'fd.typechar': { read: letterOf },
  'fd.name': { read: nameOf },
  'fd.nameraw': {
    read: (scene) => (scene.kind === 'socket' ? unixPath(scene) : isOpen(scene) ? pathRaw(scene) : fileName(scene)),
  },
  'fd.directory': { read: (scene) => folderOf(fileName(scene)) },
  'fd.filename': { read: (scene) => lastName(fileName(scene)) },
  'fd.cip.name': { read: namesOf(clientAddress) },
  'fd.sip.name': { read: namesOf(serverAddress) },
  'fd.lip.name': { read: namesOf(localAddress) },
  'fd.rip.name': { read: namesOf(remoteAddress) },
  'fd.ip': { read: bothEnds(clientAddress, serverAddress) },
  'fd.cip': { read: clientAddress },
  'fd.sip': { read: serverAddress },
  'fd.lip': { read: localAddress },
  'fd.rip': { read: remoteAddress },
  'fd.port': { read: bothEnds(clientPort, serverPort) },
  'fd.cport': { read: clientPort },
  'fd.sport': { read: serverPort },
  'fd.lport': { read: localPort },
  'fd.rport': { read: remotePort },
  'fd.proto': { read: bothEnds(clientPort, serverPort) },
  'fd.cproto': { read: service(clientPort) },
  'fd.sproto': { read: service(serverPort) },
  'fd.lproto': { read: service(localPort) },
  'fd.rproto': { read: service(remotePort) },
  'fd.net': { read: bothEnds(clientAddress, serverAddress) },
  'fd.cnet': { read: clientAddress },
  'fd.snet': { read: serverAddress },
  'fd.lnet': { read: localAddress },
  'fd.rnet': { read: remoteAddress },
  'fd.l4proto': { read: transport },
  'fd.sockfamily': {
    read: (scene) => {
      const kind = kindOf(scene);
      return kind === 'unix' ? 'unix' : kind === 'ipv4' || kind === 'ipv6' ? 'ip' : undefined;
    },
  },
  'fd.is_server': { read: (scene) => (scene.kind === 'socket' ? isServer(scene) : undefined) },
  'fd.connected': { read: isConnected },
  'fd.name_changed': { read: hasNewName },
  'fd.uid': {
    read: (scene) => {
      const number = descriptorOf(scene);
      return number === undefined ? undefined : `${scene.event.tid}${number}`;
    },
  },
  'fd.containername': { read: (scene) => inContainer(scene, nameOf(scene)) },
  'fd.containerdirectory': { read: (scene) => inContainer(scene, folderOf(fileName(scene))) },
  'fd.dev': { read: onDisk(file.device) },
  'fd.dev.major': { read: onDisk((event) => majorOf(file.device(event))) },
  'fd.dev.minor': { read: onDisk((event) => minorOf(file.device(event))) },
  'fd.ino': { read: onDisk(file.inode) },
  'fd.is_upper_layer': { read: onDisk((event) => file.layer(event) === 'upper') },
  'fd.is_lower_layer': { read: onDisk((event) => file.layer(event) === 'lower') },
} as const satisfies ReaderTable;

/** Calls that act on one path; `descriptor`: they are given an open file instead. */
const onePath: ReadonlySet<string> = new Set(
  `mkdir mkdirat rmdir unlink unlinkat open openat openat2 creat chmod fchmodat fchmodat2 chown lchown fchownat umount
  umount2 mknod mknodat truncate`.split(/\s+/),
);
const ofDescriptor: ReadonlySet<string> = new Set(['fchmod', 'fchown']);
/** Which of the two paths is the source. A link's source is the link, its target what it leads to. */
const sources: Readonly<Record<string, 'first' | 'second'>> = {
  rename: 'first',
  renameat: 'first',
  renameat2: 'first',
  link: 'second',
  linkat: 'second',
  symlink: 'second',
  symlinkat: 'second',
  mount: 'second',
};
/** The first path of these is text, which need not be a path. */
const textTargets: ReadonlySet<string> = new Set(['symlink', 'symlinkat']);

/** The original gives paths of calls that went well only. */
/** Or is not known to have failed. */
const succeeded = ({ kind, event }: Scene): boolean => kind === 'file' && (event.ret >= 0 || !event.hasResult);

const single =
  (given: Reader): Reader =>
  (scene) => {
    if (!succeeded(scene)) return undefined;
    if (ofDescriptor.has(scene.type)) return descriptorPath(scene);
    return onePath.has(scene.type) ? given(scene) : undefined;
  };

const double =
  (end: 'source' | 'target', form: 'absolute' | 'raw'): Reader =>
  (scene) => {
    const source = Object.hasOwn(sources, scene.type) ? sources[scene.type] : undefined;
    if (source === undefined || !succeeded(scene)) return undefined;
    const isFirst = (source === 'first') === (end === 'source');
    const raw = form === 'raw' || (isFirst && textTargets.has(scene.type));
    if (isFirst) return raw ? pathRaw(scene) : path(scene);
    return raw || scene.type === 'mount' ? secondPathRaw(scene) : secondPath(scene);
  };

/** Fields of the paths that a call of the file system acts on. */
export const fsPathFields = {
  'fs.path.name': { read: single(path) },
  'fs.path.nameraw': { read: single(pathRaw) },
  'fs.path.source': { read: double('source', 'absolute') },
  'fs.path.sourceraw': { read: double('source', 'raw') },
  'fs.path.target': { read: double('target', 'absolute') },
  'fs.path.targetraw': { read: double('target', 'raw') },
} as const satisfies ReaderTable;
