import { isInNetwork, type Network } from '#rules/language/address';
import type { CheckedNode, CheckedTest } from '#rules/language/checked';
import type { FieldValue } from '#rules/language/field';
import { matcherOf } from '#rules/language/test-matcher';

/** Ports, or addresses, that no rule tells apart are a class, of which a few stand for all. */
type Classes = {
  /** By class; of a class without any nothing is known. */
  readonly examples: readonly (readonly FieldValue[])[];
};

/** Which server a socket is about, as far as the rules tell servers apart. */
export type Servers = {
  readonly ports: Classes & { readonly classOf: Uint8Array };
  /** The first network that holds an IPv4 address says its class; those of IPv6 are `mixed`. */
  readonly addresses: Classes & {
    readonly networks: readonly { readonly network: Network; readonly class: number }[];
    readonly other: number;
  };
};

const PORTS = 65_536;
/** Entries of the kernel's table: one is for what is in no network. */
export const NETWORKS = 32;
/** The last class holds what found no class of its own. */
export const MIXED = 3;

const portFields: ReadonlySet<string> = new Set(['fd.sport', 'fd.port']);
const addressFields: ReadonlySet<string> = new Set(['fd.sip', 'fd.ip', 'fd.snet', 'fd.net']);

export const isOfPort = (test: CheckedTest): boolean => fieldIn(test, portFields);
/** Of networks only, whose addresses are all alike. */
export const isOfAddress = (test: CheckedTest): boolean =>
  fieldIn(test, addressFields) && ['=', '==', '!=', 'in'].includes(test.operator) && test.modifier === undefined;

/** `fd.port`, `fd.ip` and `fd.net` are of both ends. */
export const isOfBothEnds = ({ left }: CheckedTest): boolean =>
  left.kind === 'field' && left.use.spec.candidates === 'endpoints';

function fieldIn({ left, right }: CheckedTest, names: ReadonlySet<string>): boolean {
  return (
    left.kind === 'field' &&
    !left.list &&
    left.use.argument === undefined &&
    names.has(left.use.spec.name) &&
    right.kind === 'constants'
  );
}

export function serversOf(conditions: readonly CheckedNode[]): Servers {
  const tests = conditions.flatMap(testsOf);
  return { ports: portsOf(tests.filter(isOfPort)), addresses: addressesOf(tests.filter(isOfAddress)) };
}

function testsOf(node: CheckedNode): readonly CheckedTest[] {
  if (node.kind === 'check') return [node];
  return node.kind === 'not' ? testsOf(node.child) : node.children.flatMap(testsOf);
}

/** Says of a value which tests it passes. */
function signer(tests: readonly CheckedTest[]): (value: FieldValue) => string {
  const matchers = new Map(tests.map((test) => [test.text, ofOne(test)]));
  return (value) => [...matchers.values()].map((matches) => (matches(value) ? '1' : '0')).join('');
}

function ofOne(test: CheckedTest): (value: FieldValue) => boolean {
  const matches = matcherOf(test);
  if (matches === undefined) return () => false;
  return isOfBothEnds(test) ? (value) => matches([value]) : matches;
}

function portsOf(tests: readonly CheckedTest[]): Servers['ports'] {
  const sign = signer(tests);
  // Between two of the numbers that tests name, ports are alike.
  const named = tests.flatMap(({ right }) => (right.kind === 'constants' ? right.values.map(Number) : []));
  // Of a socket without a port nothing is asked.
  const starts = [...new Set([1, ...named.flatMap((port) => [port, port + 1])])]
    .filter((port) => port > 0 && port < PORTS)
    .toSorted((one, other) => one - other);
  const ranges = starts.map((from, place) => ({ from, to: starts[place + 1] ?? PORTS, signature: sign(from) }));
  const groups = new Map<string, { readonly first: number; count: number }>();
  for (const { from, to, signature } of ranges) {
    const group = groups.get(signature) ?? { first: from, count: 0 };
    group.count += to - from;
    groups.set(signature, group);
  }
  const largest = [...groups].toSorted(([, one], [, other]) => other.count - one.count);
  const places = new Map(largest.map(([signature], place) => [signature, Math.min(place, MIXED)]));
  const classOf = new Uint8Array(PORTS);
  for (const { from, to, signature } of ranges) classOf.fill(places.get(signature) ?? MIXED, from, to);
  return { classOf, examples: examplesOf(largest.map(([, { first }]) => first)) };
}

/** The first few have a class each, the rest share the last. */
const examplesOf = (firsts: readonly FieldValue[]): readonly (readonly FieldValue[])[] => [
  ...firsts.slice(0, MIXED).map((first) => [first]),
  ...Array.from({ length: MIXED - Math.min(MIXED, firsts.length) }, () => []),
  firsts.slice(MIXED),
];

function addressesOf(tests: readonly CheckedTest[]): Servers['addresses'] {
  const sign = signer(tests);
  const networks = [...new Map(tests.flatMap(networksIn).map((network) => [textOf(network), network])).values()]
    // What lies within another comes first.
    .toSorted((one, other) => other.prefix - one.prefix);
  if (networks.length >= NETWORKS) return { examples: [[], [], [], []], networks: [], other: MIXED };
  const alone = networks.map((network, place) => aloneIn(network, networks.slice(0, place)));
  const others = someOutside(networks);
  const signs = alone.map((address) => (address === undefined ? undefined : sign(address)));
  const otherSign = others === undefined ? undefined : sign(others);
  const sizes = new Map<string, { readonly example: Uint8Array; size: number }>();
  const add = (signature: string | undefined, example: Uint8Array | undefined, size: number): void => {
    if (signature === undefined || example === undefined) return;
    const known = sizes.get(signature) ?? { example, size: 0 };
    known.size += size;
    sizes.set(signature, known);
  };
  add(otherSign, others, 2 ** 32);
  for (const [place, { prefix }] of networks.entries()) add(signs[place], alone[place], 2 ** (32 - prefix));
  const largest = [...sizes].toSorted(([, one], [, other]) => other.size - one.size).slice(0, MIXED);
  const places = new Map(largest.map(([signature], place) => [signature, place]));
  const classOf = (signature: string | undefined): number =>
    signature === undefined ? MIXED : (places.get(signature) ?? MIXED);
  return {
    networks: networks.map((network, place) => ({ network, class: classOf(signs[place]) })),
    other: classOf(otherSign),
    // Addresses of IPv6 are in the last class too: of it nothing is known.
    examples: examplesOf(largest.map(([, { example }]) => example)),
  };
}

const textOf = ({ address, prefix }: Network): string => `${address.join('.')}/${prefix}`;

/** IPv4 networks and addresses that the test names, without the bits that do not count. */
function networksIn({ right }: CheckedTest): readonly Network[] {
  if (right.kind !== 'constants') return [];
  return right.values.flatMap((value): readonly Network[] => {
    if (typeof value !== 'object') return [];
    const { address, prefix } = value instanceof Uint8Array ? { address: value, prefix: 32 } : value;
    return address.length === 4 ? [{ address: toBytes(toNumber(address) & maskOf(prefix)), prefix }] : [];
  });
}

/** Zero bits shifted by 32 are what they were. */
export const maskOf = (prefix: number): number => (prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0);
const toNumber = (address: Uint8Array): number => new DataView(address.buffer, address.byteOffset, 4).getUint32(0);
const toBytes = (number: number): Uint8Array => Uint8Array.from([24, 16, 8, 0], (shift) => (number >>> shift) & 0xff);

/** An address of the network that lies in none of the others. */
function aloneIn(network: Network, others: readonly Network[]): Uint8Array | undefined {
  const first = toNumber(network.address);
  const size = 2 ** (32 - network.prefix);
  // Right behind each of the others, or at the beginning: one of these is free if any is.
  const candidates = [first, ...others.map((other) => toNumber(other.address) + 2 ** (32 - other.prefix))];
  return candidates
    .filter((one) => one >= first && one < first + size)
    .map(toBytes)
    .find((one) => !others.some((other) => isInNetwork(one, other)));
}

const someOutside = (networks: readonly Network[]): Uint8Array | undefined =>
  aloneIn({ address: Uint8Array.of(0, 0, 0, 0), prefix: 0 }, networks);
