/**
 * What the kernel side knows of a call before it looks at a path, as one number: an index into a table. The layout is
 * `enum feature` of native/bpf/filter.h; model.ts does what the C does.
 */
export const feature = {
  failed: 1 << 0,
  /** Two bits: 0 not known, `onHost`, `inContainer`. */
  onHost: 1 << 1,
  inContainer: 1 << 2,
  root: 1 << 3,
  /** Guards: bit n says that the rules of guard n are possible for a process of this name. */
  guard0: 1 << 4,
  /** Opens: the access mode, two bits. */
  access: 3 << 8,
  directory: 1 << 10,
  truncates: 1 << 11,
  /** O_CREAT or __O_TMPFILE. */
  creates: 1 << 12,
  /** Creates, with a bit to execute in the mode. */
  createsProgram: 1 << 13,
  /** The path as given has `../` in it, or that was not looked at. */
  climbs: 1 << 14,
  /** Sockets: `sorts`, three bits. */
  sort: 7 << 8,
  /** -EINPROGRESS. */
  inProgress: 1 << 11,
  /** The server's port and address: classes of servers.ts, two bits each. Of sorts `other`, `unix`, `unknown` they say nothing. */
  port: 3 << 12,
  address: 3 << 14,
} as const;

export const ACCESS_SHIFT = 8;
export const SORT_SHIFT = 8;
export const PORT_SHIFT = 12;
export const ADDRESS_SHIFT = 14;
export const GUARDS = 4;
export const GUARD_SHIFT = 4;

/** What a socket is. `unknown`: of the family of an address that the call gave, without a port, or neither TCP nor UDP. */
export const sorts = { other: 0, unix: 1, unknown: 2, tcp4: 3, udp4: 4, tcp6: 5, udp6: 6 } as const;

/** How the kernel side looks at a call (`enum filter_kind`). */
export const filterKinds = { send: 0, plain: 1, open: 2, socket: 3 } as const;
export type FilterKind = keyof typeof filterKinds;

/** How many bits of the features count for a kind: the size of its table. */
export const featureBits = { send: 0, plain: 8, open: 15, socket: 16 } as const satisfies Record<FilterKind, number>;

/** Whether the kernel side ever asks so: of sockets of which nothing more is known it has no classes. */
export function canOccur(kind: FilterKind, features: number): boolean {
  if (kind !== 'socket') return true;
  const sort = (features & feature.sort) >> SORT_SHIFT;
  return sort >= sorts.tcp4 ? sort <= sorts.udp6 : (features & (feature.port | feature.address)) === 0;
}

const opens: ReadonlySet<string> = new Set(['open', 'openat', 'openat2', 'creat', 'open_by_handle_at']);
/** Of those that carry data only what names no peer is dropped: else the socket's last peer is noted. */
const sockets: ReadonlySet<string> = new Set(
  `socket connect accept accept4 bind listen shutdown sendto sendmsg recvfrom recvmsg`.split(/\s+/),
);
/** Lifecycle events, and calls of several messages. */
const neverDropped: ReadonlySet<string> = new Set(
  `execve execveat clone clone3 fork vfork procexit sendmmsg recvmmsg`.split(/\s+/),
);
/** Calls that carry data. */
const carrying: ReadonlySet<string> = new Set(['sendto', 'sendmsg', 'recvfrom', 'recvmsg']);

export const isCarrying = (type: string): boolean => carrying.has(type);

export function filterKindOf(type: string): FilterKind {
  if (neverDropped.has(type)) return 'send';
  if (opens.has(type)) return 'open';
  return sockets.has(type) ? 'socket' : 'plain';
}
