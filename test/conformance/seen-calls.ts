import fc from 'fast-check';
import { numberOfCall } from '../../agent/events/calls.ts';
import { container, record, sceneOf } from '../../agent/fields/sample.ts';
import type { Scene } from '../../agent/fields/scene.ts';
import type { ModelCall } from '../../agent/pushdown/model.ts';
import { sampleProcess } from '../../agent/state/sample-process.ts';
import { toByteString } from '../../rules/language/byte-string.ts';

/** What the kernel side sees of a call, and the record that it would send. */
export type Seen = { readonly call: Omit<ModelCall, 'container' | 'name' | 'judgement'>; readonly scene: Scene };

const opens = ['open', 'openat', 'openat2', 'creat', 'unlinkat'] as const;
const sockets = ['connect', 'bind', 'accept4', 'sendto', 'recvmsg'] as const;
export const types = [...opens, ...sockets, 'ptrace'] as const;
const isSocketCall = (type: string): boolean => sockets.some((one) => one === type);

const part = fc.constantFrom('etc', 'etc', 'a', 'ab', '.ssh', 'home', 'é', 'x.log', 'proc', 'self', 'fd', '3', 'exe');
const odd = fc.constantFrom('..', '.', '', 'a..');
const join = (parts: readonly string[]) => toByteString(parts.join('/'));
const plain = fc.array(part, { maxLength: 4 }).map((parts) => `/${join(parts)}`);
const given = fc.oneof(
  plain,
  fc.array(fc.oneof({ weight: 4, arbitrary: part }, odd), { minLength: 1, maxLength: 5 }).map(join),
  fc.array(fc.oneof(part, odd), { maxLength: 5 }).map((parts) => `/${join(parts)}`),
  fc.constantFrom('/proc/self/exe', '/proc/self/fd/3', '/proc/7/environ'),
);
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined, freq: 6 });
export const comm = fc.constantFrom('sh', 'tar', 'a', 'bash');
export const exe = fc.constantFrom('/usr/bin/ssh', 'ssh', '-bash', '/bin/tar', '');

/** 127.0.0.1, 10.1.2.3, 10.9.0.1, 192.168.0.7, 8.8.8.8, 169.254.169.254, 0.0.0.0 */
const addresses = [0x7f000001, 0x0a010203, 0x0a090001, 0xc0a80007, 0x08080808, 0xa9fea9fe, 0] as const;
const inNetworkOrder = (address: number): number => {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, address);
  return view.getUint32(0, true);
};

export const seen: fc.Arbitrary<Seen> = fc
  .record({
    type: fc.constantFrom(...types),
    ret: fc.constantFrom(3, 0, 7, -2, -13, -115),
    uid: fc.constantFrom(0, 1000),
    path: maybe(given),
    resolved: maybe(fc.oneof(plain, fc.constant('memfd:a'))),
    base: maybe(plain),
    likeGiven: fc.boolean(),
    flags: fc.constantFrom(0, 1, 2, 3, 0o101, 0o1101, 0o1102, 0o200000, 0o20200002),
    mode: fc.constantFrom(0, 0o644, 0o755),
    created: fc.boolean(),
    family: fc.constantFrom(1, 2, 10, 16),
    otherFamily: fc.constantFrom(1, 2, 10),
    protocol: fc.constantFrom(0, 1, 6, 17),
    port: fc.constantFrom(0, 53, 80, 443, 8080),
    otherPort: fc.constantFrom(0, 80, 40_000),
    address: fc.constantFrom(...addresses),
    otherAddress: fc.constantFrom(...addresses),
    namesPeer: fc.boolean(),
    isNewPeer: fc.boolean(),
    connected: fc.boolean(),
    accepted: fc.boolean(),
    isIn: fc.boolean(),
    comm,
    exe: maybe(exe),
    exePath: maybe(exe),
  })
  .map(({ type, ret, uid, flags, mode, family, protocol, port, ...rest }) => {
    const nr = numberOfCall(type) ?? 0;
    const scene = (event: Scene['event']): Scene => {
      const base = sceneOf(event, { container: rest.isIn ? container : undefined });
      const argv = rest.exe === undefined ? [] : [rest.exe];
      return {
        ...base,
        process: base.process && sampleProcess({ comm: rest.comm, uid, argv, exePath: rest.exePath }, base.process),
      };
    };
    const header = { ret, uid };
    if (isSocketCall(type)) {
      const isNamed = type === 'connect' || type === 'bind';
      const isAccepted = !isNamed && protocol === 6 && rest.accepted;
      const isServer = type === 'bind' || type === 'accept4' || isAccepted;
      const isOpen = type !== 'accept4' || ret >= 0;
      const isOwn = (ret >= 0 || ret === -115) && (port !== 0 || family === 1 || family === 16);
      // What a call names may be of another family; so may what it has room for, whatever comes.
      const isGiven = isNamed ? !isOwn : type !== 'accept4' && rest.namesPeer;
      const told = isGiven ? rest.otherFamily : isOpen ? family : 0;
      const isInternet = told === 2 || told === 10;
      const [local, remote] = isServer ? [rest.address, rest.otherAddress] : [rest.otherAddress, rest.address];
      const [localPort, remotePort] = isServer ? [port, rest.otherPort] : [rest.otherPort, port];
      const numbers = {
        ...header,
        family: told,
        protocol: isInternet ? protocol : 0,
        type: protocol === 17 ? 2 : protocol === 1 ? 3 : 1,
        // A datagram socket has a peer's port only when it is connected.
        state: isNamed || (port !== 0 && rest.connected) || (port !== 0 && protocol === 17) ? 1 : 7,
        flags:
          (!isNamed && type !== 'accept4' && rest.namesPeer && rest.isNewPeer ? 512 : 0) | (isAccepted ? 8_192 : 0),
        remote_port: remotePort,
        local_port: localPort,
        remote: inNetworkOrder(remote),
        local: inNetworkOrder(local),
      };
      const socket = isOpen ? { family, protocol, port, address: rest.address } : undefined;
      return {
        call: { nr, ret, uid, socket, namesPeer: rest.namesPeer },
        scene: scene(record('socket', type, { numbers })),
      };
    }
    if (type === 'ptrace') return { call: { nr, ret, uid }, scene: scene(record('call', type, { numbers: header })) };
    const opened =
      ret < 0 ? undefined : rest.likeGiven && rest.path?.startsWith('/') === true ? rest.path : rest.resolved;
    const path = rest.path === '' ? undefined : rest.path;
    const base = path?.startsWith('/') === false && opened === undefined ? rest.base : undefined;
    const texts = Object.fromEntries(
      Object.entries({ path, base, resolved: opened }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    );
    const made = ret >= 0 && rest.created && (flags & 0o100) !== 0 ? 128 : 0;
    const numbers = { ...header, open_flags: flags, mode, fd: ret < 0 ? -1 : ret, flags: made };
    return {
      call: { nr, ret, uid, openFlags: flags, mode, path: rest.path, resolved: opened, base: rest.base },
      scene: scene(record('file', type, { numbers, texts })),
    };
  });
