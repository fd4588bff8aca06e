/** Reads dotted IPv4 (no leading zeros) when there is a dot, IPv6 otherwise: 4 or 16 bytes. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes('.') ? parseIpv4(text) : parseIpv6(text);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = groups;
  const count = head.length + tail.length;
  if (halves.length === 1 ? count !== 8 : count > 7) return undefined;
  const all = [...head, ...new Array<string>(8 - count).fill('0'), ...tail];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return Uint8Array.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

export type Network = { readonly address: Uint8Array; readonly prefix: number };

/** `address/prefix`; IPv4 takes 0..32, IPv6 1..128. Bits beyond the prefix are ignored. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  if (slash === -1) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === undefined || !/^\d{1,3}$/.test(digits)) return undefined;
  const prefix = Number(digits);
  const [least, most] = address.length === 4 ? [0, 32] : [1, 128];
  return prefix >= least && prefix <= most ? { address, prefix } : undefined;
}

export function isSameAddress(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    if (a[at] !== b[at]) return false;
  }
  return true;
}

/** Addresses of the other family lie outside every network. */
export function isInNetwork(address: Uint8Array, network: Network): boolean {
  if (address.length !== network.address.length) return false;
  const whole = network.prefix >> 3;
  for (let at = 0; at < whole; at++) {
    if (address[at] !== network.address[at]) return false;
  }
  const mask = 0xff & (0xff00 >> (network.prefix & 7));
  return mask === 0 || ((address[whole] ?? 0) & mask) === ((network.address[whole] ?? 0) & mask);
}

/** Dotted IPv4, or IPv6 with its longest run of zeros compressed (RFC 5952); an IPv4 address inside is dotted, as glibc prints it. */
export function formatAddress(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  const groups = Array.from(
    { length: 8 },
    (_, index) => ((address[2 * index] ?? 0) << 8) | (address[2 * index + 1] ?? 0),
  );
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return text(groups);
  const embedsIpv4 = best.start === 0 && (best.length === 6 || (best.length === 5 && groups[5] === 0xffff));
  if (embedsIpv4) return `::${best.length === 5 ? 'ffff:' : ''}${address.slice(12).join('.')}`;
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}
