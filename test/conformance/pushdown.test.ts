import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numberOfCall } from '../../agent/events/calls.ts';
import { container, read, record, sceneOf } from '../../agent/fields/sample.ts';
import type { Scene } from '../../agent/fields/scene.ts';
import { compileFilter } from '../../agent/pushdown/compile.ts';
import { encodeFilter } from '../../agent/pushdown/encode.ts';
import { FilterModel, type ModelCall } from '../../agent/pushdown/model.ts';
import { fieldCatalogue, fieldSpecs } from '../../rules/fields.ts';
import { toByteString } from '../../rules/language/byte-string.ts';
import { loadRules } from '../../rules/language/load.ts';
import type { Rule } from '../../rules/language/rule-set.ts';
import { hasData, mustRun, publishedFiles, readPublished, whyMissing } from './data.ts';
import { evaluate } from './reference.ts';

/** What the kernel side sees of a call, and the record that it would send. */
type Seen = { readonly call: Omit<ModelCall, 'container' | 'name'>; readonly scene: Scene };

const opens = ['open', 'openat', 'openat2', 'creat', 'unlinkat'] as const;
const sockets = ['connect', 'bind', 'accept4', 'sendto', 'recvmsg'] as const;
const types = [...opens, ...sockets, 'ptrace'] as const;
const isSocketCall = (type: string): boolean => sockets.some((one) => one === type);
const typeOf = new Map(fieldSpecs.map((spec) => [spec.name, spec.type]));

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
const comm = fc.constantFrom('sh', 'tar', 'a', 'bash');

/** 127.0.0.1, 10.1.2.3, 10.9.0.1, 192.168.0.7, 8.8.8.8, 169.254.169.254, 0.0.0.0 */
const addresses = [0x7f000001, 0x0a010203, 0x0a090001, 0xc0a80007, 0x08080808, 0xa9fea9fe, 0] as const;
const inNetworkOrder = (address: number): number => {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, address);
  return view.getUint32(0, true);
};

const seen: fc.Arbitrary<Seen> = fc
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
    isIn: fc.boolean(),
    comm,
  })
  .map(({ type, ret, uid, flags, mode, family, protocol, port, ...rest }) => {
    const nr = numberOfCall(type) ?? 0;
    const scene = (event: Scene['event']): Scene => {
      const base = sceneOf(event, { container: rest.isIn ? container : undefined });
      return { ...base, process: base.process && { ...base.process, comm: rest.comm, uid } };
    };
    const header = { ret, uid };
    if (isSocketCall(type)) {
      const isNamed = type === 'connect' || type === 'bind';
      const isServer = type === 'bind' || type === 'accept4';
      const isOpen = type !== 'accept4' || ret >= 0;
      const isOwn = (ret >= 0 || ret === -115) && (port !== 0 || family === 1 || family === 16);
      // What a call names may be of another family; so may what it has room for, whatever comes.
      const isGiven = isNamed ? !isOwn : !isServer && rest.namesPeer;
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
        flags: !isNamed && !isServer && rest.namesPeer && rest.isNewPeer ? 512 : 0,
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

const quoted = (text: string): string => JSON.stringify(text);
const text = fc.oneof(
  fc
    .array(fc.constantFrom('etc', 'a', 'ab', '.ssh', 'home', 'é', 'x.log', 'proc'), { maxLength: 3 })
    .map((parts) => `/${parts.join('/')}`),
  fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', 'e', 't', 'c', 'é'), maxLength: 4 }),
  fc.constantFrom('/etc/', '/etc', '../', '/.ssh/', 'memfd:a', '/proc/self/exe', '/proc/self/fd/'),
);
const glob = fc.oneof(
  fc.constantFrom('/home/*/.ssh/*', '*../*', '/proc/*/environ', '*', '/etc*', '*log', '/?tc/*'),
  fc.string({ unit: fc.constantFrom('a', '*', '?', '/', 'e', '.'), maxLength: 6 }),
);
const listOf = (of: fc.Arbitrary<string>) =>
  fc.array(of.map(quoted), { minLength: 1, maxLength: 5 }).map((items) => `(${items.join(', ')})`);
const pathField = fc.constantFrom(
  'fd.name',
  'fd.name',
  'fd.directory',
  'fd.filename',
  'fs.path.name',
  'evt.arg.name',
  'fd.nameraw',
  'evt.abspath',
);
const words = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(' '));
const equality = fc.constantFrom('=', '!=');
const test = fc.oneof(
  words(pathField, fc.constantFrom('=', '!=', 'startswith', 'endswith', 'contains'), text.map(quoted)),
  words(
    pathField,
    fc.constantFrom('in', 'pmatch', 'startswith anyof', 'endswith anyof', 'contains oneof', 'startswith allof'),
    listOf(text),
  ),
  words(pathField, fc.constant('glob'), glob.map(quoted)),
  words(
    fc.constantFrom('evt.is_open_read', 'evt.is_open_write', 'evt.is_open_exec', 'evt.is_open_create', 'evt.failed'),
    equality,
    fc.constantFrom('true', 'false'),
  ),
  words(
    fc.constantFrom('fd.num', 'evt.rawres'),
    fc.constantFrom('=', '<', '<=', '>', '>='),
    fc.constantFrom('0', '-1', '3', '-115', '-13'),
  ),
  words(
    fc.constant('evt.res'),
    fc.constantFrom('=', '!=', 'startswith'),
    fc.constantFrom('E', 'SUCCESS', 'EINPROGRESS', 'ENOENT'),
  ),
  words(fc.constant('fd.typechar'), equality, fc.constantFrom('f', 'd', '4', '6', 'u', 'n')),
  words(fc.constant('fd.type'), fc.constant('in'), listOf(fc.constantFrom('file', 'directory', 'ipv4', 'unix'))),
  words(fc.constant('fd.sockfamily'), equality, fc.constantFrom('ip', 'unix')),
  words(fc.constant('fd.l4proto'), equality, fc.constantFrom('tcp', 'udp', 'icmp')),
  words(
    fc.constantFrom('fd.sport', 'fd.port', 'fd.rport', 'fd.lport'),
    fc.constantFrom('=', '!=', '<', '>='),
    fc.constantFrom('0', '53', '80', '443', '1024'),
  ),
  words(fc.constantFrom('fd.sport', 'fd.port'), fc.constant('in'), listOf(fc.constantFrom('53', '80', '443', '8080'))),
  words(
    fc.constantFrom('fd.sip', 'fd.ip', 'fd.rip'),
    equality,
    fc.constantFrom('0.0.0.0', '169.254.169.254', '127.0.0.1'),
  ),
  words(
    fc.constantFrom('fd.snet', 'fd.net', 'fd.cnet'),
    fc.constantFrom('=', '!='),
    fc.constantFrom('127.0.0.0/8', '10.0.0.0/8', '10.9.0.0/16', '0.0.0.0/0').map(quoted),
  ),
  words(
    fc.constantFrom('fd.snet', 'fd.net'),
    fc.constant('in'),
    listOf(fc.constantFrom('10.0.0.0/8', '192.168.0.0/16', '::1/128')),
  ),
  words(fc.constantFrom('fd.name_changed', 'fd.connected', 'fd.is_server'), equality, fc.constantFrom('true', 'false')),
  words(fc.constant('evt.arg.flags'), fc.constant('contains'), fc.constantFrom('O_CREAT', 'O_TRUNC', 'O_DIRECT')),
  words(fc.constant('container.id'), equality, fc.constantFrom('host', 'abcdef012345', 'x')),
  words(
    fc.constantFrom('container.name', 'container.image.repository', 'proc.cmdline', 'user.name'),
    equality,
    fc.constantFrom('host', 'web', 'root'),
  ),
  words(fc.constant('proc.name'), fc.constantFrom('in', 'in'), listOf(comm)),
  words(fc.constant('proc.name'), fc.constantFrom('=', '!=', 'startswith'), comm),
  words(fc.constant('user.uid'), fc.constantFrom('=', '!=', '>', '<'), fc.constantFrom('0', '1', '1000')),
  words(
    fc.constantFrom('fd.name', 'fs.path.name', 'fd.directory', 'proc.name', 'fd.l4proto', 'container.image'),
    fc.constant('exists'),
  ),
  fc.constantFrom(
    'evt.type = open',
    'evt.type in (openat, openat2, connect)',
    'evt.type != creat',
    'evt.type = unlinkat',
  ),
);
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    test,
    fc.array(tie('condition'), { minLength: 2, maxLength: 4 }).map((parts) => `(${parts.join(' and ')})`),
    fc.array(tie('condition'), { minLength: 2, maxLength: 3 }).map((parts) => `(${parts.join(' or ')})`),
    tie('condition').map((one) => `not (${one})`),
  ),
}));

/** Rules as people write them, and any others. */
const rule = fc.oneof(
  condition,
  fc
    .array(fc.oneof(test, condition), { minLength: 2, maxLength: 5 })
    .map((parts) => parts.map((one) => `(${one})`).join(' and ')),
);

function load(conditions: readonly string[]): readonly Rule[] {
  const source = conditions
    .map(
      (one, index) =>
        `- rule: r${index}\n  desc: d\n  condition: ${quoted(one)}\n  output: o\n  priority: INFO\n  warn_evttypes: false\n`,
    )
    .join('');
  const outcome = loadRules([{ path: 'rules.yaml', text: source }], { fields: fieldCatalogue });
  expect(outcome.errors.map(({ message }) => message)).toEqual([]);
  return outcome.ruleSet.rules;
}

/** The rules that match, as the reference interpreter reads them, with the agent's own readers of fields. */
function matching(rules: readonly Rule[], scene: Scene): readonly string[] {
  const value = (name: string) => read(name, scene) as ReturnType<Parameters<typeof evaluate>[1]['value']>;
  const event = { value, type: (name: string) => typeOf.get(name) ?? 'CHARBUF' };
  return rules.filter((rule) => evaluate(rule.resolved, event)).map((rule) => rule.name);
}

function check(rules: readonly Rule[], model: FilterModel, { call, scene }: Seen): 'send' | 'drop' {
  const matched = matching(rules, scene);
  const isIn = scene.container === undefined ? 'host' : 'container';
  const name = scene.process?.comm;
  const sure = model.decide({ ...call, container: isIn, name });
  for (const where of [isIn, 'unknown'] as const) {
    for (const who of [name, undefined]) {
      const decision = model.decide({ ...call, container: where, name: who });
      // What is not certain never leads to a drop that certainty would not.
      if (matched.length > 0 || sure === 'send') expect([decision, matched, call]).toEqual(['send', matched, call]);
    }
  }
  return sure;
}

describe('the filter for the kernel', () => {
  it('drops no event that a rule matches, whatever the rules and the events', () => {
    let dropped = 0;
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 3 }),
        fc.array(seen, { minLength: 30, maxLength: 60 }),
        (conditions, events) => {
          const rules = load(conditions);
          const filter = compileFilter(rules, types, new Set());
          const model = new FilterModel(encodeFilter(filter));
          for (const event of events) if (check(rules, model, event) === 'drop') dropped++;
        },
      ),
      { numRuns: 300 },
    );
    expect(dropped).toBeGreaterThan(2_000);
  });

  it('sends what is no absolute path, whatever the rules ask of it', () => {
    const rules = load(['evt.type = open and fd.name = "memfd:a"', 'evt.type = open and fd.directory = "/etc"']);
    const model = new FilterModel(encodeFilter(compileFilter(rules, types, new Set())));
    const open = (resolved: string) =>
      model.decide({ nr: 2, ret: 3, uid: 0, container: 'host', name: 'a', path: '/proc/self/fd/9', resolved });
    expect(open('memfd:a')).toBe('send');
    const plain = { nr: 2, ret: 3, uid: 0, container: 'host', name: 'a', path: '/a/b', resolved: '/a/b' } as const;
    expect(model.decide(plain)).toBe('drop');
  });

  it('sends every event of the types that are kept', () => {
    const [rule] = load(['evt.type in (open, openat) and fd.name = /etc/shadow']);
    const call = {
      nr: numberOfCall('openat') ?? 0,
      ret: 3,
      uid: 0,
      container: 'host',
      name: 'sh',
      path: '/a',
      resolved: '/a',
    } as const;
    const decide = (kept: ReadonlySet<string>) =>
      new FilterModel(encodeFilter(compileFilter(rule ? [rule] : [], ['open', 'openat'], kept))).decide(call);
    expect(decide(new Set())).toBe('drop');
    expect(decide(new Set(['openat']))).toBe('send');
  });
});

describe.skipIf(!hasData && !mustRun)(
  hasData ? 'of the published rules' : `of the published rules: ${whyMissing}`,
  () => {
    const outcome = loadRules(publishedFiles.map(readPublished), { fields: fieldCatalogue });
    const rules = outcome.ruleSet.rules.filter((rule) => rule.enabled);
    const filter = compileFilter(rules, types, new Set());
    const model = new FilterModel(encodeFilter(filter));

    it('is exact enough to drop uninteresting opens, and gives nothing up', () => {
      expect(filter.simplified).toEqual([]);
      const open = (path: string, more: Partial<ModelCall> = {}) =>
        model.decide({
          nr: 257,
          ret: 3,
          uid: 0,
          container: 'host',
          name: 'tar',
          path,
          resolved: path,
          openFlags: 0,
          ...more,
        });
      expect(open('/usr/share/zoneinfo/Europe/Rome')).toBe('drop');
      expect(open('/etc/ld.so.cache')).toBe('drop');
      expect(open('/etc/shadow')).toBe('send');
      expect(open('/home/a/.ssh/id_rsa')).toBe('send');
      expect(open('/usr/bin/x', { openFlags: 1 })).toBe('send');
      expect(open('/usr/bin/x')).toBe('drop');
      expect(open('/srv/x', { container: 'container' })).toBe('send');
      expect(open('/srv/x', { container: 'container', name: 'cat' })).toBe('drop');
      expect(open('/srv/x', { container: 'unknown', name: 'cat' })).toBe('drop');
      expect(open('/etc/x', { path: '../../etc/x' })).toBe('send');
    });

    it('tells servers apart by port and address', () => {
      const connect = (port: number, address: number, more: Partial<ModelCall> & { readonly protocol?: number } = {}) =>
        model.decide({
          nr: 42,
          ret: 0,
          uid: 0,
          container: 'host',
          name: 'curl',
          socket: { family: 2, protocol: more.protocol ?? 6, port, address },
          ...more,
        });
      const [local, site, public_, metadata] = [0x7f000001, 0xc0a80007, 0x08080808, 0xa9fea9fe];
      expect(connect(443, local)).toBe('drop');
      expect(connect(443, site)).toBe('drop');
      expect(connect(6379, public_)).toBe('drop');
      // Of ssh itself: what the program was started as is not looked at here.
      expect(connect(443, public_)).toBe('send');
      expect(connect(6379, public_, { name: 'sort' })).toBe('send');
      expect(connect(53, public_, { protocol: 17 })).toBe('drop');
      expect(connect(5353, public_, { protocol: 17 })).toBe('send');
      // Any server may have the name of the API server.
      expect(connect(6379, metadata, { container: 'container' })).toBe('send');
      const send = (namesPeer: boolean) => connect(443, public_, { nr: 44, namesPeer });
      expect(send(false)).toBe('drop');
      expect(send(true)).toBe('send');
    });
  },
);
