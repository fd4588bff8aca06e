/*
 * Which calls are dropped before a record is made of them: those that no rule can match. agent/pushdown/ makes the
 * tables out of the rules and has a model of what is done here (model.ts); agent/README.md says why that is sound.
 * Whatever is not certain is sent.
 */
#ifndef LANNER_FILTER_H
#define LANNER_FILTER_H

#define FILTER_STATES 16384
#define FILTER_CELLS (1 << 19)
#define FILTER_COLUMN_BYTES (1 << 19)
#define FILTER_NETWORKS 32
#define CLASS_MIXED 3
#define FILTER_OUTPUTS 2048
#define FILTER_NAMES 512
#define FILTER_PROBES 8
#define ALL_GUARDS 15
/* Columns of events that are dropped, and sent, whatever their path. */
#define COLUMN_NEVER 0
#define COLUMN_ALWAYS 255
/* Longest path that is looked at as it was given, and that is compared with what it led to; with its NUL. */
#define GIVEN_MAX 256
#define LINK_MAX 64
#define NR_CREAT 85
#define NR_CONNECT 42
#define NR_ACCEPT 43
#define NR_LISTEN 50
#define NR_ACCEPT4 288
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define EINPROGRESS 115
#define ENTRIES_IN_HOW 2

enum filter_kind { FILTER_SEND = 0, FILTER_PLAIN = 1, FILTER_OPEN = 2, FILTER_SOCKET = 3 };

/* Bits of the index into a call's columns: agent/pushdown/features.ts. */
enum feature {
	FEATURE_FAILED = 1 << 0,
	FEATURE_CONTAINER_SHIFT = 1, /* two bits: cgroup_kinds */
	FEATURE_ROOT = 1 << 3,
	FEATURE_GUARD_SHIFT = 4,  /* four bits */
	FEATURE_ACCESS_SHIFT = 8, /* opens: two bits */
	FEATURE_DIRECTORY = 1 << 10,
	FEATURE_TRUNCATES = 1 << 11,
	FEATURE_CREATES = 1 << 12,
	FEATURE_CREATES_PROGRAM = 1 << 13,
	FEATURE_CLIMBS = 1 << 14,
	FEATURE_SORT_SHIFT = 8, /* sockets: three bits, enum sort */
	FEATURE_IN_PROGRESS = 1 << 11,
	FEATURE_PORT_SHIFT = 12,    /* two bits: the class of the server's port */
	FEATURE_ADDRESS_SHIFT = 14, /* and of its address */
};
enum sort {
	SORT_OTHER = 0,
	SORT_UNIX = 1,
	SORT_UNKNOWN = 2,
	SORT_TCP4 = 3,
	SORT_UDP4 = 4,
	SORT_TCP6 = 5,
	SORT_UDP6 = 6
};

struct filter_call {
	u16 columns; /* where its table begins, in units of 256 */
	u8 kind;
	u8 unused;
};

struct filter_network {
	u32 address, mask; /* network byte order */
};

/* One value of a map of its own: a new filter is a new map, put in the place of the old one. */
struct filter {
	u32 start;
	u32 classes;
	u32 other_guards; /* of processes whose name is not in the table */
	u32 generation;
	u8 class_of[256];
	struct filter_call calls[CALLS];
	u64 names[FILTER_NAMES][2];
	u32 name_guards[FILTER_NAMES];
	u8 ports[65536 / 4]; /* two bits each: its class */
	/* The first that holds an address tells its class; the last entry holds all. */
	struct filter_network networks[FILTER_NETWORKS];
	u8 network_classes[FILTER_NETWORKS];
	u8 columns[FILTER_COLUMN_BYTES];
	u16 output_of[FILTER_STATES];
	u64 outputs[FILTER_OUTPUTS][4]; /* columns for which a path that ends in such a state is wanted */
	u16 next[FILTER_CELLS];         /* state * classes + class → state */
};
_Static_assert(sizeof(struct filter) == 1700400, "filter");

struct filter_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct filter)); /* of its type, clang tells only the name here */
};

/* Empty: everything is sent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct filter_map);
} filters SEC(".maps");

/* What a cgroup is, as far as the agent knows: 1 the host, 2 a container. Keys are event_header.cgroup. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u32);
} cgroup_kinds SEC(".maps");

/*
 * What the agent was told of a process by its last record. What changes with any record, whatever its kind, is told by
 * the next one: so a record is never dropped that tells of a new parent, name, cgroup or program.
 */
struct told {
	u64 cgroup;
	u64 comm[2]; /* of the first thread */
	u64 exec_id;
	u32 ppid;
	u32 guards;     /* of that name, for one filter: */
	u32 generation; /* 0: for none */
	u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct told);
} told_of SEC(".maps");

struct filtered {
	u64 sent;
	u64 dropped;
};

/* By system call; only of those that the filter looks at. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CALLS);
	__type(key, u32);
	__type(value, struct filtered);
} filtered SEC(".maps");

static __always_inline u32 guards_of(struct filter *filter, u64 comm[2])
{
	u64 hash = comm[0] * 0x9e3779b97f4a7c15ull ^ comm[1] * 0xc2b2ae3d27d4eb4full;
	u32 slot = hash >> 55;

#pragma unroll
	for (int i = 0; i < FILTER_PROBES; i++) {
		u32 at = (slot + i) & (FILTER_NAMES - 1);

		if (filter->names[at][0] == comm[0] && filter->names[at][1] == comm[1])
			return filter->name_guards[at] & ALL_GUARDS;
	}
	return filter->other_guards & ALL_GUARDS;
}

/* Zeros behind the NUL, which older kernels leave as they were. */
static __always_inline void clean_comm(u64 to[2], u64 from[2])
{
	char *bytes = (char *)to;
	bool ended = false;

	to[0] = from[0];
	to[1] = from[1];
#pragma unroll
	for (int i = 0; i < 16; i++) {
		ended |= !bytes[i];
		if (ended)
			bytes[i] = 0;
	}
}

/* Notes what a record of now tells. Whether any of that is new to the agent; `guards`: of the name that it knows. */
static __always_inline bool note(struct filter *filter, struct task_struct *task, u64 cgroup, u32 *guards)
{
	struct task_struct *leader = task->group_leader;
	struct told *told = bpf_task_storage_get(&told_of, leader, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	u32 ppid = leader->real_parent->tgid;
	u64 exec_id = leader->self_exec_id;
	u64 comm[2], clean[2];
	bool isNew = false;

	*guards = ALL_GUARDS;
	if (!told)
		return true;
	if (told->ppid != ppid || told->cgroup != cgroup || told->exec_id != exec_id) {
		told->ppid = ppid;
		told->cgroup = cgroup;
		told->exec_id = exec_id;
		isNew = true;
	}
	load(&comm[0], 8, leader->comm);
	load(&comm[1], 8, leader->comm + 8);
	if (told->comm[0] != comm[0] || told->comm[1] != comm[1]) {
		/* Records of other threads do not tell the first one's name. */
		if (task != leader)
			return isNew;
		told->comm[0] = comm[0];
		told->comm[1] = comm[1];
		told->generation = 0;
		isNew = true;
	}
	if (told->generation == filter->generation) {
		*guards = told->guards;
	} else if (task == leader) {
		clean_comm(clean, comm);
		*guards = guards_of(filter, clean);
		told->guards = *guards;
		told->generation = filter->generation;
	}
	return isNew;
}

static __always_inline u32 open_flags_of(struct call *call, struct call_shape *shape, u32 *mode, bool *known)
{
	u64 how[ENTRIES_IN_HOW] = {};

	*known = true;
	*mode = argument(call, shape->mode);
	if (shape->how) {
		*known = !bpf_probe_read_user(how, sizeof(how), (void *)argument(call, shape->how));
		*mode = how[1];
		return how[0];
	}
	return call->nr == NR_CREAT ? 01101 : argument(call, shape->open_flags);
}

static __always_inline u32 open_features(u32 flags, u32 mode)
{
	u32 features = (flags & 3) << FEATURE_ACCESS_SHIFT | FEATURE_CLIMBS;

	if (flags & 0200000)
		features |= FEATURE_DIRECTORY;
	if (flags & 01000)
		features |= FEATURE_TRUNCATES;
	if (flags & 020000100) { /* O_CREAT, __O_TMPFILE */
		features |= FEATURE_CREATES;
		if (mode & 0111)
			features |= FEATURE_CREATES_PROGRAM;
	}
	return features;
}

/* Of IPv4; for IPv6 there are no networks. */
static __always_inline u32 address_class(struct filter *filter, struct sock *sock, bool serving)
{
	u32 address =
		serving ? BPF_CORE_READ(sock, __sk_common.skc_rcv_saddr) : BPF_CORE_READ(sock, __sk_common.skc_daddr);

	for (u32 i = 0; i < FILTER_NETWORKS; i++) {
		if ((address & filter->networks[i].mask) == filter->networks[i].address)
			return filter->network_classes[i] & 3;
	}
	return CLASS_MIXED;
}

/* Where the address that the call gave may be what rules see (fill_given), the family is not certain. */
static __always_inline u32 socket_features(struct filter *filter, struct call *call, struct call_shape *shape, s64 ret)
{
	u32 features = ret == -EINPROGRESS ? FEATURE_IN_PROGRESS : 0;
	u32 unknown = features | SORT_UNKNOWN << FEATURE_SORT_SHIFT, nr = call->nr;
	bool named = nr == NR_CONNECT || nr == NR_BIND;
	bool serving = nr == NR_ACCEPT || nr == NR_ACCEPT4 || nr == NR_LISTEN || nr == NR_BIND;
	struct sock *sock;
	u16 family, port, protocol;
	u32 sort;

	if (named && ret < 0 && !features)
		return unknown;
	sock = sock_of(file_of(argument(call, shape->fd)));
	if (!sock)
		return named ? unknown : features;
	family = BPF_CORE_READ(sock, __sk_common.skc_family);
	if (family == AF_UNIX)
		return features | SORT_UNIX << FEATURE_SORT_SHIFT;
	if (family != AF_INET && family != AF_INET6)
		return features;
	port = serving ? BPF_CORE_READ(sock, __sk_common.skc_num)
		       : __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_dport));
	protocol = BPF_CORE_READ(sock, sk_protocol);
	if (!port || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return unknown;
	sort = (family == AF_INET ? SORT_TCP4 : SORT_TCP6) + (protocol == IPPROTO_UDP);
	return features | sort << FEATURE_SORT_SHIFT |
	       (filter->ports[port >> 2] >> 2 * (port & 3) & 3) << FEATURE_PORT_SHIFT |
	       (family == AF_INET ? address_class(filter, sock, serving) : CLASS_MIXED) << FEATURE_ADDRESS_SHIFT;
}

/* Whether a call that carries data names a peer, or has room for one: that is noted with its record. */
static __always_inline bool names_peer(struct call *call)
{
	u64 name = 1;

	switch (call->nr) {
	case NR_SENDTO:
	case NR_RECVFROM:
		return call->args[5];
	case NR_SENDMSG:
	case NR_RECVMSG:
		/* struct msghdr begins with it */
		return call->flags & FLAG_COMPAT || bpf_probe_read_user(&name, sizeof(name), (void *)call->args[2]) ||
		       name;
	default:
		return false;
	}
}

#include "path_filter.h"

static __always_inline u8 column_of(struct filter *filter, struct filter_call *call, u32 features)
{
	return filter->columns[(call->columns * 256 + features) & (FILTER_COLUMN_BYTES - 1)];
}

static __always_inline bool decide(struct filter *filter, struct filter_call *entry, struct call *call,
				   struct call_shape *shape, u32 features, u64 cgroup, s64 ret)
{
	bool known = true;
	u32 flags, mode;
	u32 *kind;
	u8 column;

	if (entry->kind == FILTER_OPEN) {
		flags = open_flags_of(call, shape, &mode, &known);
		if (!known)
			return true;
		features |= open_features(flags, mode);
	} else if (entry->kind == FILTER_SOCKET) {
		if (names_peer(call))
			return true;
		features |= socket_features(filter, call, shape, ret);
	}
	column = column_of(filter, entry, features);
	if (column == COLUMN_NEVER)
		return false;
	kind = bpf_map_lookup_elem(&cgroup_kinds, &cgroup);
	if (kind) {
		features |= (*kind & 3) << FEATURE_CONTAINER_SHIFT;
		column = column_of(filter, entry, features);
		if (column == COLUMN_NEVER)
			return false;
	}
	if (column == COLUMN_ALWAYS || entry->kind != FILTER_OPEN)
		return true;
	return is_path_wanted(filter, call, shape, column, column_of(filter, entry, features & ~FEATURE_CLIMBS), ret);
}

/* Whether the agent needs a record of the call. */
static __noinline bool is_wanted(struct call *call, struct call_shape *shape, s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 zero = 0, nr = call->nr, guards, features;
	void *map = bpf_map_lookup_elem(&filters, &zero);
	struct filtered *counts;
	struct filter *filter;
	struct filter_call *entry;
	bool wanted;
	u64 cgroup;

	if (!map)
		return true;
	filter = bpf_map_lookup_elem(map, &zero);
	if (!filter || nr >= CALLS)
		return true;
	hide(nr); /* Linux 6.1 forgets the bound when the number goes through the stack: it is made anew. */
	entry = &filter->calls[nr & (CALLS - 1)];
	cgroup = cgroup_number(own_cgroup(task));
	wanted = note(filter, task, cgroup, &guards);
	if (entry->kind == FILTER_SEND)
		return true;
	features = guards << FEATURE_GUARD_SHIFT | (ret < 0 ? FEATURE_FAILED : 0) |
		   (task->cred->uid.val == 0 ? FEATURE_ROOT : 0);
	wanted = wanted || decide(filter, entry, call, shape, features, cgroup, ret);
	counts = bpf_map_lookup_elem(&filtered, &nr);
	if (counts) {
		if (wanted)
			counts->sent++;
		else
			counts->dropped++;
	}
	return wanted;
}

#endif
