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
  /** Sockets: `family`, three bits. */
  family: 7 << 8,
  /** Two bits: `transport`. */
  transport: 3 << 11,
  /** -EINPROGRESS. */
  inProgress: 1 << 13,
} as const;

export const ACCESS_SHIFT = 8;
export const FAMILY_SHIFT = 8;
export const TRANSPORT_SHIFT = 11;
export const GUARDS = 4;
export const GUARD_SHIFT = 4;

/** `unknown`: a call that failed, whose address may be of another family than the socket. */
export const families = { other: 0, unix: 1, ipv4: 2, ipv6: 3, unknown: 4 } as const;
export const transports = { unknown: 0, tcp: 1, udp: 2 } as const;

/** How the kernel side looks at a call (`enum filter_kind`). */
export const filterKinds = { send: 0, plain: 1, open: 2, socket: 3 } as const;
export type FilterKind = keyof typeof filterKinds;

/** How many bits of the features count for a kind: the size of its table. */
export const featureBits = { send: 0, plain: 8, open: 15, socket: 14 } as const satisfies Record<FilterKind, number>;

const opens: ReadonlySet<string> = new Set(['open', 'openat', 'openat2', 'creat', 'open_by_handle_at']);
/** Calls on sockets that carry no data: those that do change which peer is a new one. */
const sockets: ReadonlySet<string> = new Set(['socket', 'connect', 'accept', 'accept4', 'bind', 'listen', 'shutdown']);
/** Lifecycle events, and calls of which the socket's last peer is noted. */
const neverDropped: ReadonlySet<string> = new Set(
  `execve execveat clone clone3 fork vfork procexit sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg`.split(/\s+/),
);

export function filterKindOf(type: string): FilterKind {
  if (neverDropped.has(type)) return 'send';
  if (opens.has(type)) return 'open';
  return sockets.has(type) ? 'socket' : 'plain';
}
